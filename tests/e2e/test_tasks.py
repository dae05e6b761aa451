#!/usr/bin/env python3
"""The main job through boto3: ECS tasks run as real processes and their output is in CloudWatch Logs while they run."""

import contextlib
import json
import os
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402

suite = Suite()


def define(sim, family, *containers, logs=True, **fields):
    group = f"/{family}"
    if logs:
        try:
            sim.client("logs").create_log_group(logGroupName=group)
        except Exception as failure:  # it exists when a test registers twice
            assert "already exists" in str(failure), failure
    for container in containers:
        container.setdefault("image", "busybox")
        if logs:
            container.setdefault("logConfiguration", {"logDriver": "awslogs", "options": {
                "awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}})
    fields = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", **fields}
    return sim.client("ecs").register_task_definition(
        family=family, containerDefinitions=list(containers), **fields)["taskDefinition"]["taskDefinitionArn"]


def shell(script, name="main", **fields):
    return {"name": name, "command": ["sh", "-c", script], **fields}


# With an init as process 1 a signal ends what does not handle it.
INIT = {"linuxParameters": {"initProcessEnabled": True}}


def run(sim, family, **fields):
    answer = sim.client("ecs").run_task(cluster="c", taskDefinition=family, launchType="FARGATE",
                                        networkConfiguration=sim.network(groups=True), **fields)
    assert not answer["failures"], answer
    return answer["tasks"][0]["taskArn"]


def describe(sim, arn, **fields):
    return sim.client("ecs").describe_tasks(cluster="c", tasks=[arn], **fields)["tasks"][0]


def wait_for(sim, arn, status, timeout=30):
    return wait_until(lambda: (lambda task: task if task["lastStatus"] == status else None)(describe(sim, arn)),
                      timeout, f"{arn} {status}")


def messages(sim, family, arn, container="main"):
    stream = f"p/{container}/{arn.split('/')[-1]}"
    logs, found, token = sim.client("logs"), [], {}
    while True:
        page = logs.get_log_events(logGroupName=f"/{family}", logStreamName=stream, startFromHead=True, **token)
        found += [event["message"] for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            return found
        token = {"nextToken": page["nextForwardToken"]}


@contextlib.contextmanager
def gate():
    """A shell command for tasks that waits, and what ends its waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def open_gate():
            with server.accept()[0] as waiting:
                waiting.sendall(b"go\n")

        yield f"bash -c 'read x < /dev/tcp/127.0.0.1/{server.getsockname()[1]}'", open_gate


@suite.test
def main_job(sim):
    with gate() as (wait, open_gate):
        define(sim, "main-job", shell(f"echo first; {wait}; echo second; exit 3"))
        arn = run(sim, "main-job")
        task = wait_for(sim, arn, "RUNNING")
        wait_until(lambda: messages(sim, "main-job", arn) == ["first"], what="the first line while RUNNING")
        assert describe(sim, arn)["lastStatus"] == "RUNNING"
        assert task["connectivity"] == "CONNECTED" and task["launchType"] == "FARGATE"
        open_gate()
    task = wait_for(sim, arn, "STOPPED")
    assert messages(sim, "main-job", arn) == ["first", "second"]
    assert task["stopCode"] == "EssentialContainerExited", task
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 3
    assert task["createdAt"] <= task["startedAt"] <= task["stoppingAt"] <= task["stoppedAt"]


@suite.test
def waiters(sim):
    with gate() as (wait, open_gate):
        define(sim, "waiters", shell(wait))
        arn = run(sim, "waiters")
        ecs = sim.client("ecs")
        ecs.get_waiter("tasks_running").wait(cluster="c", tasks=[arn], WaiterConfig={"Delay": 1})
        open_gate()
        ecs.get_waiter("tasks_stopped").wait(cluster="c", tasks=[arn], WaiterConfig={"Delay": 1})


@suite.test
def awsvpc_address(sim):
    define(sim, "address", shell("exec sleep 60", **INIT))
    arns = [run(sim, "address"), run(sim, "address")]
    addresses = set()
    for arn in arns:
        task = wait_for(sim, arn, "RUNNING")
        attachment = next(a for a in task["attachments"] if a["type"] == "ElasticNetworkInterface")
        assert attachment["status"] == "ATTACHED", attachment
        details = {d["name"]: d["value"] for d in attachment["details"]}
        interface = sim.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
        interface = interface["NetworkInterfaces"][0]
        assert details["privateIPv4Address"] == interface["PrivateIpAddress"], (details, interface)
        assert details["subnetId"] == interface["SubnetId"] and interface["Status"] == "in-use", interface
        addresses.add(details["privateIPv4Address"])
        assert task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] == details["privateIPv4Address"]
    assert len(addresses) == 2
    for arn in arns:
        sim.client("ecs").stop_task(cluster="c", task=arn)
        wait_for(sim, arn, "STOPPED")
    wait_until(lambda: not addresses & set(sim.ec2_ids("NetworkInterfaces", "privateIpAddress")))


@suite.test
def stop_task(sim):
    define(sim, "stop", shell("exec sleep 60", **INIT))
    arn = run(sim, "stop")
    wait_for(sim, arn, "RUNNING")
    answer = sim.client("ecs").stop_task(cluster="c", task=arn, reason="enough")["task"]
    assert answer["desiredStatus"] == "STOPPED"
    task = wait_for(sim, arn, "STOPPED")
    assert task["stopCode"] == "UserInitiated" and task["stoppedReason"] == "enough", task
    assert task["containers"][0]["exitCode"] == 143, task["containers"]


@suite.test
def ignores_sigterm(sim):
    define(sim, "stubborn", shell("trap '' TERM; echo up; while :; do sleep 1; done", stopTimeout=2))
    arn = run(sim, "stubborn")
    wait_for(sim, arn, "RUNNING")
    wait_until(lambda: messages(sim, "stubborn", arn) == ["up"])
    sim.client("ecs").stop_task(cluster="c", task=arn)
    task = wait_for(sim, arn, "STOPPED")
    assert task["containers"][0]["exitCode"] == 137, task["containers"]


@suite.test
def essential_and_siblings(sim):
    define(sim, "siblings", shell("sleep 1; exit 7"), shell("exec sleep 60", "side", essential=False, **INIT),
           shell("exit 0", "init", essential=False))
    task = wait_for(sim, run(sim, "siblings"), "STOPPED")
    codes = {c["name"]: c.get("exitCode") for c in task["containers"]}
    assert codes == {"main": 7, "side": 143, "init": 0}, codes


@suite.test
def depends_on(sim):
    define(sim, "depends", shell("echo ready; sleep 0.2", "first", essential=False),
           shell("echo start; exit 0", "second", essential=False,
                 dependsOn=[{"containerName": "first", "condition": "START"}]),
           shell("echo late", dependsOn=[{"containerName": "second", "condition": "SUCCESS"},
                                         {"containerName": "first", "condition": "COMPLETE"}]))
    arn = run(sim, "depends")
    task = wait_for(sim, arn, "STOPPED")
    assert {c["name"]: c["exitCode"] for c in task["containers"]} == {"first": 0, "second": 0, "main": 0}, task
    define(sim, "depends-fail", shell("exit 4", "first", essential=False),
           shell("echo never", dependsOn=[{"containerName": "first", "condition": "SUCCESS"}]))
    arn = run(sim, "depends-fail")
    task = wait_for(sim, arn, "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart", task
    assert "exitCode" not in next(c for c in task["containers"] if c["name"] == "main")


@suite.test
def overrides_and_environment(sim):
    os.environ["AWSSIM_LEAK"] = "leaked"
    define(sim, "env", shell("false", environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
                             workingDirectory="/usr"))
    arn = run(sim, "env", overrides={"containerOverrides": [{
        "name": "main", "command": ["sh", "-c", "echo $A $B $AWS_REGION [$AWSSIM_LEAK] $PWD; env"],
        "environment": [{"name": "B", "value": "2"}]}]})
    task = wait_for(sim, arn, "STOPPED")
    assert task["containers"][0]["exitCode"] == 0
    lines = messages(sim, "env", arn)
    assert lines[0] == "1 2 us-east-1 [] /usr", lines
    assert any(line.startswith("AWS_ENDPOINT_URL=http") for line in lines), lines
    assert not any("ACCESS_KEY" in line for line in lines), lines


@suite.test
def user_and_ulimits(sim):
    if os.getuid() != 0:
        return
    define(sim, "user", shell("id -u; ulimit -n", user="nobody",
                              ulimits=[{"name": "nofile", "softLimit": 64, "hardLimit": 128}]))
    arn = run(sim, "user")
    wait_for(sim, arn, "STOPPED")
    assert messages(sim, "user", arn) == ["65534", "64"], messages(sim, "user", arn)


@suite.test
def cannot_start(sim):
    for family, container, text in (
            ("no-command", {"name": "main", "command": ["/no/such/program"]}, "CannotStartContainerError"),
            ("no-directory", shell("true", workingDirectory="/no/such/folder"), "CannotStartContainerError"),
            ("file-as-directory", shell("true", workingDirectory="/etc/passwd"), "CannotStartContainerError"),
            ("no-user", shell("true", user="nosuchuser"), "CannotStartContainerError"),
            ("no-image", {"name": "main", "image": "example.invalid/none:1"}, "CannotPullContainerError")):
        define(sim, family, container)
        task = wait_for(sim, run(sim, family), "STOPPED")
        assert task["stopCode"] == "TaskFailedToStart", (family, task)
        main = task["containers"][0]
        assert text in main["reason"] and "exitCode" not in main, (family, main)
        assert text in task["stoppedReason"], (family, task["stoppedReason"])


@suite.test
def missing_log_group(sim):
    options = {"awslogs-group": "/nowhere", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    define(sim, "no-group", shell("true", logConfiguration={"logDriver": "awslogs", "options": options}), logs=False)
    task = wait_for(sim, run(sim, "no-group"), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart" and "ResourceInitializationError" in task["stoppedReason"], task
    options["awslogs-create-group"] = "true"
    define(sim, "makes-group", shell("echo made", logConfiguration={"logDriver": "awslogs", "options": options}), logs=False)
    arn = run(sim, "makes-group")
    assert wait_for(sim, arn, "STOPPED")["containers"][0]["exitCode"] == 0
    page = sim.client("logs").filter_log_events(logGroupName="/nowhere")
    assert [e["message"] for e in page["events"]] == ["made"]


@suite.test
def hard_output(sim):
    define(sim, "long", shell("head -c 300000 /dev/zero | tr '\\0' x; echo; head -c 100 /dev/urandom; echo; echo end"))
    arn = run(sim, "long")
    wait_for(sim, arn, "STOPPED")
    lines = messages(sim, "long", arn)
    assert "".join(lines).count("x") >= 300000 and lines[-1] == "end", [len(line) for line in lines]
    assert max(len(line.encode()) for line in lines) <= 262144


@suite.test
def many_lines(sim):
    define(sim, "many", shell("i=0; seq 1 200000; echo last"))
    arn = run(sim, "many")
    wait_for(sim, arn, "STOPPED", 60)
    lines = messages(sim, "many", arn)
    assert lines == [str(n) for n in range(1, 200001)] + ["last"], len(lines)


@suite.test
def grandchild_keeps_pipe(sim):
    define(sim, "grandchild", shell("(trap '' TERM HUP; exec setsid sleep 300) & echo main; exit 5"))
    began = time.monotonic()
    arn = run(sim, "grandchild")
    task = wait_for(sim, arn, "STOPPED", 20)
    assert task["containers"][0]["exitCode"] == 5 and time.monotonic() - began < 10
    assert messages(sim, "grandchild", arn) == ["main"]


@suite.test
def two_hundred_tasks(sim):
    define(sim, "crowd", shell("echo one; echo two"))
    ecs = sim.client("ecs")
    arns = []
    for _ in range(20):
        arns += [t["taskArn"] for t in ecs.run_task(cluster="c", taskDefinition="crowd", count=10, launchType="FARGATE",
                                                    networkConfiguration=sim.network(groups=True))["tasks"]]
    assert len(set(arns)) == 200

    def all_stopped():
        tasks = ecs.describe_tasks(cluster="c", tasks=arns[:100])["tasks"] + \
            ecs.describe_tasks(cluster="c", tasks=arns[100:])["tasks"]
        return all(t["lastStatus"] == "STOPPED" for t in tasks) and tasks

    tasks = wait_until(all_stopped, 60, "200 tasks STOPPED")
    assert all(t["containers"][0]["exitCode"] == 0 for t in tasks)
    for arn in arns:
        assert messages(sim, "crowd", arn) == ["one", "two"], arn


@suite.test
def list_tasks_filters(sim):
    define(sim, "listed", shell("exec sleep 60", **INIT))
    arn = run(sim, "listed", startedBy="me")
    wait_for(sim, arn, "RUNNING")
    ecs = sim.client("ecs")
    assert ecs.list_tasks(cluster="c", family="listed")["taskArns"] == [arn]
    assert ecs.list_tasks(cluster="c", startedBy="me")["taskArns"] == [arn]
    assert arn not in ecs.list_tasks(cluster="c", desiredStatus="STOPPED")["taskArns"]
    ecs.stop_task(cluster="c", task=arn)
    wait_for(sim, arn, "STOPPED")
    assert arn not in ecs.list_tasks(cluster="c", family="listed")["taskArns"]
    assert arn in ecs.list_tasks(cluster="c", desiredStatus="STOPPED", family="listed")["taskArns"]
    assert ecs.describe_tasks(cluster="c", tasks=["0" * 32])["failures"][0]["reason"] == "MISSING"


@suite.test
def definition_round_trips(sim):
    container = {
        "name": "main", "image": "busybox", "command": ["true"], "entryPoint": ["env"], "cpu": 10, "memory": 64,
        "memoryReservation": 32, "essential": True, "environment": [{"name": "A", "value": "b"}],
        "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp", "name": "web"}],
        "dockerLabels": {"k": "v"}, "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": True}],
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": ["SYS_PTRACE"], "drop": []},
                            "tmpfs": [{"containerPath": "/t", "size": 64, "mountOptions": ["rw"]}]},
        "secrets": [{"name": "S", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/x"}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 10, "timeout": 3, "retries": 2, "startPeriod": 1},
        "stopTimeout": 5, "startTimeout": 9, "user": "0", "workingDirectory": "/", "readonlyRootFilesystem": True,
        "systemControls": [], "volumesFrom": [], "extraHosts": [{"hostname": "h", "ipAddress": "1.2.3.4"}]}
    arn = sim.client("ecs").register_task_definition(
        family="round", containerDefinitions=[container], volumes=[{"name": "v", "host": {}}],
        tags=[{"key": "k", "value": "v"}], pidMode="task", ephemeralStorage={"sizeInGiB": 30}, networkMode="awsvpc",
        cpu="1 vCPU", memory="2 GB", requiresCompatibilities=["FARGATE", "EC2"])["taskDefinition"]["taskDefinitionArn"]
    answer = sim.client("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])
    found = answer["taskDefinition"]
    assert found["cpu"] == "1024" and found["memory"] == "2048", found
    assert answer["tags"] == [{"key": "k", "value": "v"}]
    kept = found["containerDefinitions"][0]
    for key, value in container.items():
        assert kept[key] == value, (key, kept[key], value)
    assert found["volumes"][0]["name"] == "v" and found["ephemeralStorage"] == {"sizeInGiB": 30}


@suite.test
def accounts_and_regions_apart(sim):
    sim.client("ecs", account="111122223333").create_cluster(clusterName="apart")
    assert sim.client("ecs", account="111122223333").list_clusters()["clusterArns"] == [
        "arn:aws:ecs:us-east-1:111122223333:cluster/apart"]
    for other in (sim.client("ecs", region="eu-west-1", account="111122223333"), sim.client("ecs", account="444455556666")):
        assert other.list_clusters()["clusterArns"] == []


@suite.test
def identity(sim):
    sts = sim.client("sts")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    assert sim.client("sts", account="111122223333").get_caller_identity()["Account"] == "111122223333"
    sim.client("iam", account="999988887777").create_role(RoleName="R", Path="/path/", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"},
                                                 "Action": "sts:AssumeRole"}]}))
    role = sts.assume_role(RoleArn="arn:aws:iam::999988887777:role/path/R", RoleSessionName="me")["Credentials"]
    import boto3
    session = boto3.client("sts", endpoint_url=sim.endpoint, region_name="us-east-1", aws_access_key_id=role["AccessKeyId"],
                           aws_secret_access_key=role["SecretAccessKey"], aws_session_token=role["SessionToken"])
    who = session.get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::999988887777:assumed-role/R/me" and who["Account"] == "999988887777", who


@suite.test
def reset(sim):
    define(sim, "reset", shell("exec sleep 300"))
    arn = run(sim, "reset")
    wait_for(sim, arn, "RUNNING")
    began = time.monotonic()
    status, _, body = sim.http("POST", "/_awssim/reset")
    took = time.monotonic() - began
    assert status == 200, body
    assert took < 0.5, took
    assert sim.client("ecs").list_clusters()["clusterArns"] == []
    assert sim.client("logs").describe_log_groups()["logGroups"] == []
    sim.client("ecs").create_cluster(clusterName="c")


@suite.test
def the_runner_works_in_short_steps(sim):
    """Neither the first start in a sandbox nor output of many short lines keeps the loop."""
    define(sim, "short", shell("i=0; while [ $i -lt 4 ]; do seq 100000; i=$((i+1)); done"))
    wait_for(sim, run(sim, "short"), "STOPPED")
    found = sim.loop_faults("runner", working_only=True)
    assert not found, found


@suite.test
def survives_stop_and_start(sim):
    sim.client("ecs").create_cluster(clusterName="kept")
    define(sim, "kept", shell("echo kept; exec sleep 300"))
    arn = run(sim, "kept")
    wait_for(sim, arn, "RUNNING")
    wait_until(lambda: messages(sim, "kept", arn) == ["kept"])
    sim.stop()
    sim.start()
    assert "arn:aws:ecs:us-east-1:123456789012:cluster/kept" in sim.client("ecs").list_clusters()["clusterArns"]
    task = wait_for(sim, arn, "STOPPED")
    assert task["stoppedReason"], json.dumps(task, default=str)
    assert messages(sim, "kept", arn) == ["kept"]


if __name__ == "__main__":
    with Awssim() as simulator:
        simulator.client("ecs").create_cluster(clusterName="c")
        sys.exit(suite.main(simulator))
