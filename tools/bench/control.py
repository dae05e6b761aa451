"""The control plane: start-up, requests a second, tasks, and lists of many resources."""

import re
import time
import urllib.parse

from measured import form_script, json_script, lua, rates, row, show_times, timed, times, AUTH

ECS = "AmazonEC2ContainerServiceV20141113."
LOGS = "Logs_20140328."
MAP = "Route53AutoNaming_v20170314."
EC2 = "&Version=2016-11-15"
IAM = "&Version=2010-05-08"
TRUST = ('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
         '"Principal": {"Service": ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"]}}]}')


def start(makes):
    """makes: what makes each of the servers that start in turn."""
    seconds, servers = {}, [make() for make in makes]
    for _ in range(21):
        for make in makes:
            server = make()
            try:
                seconds.setdefault(server.name, []).append(server.start())
            finally:
                server.stop()
    show_times("start to /health 200", servers, seconds)


def prepare(server):
    server.call(ECS + "CreateCluster", {"clusterName": "bench"})
    server.call(LOGS + "CreateLogGroup", {"logGroupName": "bench"})
    server.call(LOGS + "CreateLogStream", {"logGroupName": "bench", "logStreamName": "bench"})
    server.form("Action=CreateRole&RoleName=bench&AssumeRolePolicyDocument=" + urllib.parse.quote(TRUST) + IAM)
    define(server, "bench", "busybox", ["sh", "-c", "echo one; echo two; exec sleep 0.05"])


def define(server, family, image, command):
    server.call(ECS + "RegisterTaskDefinition", {
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "main", "image": image, "command": command,
                                  "logConfiguration": {"logDriver": "awslogs", "options": {
                                      "awslogs-group": "bench", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}}]})


def network(server):
    answer = server.form("Action=DescribeSubnets&Version=2016-11-15")
    return {"awsvpcConfiguration": {"subnets": [re.search("<subnetId>([^<]*)<", answer)[1]]}}


def run_tasks(server, count, family="bench"):
    answer = server.call(ECS + "RunTask", {"cluster": "bench", "taskDefinition": family, "launchType": "FARGATE", "count": count,
                                           "networkConfiguration": network(server)})
    return [task["taskArn"] for task in answer["tasks"]]


def lines_of(server, arn):
    page = server.call(LOGS + "GetLogEvents", {"logGroupName": "bench", "logStreamName": f"p/main/{arn.split('/')[-1]}",
                                               "startFromHead": True}, may_fail=True)
    return [event["message"] for event in page.get("events", [])]


def one_task(server, family="bench"):
    """Seconds from RunTask to RUNNING, and to its first line."""
    began = time.monotonic()
    arn = run_tasks(server, 1, family)[0]
    running = line = None
    while running is None or line is None:
        if running is None:
            task = server.call(ECS + "DescribeTasks", {"cluster": "bench", "tasks": [arn]})["tasks"][0]
            running = time.monotonic() - began if task.get("startedAt") else None
        if line is None:
            line = time.monotonic() - began if lines_of(server, arn) else None
    return running, line


def crowd(server):
    """Seconds until 200 tasks are STOPPED and their logs complete."""
    began = time.monotonic()
    arns = [arn for _ in range(20) for arn in run_tasks(server, 10)]
    left = arns
    while left:
        tasks = server.call(ECS + "DescribeTasks", {"cluster": "bench", "tasks": left[:100]})["tasks"]
        stopped = {task["taskArn"] for task in tasks if task["lastStatus"] == "STOPPED"}
        left = [arn for arn in left if arn not in stopped]
    took = time.monotonic() - began
    complete = sum(lines_of(server, arn) == ["one", "two"] for arn in arns)
    return took, complete


def tasks(servers):
    measured = {server.name: [] for server in servers}
    for _ in range(50):
        for server in servers:
            measured[server.name].append(one_task(server))
    for at, title in enumerate(("RunTask to RUNNING", "RunTask to the first line")):
        show_times(title, servers, {name: [pair[at] for pair in pairs] for name, pairs in measured.items()})
    for server in servers:
        took, complete = crowd(server)
        row("200 tasks at once", server.name, f"{took:9.2f} s   {complete} logs complete")


def access_key(server):
    """A key of AWS's shape, which iam must know."""
    server.form(f"Action=CreateUser&UserName=bench{IAM}")
    return re.search("<AccessKeyId>([^<]*)<", server.form(f"Action=CreateAccessKey&UserName=bench{IAM}"))[1]


def calls(servers, folder, options):
    identity = "Action=GetCallerIdentity&Version=2011-06-15"
    sts = form_script(folder, "sts", "sts", identity)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": f"a log line of ordinary length, number {n} of the ten in this batch"} for n in range(10)]
    put = json_script(folder, "logs", LOGS + "PutLogEvents", {"logGroupName": "bench", "logStreamName": "bench", "logEvents": events})
    rates([
        *(("STS GetCallerIdentity", sts, connections) for connections in (1, 16, 64)),
        ("ECS DescribeClusters", json_script(folder, "ecs", ECS + "DescribeClusters", {"clusters": ["bench"]}), 16),
        *(("Logs PutLogEvents of 10", put, connections) for connections in (1, 16)),
    ], servers, options)
    # Each server has its own key; the floor does not look at it.
    for connections in (1, 16):
        rates([("STS GetCallerIdentity, key AKIA…", {server.name: lua(folder, f"akia-{server.name}", {
            "Content-Type": "application/x-www-form-urlencoded", "Authorization": AUTH.format("sts").replace("=test/", f"={key}/")}, identity)
            for server, key in keys_of(servers).items()}, connections)], servers, options)


def keys_of(servers):
    for server in servers:
        if not hasattr(server, "key"):
            server.key = "AKIAIOSFODNN7EXAMPLE" if server is servers[0] else access_key(server)
    return {server: server.key for server in servers}


def environment(server):
    """What the reads of `reads` find."""
    vpc = re.search("<vpcId>([^<]*)<", server.form("Action=DescribeVpcs" + EC2))[1]
    for n in range(1000):
        server.form(f"Action=CreateSecurityGroup&GroupName=bench-{n}&GroupDescription=bench&VpcId={vpc}{EC2}")
    server.rest("elasticfilesystem", "POST", "/2015-02-01/file-systems", {"CreationToken": "bench"})
    server.call(MAP + "CreateHttpNamespace", {"Name": "bench"})
    while not (spaces := server.call(MAP + "ListNamespaces", {})["Namespaces"]):
        continue
    service = server.call(MAP + "CreateService", {"Name": "bench", "NamespaceId": spaces[0]["Id"]})["Service"]["Id"]
    server.call(MAP + "RegisterInstance", {"ServiceId": service, "InstanceId": "one", "Attributes": {"AWS_INSTANCE_IPV4": "10.0.0.1"}})


STREAMS = 10_000


def streams(server):
    """A group of many streams, each with an event of its own time."""
    now = int(time.time() * 1000) - STREAMS
    server.call(LOGS + "CreateLogGroup", {"logGroupName": "many"})
    server.calls(LOGS + "CreateLogStream", [{"logGroupName": "many", "logStreamName": f"s{n}"} for n in range(STREAMS)])
    server.calls(LOGS + "PutLogEvents", [{"logGroupName": "many", "logStreamName": f"s{n}", "logEvents": [
        {"timestamp": now + n, "message": f"the one line of stream {n}"}]} for n in range(STREAMS)])
    return now


def filtered(servers):
    """Pages of FilterLogEvents: a small one, one in the middle, all; and of DescribeLogStreams."""
    begin = {server.name: streams(server) for server in servers}
    for title, operation, document in (
            ("50 events", "FilterLogEvents", lambda now: {"limit": 50}),
            ("50 of the last", "FilterLogEvents", lambda now: {"limit": 50, "startTime": now + STREAMS - 100}),
            ("all events", "FilterLogEvents", lambda now: {}),
            ("50 by time", "DescribeLogStreams", lambda now: {"orderBy": "LastEventTime", "descending": True})):
        times(f"Logs {operation} of 10,000 streams, {title}", servers, lambda server: timed(
            server.call, LOGS + operation, {"logGroupName": "many", **document(begin[server.name])}), 20)


def reads(servers, folder, options):
    for server in servers[1:]:
        environment(server)
    filtered(servers[1:])
    efs = lua(folder, "efs", {"Authorization": AUTH.format("elasticfilesystem")}, method="GET", path="/2015-02-01/file-systems")
    rates([
        ("EC2 DescribeVpcs", form_script(folder, "vpcs", "ec2", "Action=DescribeVpcs" + EC2), 16),
        ("EC2 DescribeSecurityGroups of 1,000", form_script(folder, "groups", "ec2", "Action=DescribeSecurityGroups" + EC2), 1),
        ("IAM GetRole", form_script(folder, "role", "iam", "Action=GetRole&RoleName=bench" + IAM), 16),
        ("EFS DescribeFileSystems", efs, 16),
        ("Cloud Map DiscoverInstances", json_script(folder, "servicediscovery", MAP + "DiscoverInstances", {
            "NamespaceName": "bench", "ServiceName": "bench"}), 16),
    ], servers, options)
    for server in servers[1:]:
        vpc = re.search("<vpcId>([^<]*)<", server.form("Action=DescribeVpcs" + EC2))[1]
        for n in range(1000, 10000):
            server.form(f"Action=CreateSecurityGroup&GroupName=bench-{n}&GroupDescription=bench&VpcId={vpc}{EC2}")
    query = f"Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=bench-5000{EC2}"
    times("EC2 filter on 10,000 groups", servers[1:], lambda server: timed(server.form, query), 20)
