// The JavaScript SDK v3 against awssim: one part of the program an argument; ends with the failure and status 1 at the
// first thing that is not as it should be.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { CloudWatchLogsClient, CreateLogGroupCommand, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateClusterCommand, DescribeTasksCommand, ECSClient, RegisterTaskDefinitionCommand, RunTaskCommand, waitUntilTasksStopped,
} from "@aws-sdk/client-ecs";
import {
  CreateFunctionCommand, InvokeCommand, InvokeWithResponseStreamCommand, LambdaClient, waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListObjectVersionsCommand,
  paginateListObjectsV2, PutBucketVersioningCommand, PutObjectCommand, S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const settings = { region: "us-east-1", maxAttempts: 1 };

async function identity() {
  const sts = new STSClient(settings);
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, "123456789012");
  const role = await sts.send(new AssumeRoleCommand({ RoleArn: "arn:aws:iam::123456789012:role/any", RoleSessionName: "js" }));
  assert.ok(role.Credentials.Expiration > new Date());
  await assert.rejects(sts.send(new AssumeRoleCommand({ RoleArn: "short", RoleSessionName: "js" })), { name: "ValidationError" });
}

async function task([subnet]) {
  const ecs = new ECSClient(settings), logs = new CloudWatchLogsClient(settings);
  await ecs.send(new CreateClusterCommand({ clusterName: "js" }));
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/js" }));
  await ecs.send(new RegisterTaskDefinitionCommand({
    family: "js", networkMode: "awsvpc", requiresCompatibilities: ["FARGATE"], cpu: "256", memory: "512",
    containerDefinitions: [{
      name: "main", image: "busybox", command: ["sh", "-c", "echo from js; exit 3"],
      logConfiguration: { logDriver: "awslogs", options: {
        "awslogs-group": "/js", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p" } },
    }],
  }));
  const started = await ecs.send(new RunTaskCommand({
    cluster: "js", taskDefinition: "js", launchType: "FARGATE",
    networkConfiguration: { awsvpcConfiguration: { subnets: [subnet] } },
  }));
  const wanted = { cluster: "js", tasks: [started.tasks[0].taskArn] };
  await waitUntilTasksStopped({ client: ecs, maxWaitTime: 60, minDelay: 0.1, maxDelay: 1 }, wanted);
  const stopped = (await ecs.send(new DescribeTasksCommand(wanted))).tasks[0];
  assert.equal(stopped.containers[0].exitCode, 3);
  assert.ok(stopped.stoppedAt instanceof Date && stopped.stoppedAt >= stopped.startedAt);
  const { events } = await logs.send(new GetLogEventsCommand({
    logGroupName: "/js", logStreamName: `p/main/${stopped.taskArn.split("/").pop()}`, startFromHead: true }));
  assert.deepEqual(events.map((e) => e.message), ["from js"]);
  await assert.rejects(ecs.send(new DescribeTasksCommand({ ...wanted, cluster: "none" })), { name: "ClusterNotFoundException" });
}

async function storage() {
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const Bucket = "js-objects", content = randomBytes(12 << 20);
  await s3.send(new CreateBucketCommand({ Bucket }));
  async function same(Key) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.ok(content.equals(await got.Body.transformToByteArray()), Key);
  }
  function* pieces() {
    for (let i = 0; i < content.length; i += 100_000) yield content.subarray(i, i + 100_000);
  }
  for (const ChecksumAlgorithm of [undefined, "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const Key = `stream of parts/${ChecksumAlgorithm}+ü`;
    await new Upload({ client: s3, params: { Bucket, Key, Body: Readable.from(pieces()), ChecksumAlgorithm } }).done();
    await same(Key);
    const one = { Bucket, Key: `one/${ChecksumAlgorithm}`, ContentLength: content.length, ChecksumAlgorithm };
    await s3.send(new PutObjectCommand({ ...one, Body: Readable.from(pieces(), { objectMode: false }) }));
    await same(one.Key);
  }
  await presigned(s3, Bucket);
  await s3.send(new PutObjectCommand({ Bucket, Key: "small", Body: "small", Metadata: { color: "green" } }));
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: "small" }))).Metadata.color, "green");
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "none" })), { name: "NoSuchKey" });
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  const keys = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 5 }, { Bucket })) {
    keys.push(...page.Contents.map((o) => ({ Key: o.Key })));
  }
  assert.equal(keys.length, 14);
  const removed = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys } }));
  assert.ok(removed.Deleted.every((d) => d.DeleteMarker) && removed.Deleted.length === 14);
  assert.equal((await s3.send(new ListObjectVersionsCommand({ Bucket }))).DeleteMarkers.length, 14);
}

async function presigned(s3, Bucket) {
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "presigned" }), { expiresIn: 60 });
  const answer = await fetch(put, { method: "PUT", body: "by url" });
  assert.equal(answer.status, 200, await answer.text());
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "presigned", ResponseContentType: "text/y" }));
  const got = await fetch(get);
  assert.equal(await got.text(), "by url");
  assert.equal(got.headers.get("content-type"), "text/y");
  assert.equal((await fetch(get.replace("X-Amz-Signature=", "X-Amz-Signature=0"))).status, 403);
}

async function invocation([archive]) {
  const lambda = new LambdaClient(settings);
  const FunctionName = "js";
  await lambda.send(new CreateFunctionCommand({
    FunctionName, Runtime: "nodejs20.x", Handler: "index.handler", Role: "arn:aws:iam::123456789012:role/functions",
    Code: { ZipFile: readFileSync(archive) } }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30, minDelay: 0.1, maxDelay: 1 }, { FunctionName });
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ a: "ü" }), LogType: "Tail" }));
  assert.equal(answer.FunctionError, undefined, answer.Payload.transformToString());
  assert.deepEqual(JSON.parse(answer.Payload.transformToString()), { got: { a: "ü" } });
  assert.match(Buffer.from(answer.LogResult, "base64").toString(), /REPORT RequestId/);
  const stream = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName, Payload: "{}" }));
  let text = "";
  for await (const event of stream.EventStream) {
    if (event.PayloadChunk) text += Buffer.from(event.PayloadChunk.Payload).toString();
    else assert.equal(event.InvokeComplete.ErrorCode, undefined);
  }
  assert.deepEqual(JSON.parse(text), { got: {} });
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName: "none" })), { name: "ResourceNotFoundException" });
}

const [part, ...rest] = process.argv.slice(2);
await { identity, task, storage, invocation }[part](rest);
