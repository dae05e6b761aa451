package main

// STS, IAM, EC2 and ECR: what has no data plane, or little of one.

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func policy(statement string) *string {
	return aws.String(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", ` + statement + `}]}`)
}

func identity(c aws.Config, _ []string) {
	client := sts.NewFromConfig(c)
	me := must(client.GetCallerIdentity(ctx, nil))
	assert(*me.Account == "123456789012", *me.Account)
	absent := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/go-absent"), RoleSessionName: aws.String("go")}
	refused("AccessDenied")(client.AssumeRole(ctx, absent))
	made := must(iam.NewFromConfig(c).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("go-assumed"),
		AssumeRolePolicyDocument: policy(`"Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"`)}))
	role := must(client.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: made.Role.Arn, RoleSessionName: aws.String("go")}))
	assert(strings.HasSuffix(*role.AssumedRoleUser.Arn, "assumed-role/go-assumed/go"), *role.AssumedRoleUser.Arn)
	assert(time.Until(*role.Credentials.Expiration) > 50*time.Minute, *role.Credentials.Expiration)
	assumed := c.Copy()
	assumed.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, *made.Role.Arn,
		func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "provided" }))
	me = must(sts.NewFromConfig(assumed).GetCallerIdentity(ctx, nil))
	assert(*me.Arn == "arn:aws:sts::123456789012:assumed-role/go-assumed/provided", *me.Arn)
}

func policies(c aws.Config, _ []string) {
	client, name := iam.NewFromConfig(c), aws.String("go-role")
	trust := policy(`"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"`)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/go/"), AssumeRolePolicyDocument: trust,
		Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("für @xml")}}}))
	check(iam.NewRoleExistsWaiter(client).Wait(ctx, &iam.GetRoleInput{RoleName: name}, time.Minute))
	got := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name})).Role
	assert(must(url.QueryUnescape(*got.AssumeRolePolicyDocument)) == *trust && *got.Tags[0].Value == "für @xml", got)
	inline := policy(`"Action": "s3:Get*", "Resource": "arn:aws:s3:::go/*"`)
	must(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("inline"), PolicyDocument: inline}))
	managed := must(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("go"), PolicyDocument: inline})).Policy
	must(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: managed.Arn}))
	refused("DeleteConflict")(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	answers := must(client.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{*inline},
		ActionNames: []string{"s3:GetObject", "s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::go/k"}})).EvaluationResults
	assert(answers[0].EvalDecision == "allowed" && answers[1].EvalDecision == "implicitDeny", answers)
	must(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: managed.Arn}))
	must(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("inline")}))
	must(client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: managed.Arn}))
	pages, found := iam.NewListRolesPaginator(client, &iam.ListRolesInput{PathPrefix: aws.String("/go/"), MaxItems: aws.Int32(1)}), 0
	for pages.HasMorePages() {
		found += len(must(pages.NextPage(ctx)).Roles)
	}
	assert(found == 1, found)
	must(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	refused("NoSuchEntity")(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name}))
}

func network(c aws.Config, _ []string) {
	client := ec2.NewFromConfig(c)
	vpc := must(client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})).Vpc
	check(ec2.NewVpcAvailableWaiter(client).Wait(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*vpc.VpcId}}, time.Minute))
	subnet := must(client.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: vpc.VpcId, CidrBlock: aws.String("10.9.1.0/24"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSubnet,
			Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("from go & <xml>")}}}}})).Subnet
	pages, found := ec2.NewDescribeSubnetsPaginator(client, &ec2.DescribeSubnetsInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*vpc.VpcId}}}}), 0
	for pages.HasMorePages() {
		for _, s := range must(pages.NextPage(ctx)).Subnets {
			assert(*s.SubnetId == *subnet.SubnetId && *s.Tags[0].Value == "from go & <xml>", s)
			found++
		}
	}
	assert(found == 1, found)
	group := must(client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("go"), Description: aws.String("go"), VpcId: vpc.VpcId}))
	must(client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: group.GroupId, IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80),
			ToPort: aws.Int32(80), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}}))
	refused("DependencyViolation")(client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: vpc.VpcId}))
	must(client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: group.GroupId}))
	must(client.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: subnet.SubnetId}))
	must(client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: vpc.VpcId}))
	refused("InvalidVpcID.NotFound")(client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*vpc.VpcId}}))
}

// Uploads a blob in parts; answers it as a manifest names it.
func blob(client *ecr.Client, repository *string, mediaType string, content []byte) string {
	upload := must(client.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RepositoryName: repository}))
	for at := 0; at < len(content); at += int(*upload.PartSize) {
		end := min(at+int(*upload.PartSize), len(content))
		must(client.UploadLayerPart(ctx, &ecr.UploadLayerPartInput{RepositoryName: repository, UploadId: upload.UploadId,
			PartFirstByte: aws.Int64(int64(at)), PartLastByte: aws.Int64(int64(end - 1)), LayerPartBlob: content[at:end]}))
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
	must(client.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{
		RepositoryName: repository, UploadId: upload.UploadId, LayerDigests: []string{digest}}))
	return fmt.Sprintf(`{"mediaType": "%s", "digest": "%s", "size": %d}`, mediaType, digest, len(content))
}

func registry(c aws.Config, _ []string) {
	client, name := ecr.NewFromConfig(c), aws.String("go/images")
	made := must(client.CreateRepository(ctx, &ecr.CreateRepositoryInput{
		RepositoryName: name, ImageTagMutability: ecrtypes.ImageTagMutabilityImmutable})).Repository
	assert(time.Since(*made.CreatedAt) < time.Hour && strings.HasSuffix(*made.RepositoryUri, "/go/images"), made)
	token := must(client.GetAuthorizationToken(ctx, nil)).AuthorizationData[0]
	assert(strings.HasPrefix(string(must(base64.StdEncoding.DecodeString(*token.AuthorizationToken))), "AWS:"), token)
	layer := make([]byte, 21<<20)
	must(rand.Read(layer))
	manifest := aws.String(fmt.Sprintf(`{"schemaVersion": 2, "mediaType": "%s", "config": %s, "layers": [%s]}`,
		"application/vnd.oci.image.manifest.v1+json",
		blob(client, name, "application/vnd.oci.image.config.v1+json", []byte("{}")),
		blob(client, name, "application/vnd.oci.image.layer.v1.tar", layer)))
	must(client.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, ImageManifest: manifest, ImageTag: aws.String("v1")}))
	must(client.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, ImageManifest: manifest, ImageTag: aws.String("v2")}))
	found := []string{}
	pages := ecr.NewListImagesPaginator(client, &ecr.ListImagesInput{RepositoryName: name, MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, image := range must(pages.NextPage(ctx)).ImageIds {
			found = append(found, *image.ImageTag)
		}
	}
	assert(len(found) == 2 && found[0] != found[1], found)
	images := must(client.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: name, ImageIds: []ecrtypes.ImageIdentifier{
		{ImageTag: aws.String("v1")}, {ImageTag: aws.String("none")}}}))
	assert(*images.Images[0].ImageManifest == *manifest && images.Failures[0].FailureCode == "ImageNotFound", images)
	refused("RepositoryNotEmptyException")(client.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: name}))
	must(client.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: name, Force: true}))
	refused("RepositoryNotFoundException")(client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: name}))
}
