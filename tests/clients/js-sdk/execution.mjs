// ECS, CloudWatch Logs and Lambda: what runs, and what it says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand, DeleteLogGroupCommand, DescribeLogStreamsCommand,
  GetLogEventsCommand, paginateDescribeLogGroups, paginateFilterLogEvents, PutLogEventsCommand, PutRetentionPolicyCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateClusterCommand, DeleteClusterCommand, DeregisterTaskDefinitionCommand, DescribeTasksCommand, ECSClient,
  paginateListTasks, RegisterTaskDefinitionCommand, RunTaskCommand, StopTaskCommand, waitUntilTasksRunning,
  waitUntilTasksStopped,
} from "@aws-sdk/client-ecs";
import {
  CreateAliasCommand, CreateFunctionCommand, DeleteFunctionCommand, InvokeCommand, InvokeWithResponseStreamCommand,
  LambdaClient, paginateListFunctions, PublishVersionCommand, UpdateFunctionConfigurationCommand, waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { settings } from "./settings.mjs";

const patience = { maxWaitTime: 60, minDelay: 0.1, maxDelay: 1 };

export async function task([subnet]) {
  const ecs = new ECSClient(settings), logs = new CloudWatchLogsClient(settings), waiting = { ...patience, client: ecs };
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
  const run = {
    cluster: "js", taskDefinition: "js", launchType: "FARGATE",
    networkConfiguration: { awsvpcConfiguration: { subnets: [subnet] } },
  };
  const started = await ecs.send(new RunTaskCommand(run));
  const wanted = { cluster: "js", tasks: [started.tasks[0].taskArn] };
  await waitUntilTasksStopped(waiting, wanted);
  const stopped = (await ecs.send(new DescribeTasksCommand(wanted))).tasks[0];
  assert.equal(stopped.containers[0].exitCode, 3);
  assert.ok(stopped.stoppedAt instanceof Date && stopped.stoppedAt >= stopped.startedAt);
  const { events } = await logs.send(new GetLogEventsCommand({
    logGroupName: "/js", logStreamName: `p/main/${stopped.taskArn.split("/").pop()}`, startFromHead: true }));
  assert.deepEqual(events.map((e) => e.message), ["from js"]);
  await assert.rejects(ecs.send(new DescribeTasksCommand({ ...wanted, cluster: "none" })), { name: "ClusterNotFoundException" });
  const containerOverrides = [{ name: "main", command: ["sh", "-c", "exec sleep 100"] }];
  const { tasks } = await ecs.send(new RunTaskCommand({ ...run, count: 2, overrides: { containerOverrides } }));
  const both = { cluster: "js", tasks: tasks.map((t) => t.taskArn) }, listed = [];
  await waitUntilTasksRunning(waiting, both);
  for await (const page of paginateListTasks({ client: ecs, pageSize: 1 }, { cluster: "js" })) listed.push(...page.taskArns);
  assert.deepEqual(listed.sort(), both.tasks.sort());
  for (const one of both.tasks) await ecs.send(new StopTaskCommand({ cluster: "js", task: one, reason: "enough" }));
  await waitUntilTasksStopped(waiting, both);
  const ended = (await ecs.send(new DescribeTasksCommand(both))).tasks;
  assert.ok(ended.every((t) => t.stopCode === "UserInitiated" && t.stoppedReason === "enough"), JSON.stringify(ended));
  await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: "js:1" }));
  assert.equal((await ecs.send(new DeleteClusterCommand({ cluster: "js" }))).cluster.status, "INACTIVE");
}

export async function logs() {
  const client = new CloudWatchLogsClient(settings), logGroupName = "/js/logs", logStreamName = "one";
  await client.send(new CreateLogGroupCommand({ logGroupName, tags: { a: "b" } }));
  await assert.rejects(client.send(new CreateLogGroupCommand({ logGroupName })), { name: "ResourceAlreadyExistsException" });
  await client.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 7 }));
  await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  const now = Date.now(), logEvents = [];
  for (let i = 0; i < 250; i++) logEvents.push({ timestamp: now + i, message: `${i % 2 ? "odd" : "even"} ${i} ü` });
  await client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
  const found = [];
  for await (const page of paginateFilterLogEvents({ client, pageSize: 50 }, { logGroupName, filterPattern: "odd" })) {
    found.push(...page.events.map((e) => e.message));
  }
  assert.deepEqual(found, logEvents.filter((e) => e.message.startsWith("odd")).map((e) => e.message));
  const backwards = await client.send(new GetLogEventsCommand({ logGroupName, logStreamName, limit: 2 }));
  assert.deepEqual(backwards.events.map((e) => e.message), ["even 248 ü", "odd 249 ü"]);
  const end = await client.send(new GetLogEventsCommand({ logGroupName, logStreamName, nextToken: backwards.nextForwardToken }));
  assert.deepEqual([end.events, end.nextForwardToken], [[], backwards.nextForwardToken]);
  const { logStreams } = await client.send(new DescribeLogStreamsCommand({ logGroupName, orderBy: "LastEventTime" }));
  assert.equal(logStreams[0].firstEventTimestamp, now);
  const groups = [];
  for await (const page of paginateDescribeLogGroups({ client, pageSize: 1 }, { logGroupNamePrefix: "/js/" })) {
    groups.push(...page.logGroups);
  }
  assert.deepEqual(groups.map((g) => g.retentionInDays), [7]);
  await client.send(new DeleteLogGroupCommand({ logGroupName }));
  await assert.rejects(client.send(new DescribeLogStreamsCommand({ logGroupName })), { name: "ResourceNotFoundException" });
}

function parsed(payload) {
  return JSON.parse(payload.transformToString());
}

async function streamed(lambda, FunctionName) {
  const answer = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName, Payload: "{}" }));
  let text = "";
  for await (const event of answer.EventStream) {
    if (event.PayloadChunk) text += Buffer.from(event.PayloadChunk.Payload).toString();
    else assert.equal(event.InvokeComplete.ErrorCode, undefined);
  }
  return JSON.parse(text);
}

export async function invocation([archive, Role]) {
  const lambda = new LambdaClient(settings), FunctionName = "js";
  await lambda.send(new CreateFunctionCommand({
    FunctionName, Runtime: "python3.11", Handler: "app.handler", Role, Code: { ZipFile: readFileSync(archive) } }));
  await waitUntilFunctionActiveV2({ ...patience, client: lambda }, { FunctionName });
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ a: "ü" }), LogType: "Tail" }));
  assert.equal(answer.FunctionError, undefined, answer.Payload.transformToString());
  assert.deepEqual(parsed(answer.Payload), { got: { a: "ü" }, color: null });
  assert.match(Buffer.from(answer.LogResult, "base64").toString(), /REPORT RequestId/);
  assert.deepEqual(await streamed(lambda, FunctionName), { got: {}, color: null });
  const failed = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ fail: "this" }) }));
  assert.deepEqual([failed.FunctionError, parsed(failed.Payload).errorMessage], ["Unhandled", "this"]);
  const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName }));
  await lambda.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: Version }));
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables: { COLOR: "green" } } }));
  await waitUntilFunctionUpdatedV2({ ...patience, client: lambda }, { FunctionName });
  for (const [Qualifier, color] of [["$LATEST", "green"], ["live", null]]) {
    const got = await lambda.send(new InvokeCommand({ FunctionName, Qualifier, Payload: "{}" }));
    assert.equal(parsed(got.Payload).color, color, Qualifier);
  }
  const names = [];
  for await (const page of paginateListFunctions({ client: lambda, pageSize: 1 }, {})) names.push(...page.Functions.map((f) => f.FunctionName));
  assert.ok(names.includes(FunctionName));
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName })), { name: "ResourceNotFoundException" });
}
