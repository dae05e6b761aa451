// STS, IAM, EC2 and ECR: what has no data plane, or little of one.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  AuthorizeSecurityGroupIngressCommand, CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand,
  DeleteSecurityGroupCommand, DeleteSubnetCommand, DeleteVpcCommand, DescribeSecurityGroupsCommand, DescribeVpcsCommand,
  EC2Client, paginateDescribeSubnets, waitUntilVpcAvailable,
} from "@aws-sdk/client-ec2";
import {
  BatchGetImageCommand, CompleteLayerUploadCommand, CreateRepositoryCommand, DeleteRepositoryCommand,
  DescribeImagesCommand, DescribeRepositoriesCommand, ECRClient, GetAuthorizationTokenCommand, InitiateLayerUploadCommand,
  ListImagesCommand, PutImageCommand, UploadLayerPartCommand,
} from "@aws-sdk/client-ecr";
import {
  AttachRolePolicyCommand, CreatePolicyCommand, CreateRoleCommand, DeletePolicyCommand, DeleteRoleCommand,
  DeleteRolePolicyCommand, DetachRolePolicyCommand, GetRoleCommand, GetRolePolicyCommand, IAMClient, paginateListRoles,
  PutRolePolicyCommand, SimulateCustomPolicyCommand, waitUntilRoleExists,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { settings } from "./settings.mjs";

function policy(...statements) {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements.map((s) => ({ Effect: "Allow", ...s })) });
}

export async function identity() {
  const sts = new STSClient(settings), iam = new IAMClient(settings);
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, "123456789012");
  const absent = { RoleArn: "arn:aws:iam::123456789012:role/js-absent", RoleSessionName: "js" };
  await assert.rejects(sts.send(new AssumeRoleCommand(absent)), { name: "AccessDenied" });
  const { Role } = await iam.send(new CreateRoleCommand({
    RoleName: "js-assumed", AssumeRolePolicyDocument: policy({ Principal: { AWS: "*" }, Action: "sts:AssumeRole" }) }));
  const role = await sts.send(new AssumeRoleCommand({ RoleArn: Role.Arn, RoleSessionName: "js" }));
  assert.ok(role.Credentials.Expiration > new Date());
  const { AccessKeyId, SecretAccessKey, SessionToken } = role.Credentials;
  const assumed = new STSClient({
    ...settings, credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken } });
  const me = await assumed.send(new GetCallerIdentityCommand({}));
  assert.equal(me.Arn, "arn:aws:sts::123456789012:assumed-role/js-assumed/js");
  await assert.rejects(sts.send(new AssumeRoleCommand({ RoleArn: "short", RoleSessionName: "js" })), { name: "ValidationError" });
}

export async function policies() {
  const iam = new IAMClient(settings), RoleName = "js-role", trust = policy({ Principal: { AWS: "*" }, Action: "sts:AssumeRole" });
  const { Role } = await iam.send(new CreateRoleCommand({
    RoleName, Path: "/js/", AssumeRolePolicyDocument: trust, Description: "für & <xml>", Tags: [{ Key: "a", Value: "b" }] }));
  await waitUntilRoleExists({ client: iam, maxWaitTime: 20, minDelay: 1 }, { RoleName });
  const got = (await iam.send(new GetRoleCommand({ RoleName }))).Role;
  assert.deepEqual([got.RoleId, got.Description, got.Tags], [Role.RoleId, "für & <xml>", [{ Key: "a", Value: "b" }]]);
  assert.equal(decodeURIComponent(got.AssumeRolePolicyDocument), trust);
  const inline = policy({ Action: "s3:Get*", Resource: "arn:aws:s3:::js/*" });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "inline", PolicyDocument: inline }));
  const kept = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: "inline" }));
  assert.equal(decodeURIComponent(kept.PolicyDocument), inline);
  const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: "js-managed", PolicyDocument: inline }));
  await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: Policy.Arn }));
  await assert.rejects(iam.send(new DeleteRoleCommand({ RoleName })), { name: "DeleteConflictException" });
  const answers = await iam.send(new SimulateCustomPolicyCommand({
    PolicyInputList: [inline], ActionNames: ["s3:GetObject", "s3:PutObject"], ResourceArns: ["arn:aws:s3:::js/k"] }));
  assert.deepEqual(answers.EvaluationResults.map((r) => r.EvalDecision), ["allowed", "implicitDeny"]);
  await iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn: Policy.Arn }));
  await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "inline" }));
  await iam.send(new DeletePolicyCommand({ PolicyArn: Policy.Arn }));
  const names = [];
  for await (const page of paginateListRoles({ client: iam, pageSize: 1 }, { PathPrefix: "/js/" })) {
    names.push(...page.Roles.map((r) => r.RoleName));
  }
  assert.deepEqual(names, [RoleName]);
  await iam.send(new DeleteRoleCommand({ RoleName }));
  await assert.rejects(iam.send(new GetRoleCommand({ RoleName })), { name: "NoSuchEntityException" });
}

export async function network() {
  const ec2 = new EC2Client(settings);
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.8.0.0/16" }));
  await waitUntilVpcAvailable({ client: ec2, maxWaitTime: 20 }, { VpcIds: [Vpc.VpcId] });
  const Tags = [{ Key: "Name", Value: "from js & <xml>" }];
  for (const n of [1, 2, 3]) {
    await ec2.send(new CreateSubnetCommand({
      VpcId: Vpc.VpcId, CidrBlock: `10.8.${n}.0/24`, TagSpecifications: [{ ResourceType: "subnet", Tags }] }));
  }
  const subnets = [], Filters = [{ Name: "vpc-id", Values: [Vpc.VpcId] }];
  for await (const page of paginateDescribeSubnets({ client: ec2, pageSize: 5 }, { Filters })) subnets.push(...page.Subnets);
  assert.deepEqual(subnets.map((s) => s.CidrBlock).sort(), ["10.8.1.0/24", "10.8.2.0/24", "10.8.3.0/24"]);
  assert.deepEqual(subnets[0].Tags, Tags);
  const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: "js", Description: "js", VpcId: Vpc.VpcId }));
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [{
    IpProtocol: "tcp", FromPort: 80, ToPort: 81, IpRanges: [{ CidrIp: "10.0.0.0/8", Description: "inside" }] }] }));
  const group = (await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }))).SecurityGroups[0];
  assert.deepEqual(group.IpPermissions[0].IpRanges, [{ CidrIp: "10.0.0.0/8", Description: "inside" }]);
  await assert.rejects(ec2.send(new DeleteVpcCommand({ VpcId: Vpc.VpcId })), { name: "DependencyViolation" });
  await ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
  for (const { SubnetId } of subnets) await ec2.send(new DeleteSubnetCommand({ SubnetId }));
  await ec2.send(new DeleteVpcCommand({ VpcId: Vpc.VpcId }));
  await assert.rejects(ec2.send(new DescribeVpcsCommand({ VpcIds: [Vpc.VpcId] })), { name: "InvalidVpcID.NotFound" });
}

async function upload(ecr, repositoryName, content) {
  const layerDigest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const { uploadId, partSize } = await ecr.send(new InitiateLayerUploadCommand({ repositoryName }));
  for (let at = 0; at < content.length; at += partSize) {
    const layerPartBlob = content.subarray(at, at + partSize);
    const sent = await ecr.send(new UploadLayerPartCommand({
      repositoryName, uploadId, layerPartBlob, partFirstByte: at, partLastByte: at + layerPartBlob.length - 1 }));
    assert.equal(sent.lastByteReceived, at + layerPartBlob.length - 1);
  }
  const done = await ecr.send(new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests: [layerDigest] }));
  assert.equal(done.layerDigest, layerDigest);
  return { digest: layerDigest, size: content.length };
}

export async function registry() {
  const ecr = new ECRClient(settings), repositoryName = "js/images";
  const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability: "IMMUTABLE" }));
  assert.ok(repository.createdAt instanceof Date && repository.repositoryUri.endsWith(`/${repositoryName}`));
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
  assert.ok(authorizationData[0].expiresAt > new Date());
  assert.match(Buffer.from(authorizationData[0].authorizationToken, "base64").toString(), /^AWS:./);
  const config = await upload(ecr, repositoryName, Buffer.from("{}"));
  const layer = await upload(ecr, repositoryName, randomBytes(21 << 20));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const imageManifest = JSON.stringify({ schemaVersion: 2, mediaType,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }] });
  for (const imageTag of ["v1", "v2"]) await ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageTag }));
  await assert.rejects(ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageTag: "v1" })),
    { name: "ImageAlreadyExistsException" });
  const { images, failures } = await ecr.send(new BatchGetImageCommand({
    repositoryName, imageIds: [{ imageTag: "v1" }, { imageTag: "none" }] }));
  assert.deepEqual([images[0].imageManifest, failures[0].failureCode], [imageManifest, "ImageNotFound"]);
  const { imageDetails } = await ecr.send(new DescribeImagesCommand({ repositoryName }));
  assert.deepEqual(imageDetails[0].imageTags.sort(), ["v1", "v2"]);
  assert.equal((await ecr.send(new ListImagesCommand({ repositoryName }))).imageIds.length, 2);
  await assert.rejects(ecr.send(new DeleteRepositoryCommand({ repositoryName })), { name: "RepositoryNotEmptyException" });
  await ecr.send(new DeleteRepositoryCommand({ repositoryName, force: true }));
  await assert.rejects(ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] })),
    { name: "RepositoryNotFoundException" });
}
