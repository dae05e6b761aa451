// The Go SDK against awssim: one part of the program an argument; ends with an error text and status 1 at the first
// thing that is not as it should be.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

var ctx = context.Background()

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func assert(truth bool, what any) {
	if !truth {
		panic(fmt.Sprintf("not as expected: %+v", what))
	}
}

func identity(c aws.Config) {
	client := sts.NewFromConfig(c)
	me := must(client.GetCallerIdentity(ctx, nil))
	assert(*me.Account == "123456789012", *me.Account)
	role := must(client.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/any"), RoleSessionName: aws.String("go")}))
	assert(strings.HasSuffix(*role.AssumedRoleUser.Arn, "assumed-role/any/go"), *role.AssumedRoleUser.Arn)
	assert(time.Until(*role.Credentials.Expiration) > 50*time.Minute, *role.Credentials.Expiration)
}

func network(c aws.Config) {
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
	must(client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: group.GroupId}))
	must(client.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: subnet.SubnetId}))
	must(client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: vpc.VpcId}))
	_, err := client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*vpc.VpcId}})
	assert(err != nil && strings.Contains(err.Error(), "InvalidVpcID.NotFound"), err)
}

func task(c aws.Config) {
	client, logs := ecs.NewFromConfig(c), cloudwatchlogs.NewFromConfig(c)
	subnets := must(ec2.NewFromConfig(c).DescribeSubnets(ctx, nil)).Subnets
	must(client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("go")}))
	must(logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/go")}))
	must(client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("go"), NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("main"), Image: aws.String("busybox"), Command: []string{"sh", "-c", "echo from go; exit 3"},
			LogConfiguration: &ecstypes.LogConfiguration{LogDriver: ecstypes.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/go", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}}}}))
	started := must(client.RunTask(ctx, &ecs.RunTaskInput{
		Cluster: aws.String("go"), TaskDefinition: aws.String("go"), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{
			Subnets: []string{*subnets[0].SubnetId}}}}))
	arn := *started.Tasks[0].TaskArn
	wanted := &ecs.DescribeTasksInput{Cluster: aws.String("go"), Tasks: []string{arn}}
	waiter := ecs.NewTasksStoppedWaiter(client, func(o *ecs.TasksStoppedWaiterOptions) { o.MinDelay = 100 * time.Millisecond })
	check(waiter.Wait(ctx, wanted, time.Minute))
	container := must(client.DescribeTasks(ctx, wanted)).Tasks[0].Containers[0]
	assert(*container.ExitCode == 3, container)
	events := must(logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/go"), LogStreamName: aws.String("p/main/" + arn[strings.LastIndex(arn, "/")+1:]),
		StartFromHead: aws.Bool(true)})).Events
	assert(len(events) == 1 && *events[0].Message == "from go", events)
	_, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String("none"), Tasks: []string{arn}})
	var absent *ecstypes.ClusterNotFoundException
	assert(errors.As(err, &absent), err)
}

func fetch(request *http.Request) (int, []byte) {
	answer := must(http.DefaultClient.Do(request))
	defer answer.Body.Close()
	return answer.StatusCode, must(io.ReadAll(answer.Body))
}

func storage(c aws.Config) {
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	bucket, key := aws.String("go-objects"), aws.String("deep/a b+ü.bin")
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	check(s3.NewBucketExistsWaiter(client).Wait(ctx, &s3.HeadBucketInput{Bucket: bucket}, time.Minute))
	content := make([]byte, 17<<20)
	must(rand.Read(content))
	for _, algorithm := range append(s3types.ChecksumAlgorithm("").Values(), "") {
		// A stream without a known length, in parts, with each checksum the SDK computes itself.
		if known := strings.Contains(" CRC32 CRC32C CRC64NVME SHA1 SHA256  ", " "+string(algorithm)+" "); !known {
			continue
		}
		must(manager.NewUploader(client).Upload(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: key, Body: io.MultiReader(bytes.NewReader(content)), ChecksumAlgorithm: algorithm}))
		buffer := manager.NewWriteAtBuffer(nil)
		must(manager.NewDownloader(client).Download(ctx, buffer, &s3.GetObjectInput{Bucket: bucket, Key: key}))
		assert(bytes.Equal(buffer.Bytes(), content), algorithm)
	}
	must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("small"), Body: strings.NewReader("small"),
		Metadata: map[string]string{"a": "b"}, ContentType: aws.String("text/x")}))
	got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("small"), ChecksumMode: "ENABLED"}))
	assert(string(must(io.ReadAll(got.Body))) == "small" && got.Metadata["a"] == "b" && got.ChecksumCRC32 != nil, got)
	presigned(client, bucket)
	pages, found := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(1)}), []string{}
	for pages.HasMorePages() {
		for _, object := range must(pages.NextPage(ctx)).Contents {
			found = append(found, *object.Key)
		}
	}
	assert(strings.Join(found, "|") == *key+"|put|small", found)
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
	var absent *s3types.NoSuchKey
	assert(errors.As(err, &absent), err)
	objects := []s3types.ObjectIdentifier{}
	for i := range found {
		objects = append(objects, s3types.ObjectIdentifier{Key: &found[i]})
	}
	must(client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{Objects: objects}}))
	must(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}))
}

func presigned(client *s3.Client, bucket *string) {
	signer := s3.NewPresignClient(client)
	put := must(signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("put")}))
	request := must(http.NewRequest(put.Method, put.URL, strings.NewReader("presigned")))
	status, body := fetch(request)
	assert(status == 200, string(body))
	get := must(signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("put"),
		ResponseContentType: aws.String("text/y")}, s3.WithPresignExpires(time.Minute)))
	status, body = fetch(must(http.NewRequest(get.Method, get.URL, nil)))
	assert(status == 200 && string(body) == "presigned", string(body))
}

func main() {
	defer func() {
		if failure := recover(); failure != nil {
			fmt.Fprintln(os.Stderr, failure)
			os.Exit(1)
		}
	}()
	parts := map[string]func(aws.Config){"identity": identity, "network": network, "task": task, "storage": storage}
	for _, name := range os.Args[1:] {
		parts[name](must(config.LoadDefaultConfig(ctx)))
	}
}
