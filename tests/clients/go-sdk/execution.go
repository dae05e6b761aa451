package main

// ECS, CloudWatch Logs and Lambda: what runs, and what it says.

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func task(c aws.Config, _ []string) {
	client, events := ecs.NewFromConfig(c), cloudwatchlogs.NewFromConfig(c)
	subnets := must(ec2.NewFromConfig(c).DescribeSubnets(ctx, nil)).Subnets
	must(client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("go")}))
	must(events.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/go")}))
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
	lines := must(events.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/go"), LogStreamName: aws.String("p/main/" + arn[strings.LastIndex(arn, "/")+1:]),
		StartFromHead: aws.Bool(true)})).Events
	assert(len(lines) == 1 && *lines[0].Message == "from go", lines)
	_, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String("none"), Tasks: []string{arn}})
	var absent *ecstypes.ClusterNotFoundException
	assert(errors.As(err, &absent), err)
}

func logs(c aws.Config, _ []string) {
	client, group, stream := cloudwatchlogs.NewFromConfig(c), aws.String("/go/logs"), aws.String("one")
	must(client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group, Tags: map[string]string{"a": "b"}}))
	must(client.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(7)}))
	must(client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	sent, now := []logstypes.InputLogEvent{}, time.Now().UnixMilli()
	for i := range 250 {
		sent = append(sent, logstypes.InputLogEvent{Timestamp: aws.Int64(now + int64(i)),
			Message: aws.String(fmt.Sprintf("%s %d ü", []string{"even", "odd"}[i%2], i))})
	}
	must(client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: sent}))
	pages, odd := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: group, FilterPattern: aws.String("odd"), Limit: aws.Int32(50)}), []string{}
	for pages.HasMorePages() {
		for _, event := range must(pages.NextPage(ctx)).Events {
			odd = append(odd, *event.Message)
		}
	}
	assert(len(odd) == 125 && odd[0] == "odd 1 ü" && odd[124] == "odd 249 ü", odd)
	read, all := cloudwatchlogs.NewGetLogEventsPaginator(client, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group,
		LogStreamName: stream, StartFromHead: aws.Bool(true), Limit: aws.Int32(100)},
		func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true }), 0
	for read.HasMorePages() {
		all += len(must(read.NextPage(ctx)).Events)
	}
	assert(all == 250, all)
	must(client.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group}))
	refused("ResourceNotFoundException")(client.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: group}))
}

func invoke(client *lambda.Client, qualifier, payload string) (*lambda.InvokeOutput, map[string]any) {
	answer := must(client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("go"), Qualifier: aws.String(qualifier),
		Payload: []byte(payload), LogType: lambdatypes.LogTypeTail}))
	var got map[string]any
	check(json.Unmarshal(answer.Payload, &got))
	return answer, got
}

func invocation(c aws.Config, arguments []string) {
	client, name := lambda.NewFromConfig(c), aws.String("go")
	must(client.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: name, Runtime: "python3.11",
		Handler: aws.String("app.handler"), Role: aws.String(arguments[1]),
		Code: &lambdatypes.FunctionCode{ZipFile: must(os.ReadFile(arguments[0]))}}))
	quick := func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay = 100 * time.Millisecond }
	check(lambda.NewFunctionActiveV2Waiter(client, quick).Wait(ctx, &lambda.GetFunctionInput{FunctionName: name}, time.Minute))
	answer, got := invoke(client, "$LATEST", `{"a": "ü"}`)
	assert(answer.FunctionError == nil && got["got"].(map[string]any)["a"] == "ü", string(answer.Payload))
	assert(strings.Contains(string(must(base64.StdEncoding.DecodeString(*answer.LogResult))), "REPORT RequestId"), *answer.LogResult)
	answer, got = invoke(client, "$LATEST", `{"fail": "this"}`)
	assert(*answer.FunctionError == "Unhandled" && got["errorMessage"] == "this", string(answer.Payload))
	stream := must(client.InvokeWithResponseStream(ctx, &lambda.InvokeWithResponseStreamInput{
		FunctionName: name, Payload: []byte("{}")})).GetStream()
	text := ""
	for event := range stream.Events() {
		switch e := event.(type) {
		case *lambdatypes.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			text += string(e.Value.Payload)
		case *lambdatypes.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			assert(e.Value.ErrorCode == nil, e.Value)
		}
	}
	check(stream.Close())
	assert(strings.Contains(text, `"got"`), text)
	version := must(client.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: name})).Version
	must(client.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: version}))
	must(client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: name,
		Environment: &lambdatypes.Environment{Variables: map[string]string{"COLOR": "green"}}}))
	updated := func(o *lambda.FunctionUpdatedV2WaiterOptions) { o.MinDelay = 100 * time.Millisecond }
	check(lambda.NewFunctionUpdatedV2Waiter(client, updated).Wait(ctx, &lambda.GetFunctionInput{FunctionName: name}, time.Minute))
	_, got = invoke(client, "$LATEST", "{}")
	assert(got["color"] == "green", got)
	_, got = invoke(client, "live", "{}")
	assert(got["color"] == nil, got)
	must(client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: name}))
	refused("ResourceNotFoundException")(client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: name}))
}
