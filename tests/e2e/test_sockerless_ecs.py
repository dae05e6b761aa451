#!/usr/bin/env python3
"""What Sockerless' ECS backend calls for each Docker action, in its order and with its parameters, and the deadlines its
suites set, with boto3 and the AWS CLI."""

import json
import os
import pathlib
import secrets
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, cli, in_threads, wait_until  # noqa: E402
from image import Registry, layer  # noqa: E402

suite = Suite()
SANITIZED = "sanitize" in os.environ.get("AWSSIM_BUILD", "")
RUNNING_WITHIN_S = 0.8
STOPPED_WITHIN_S = 2.0
CLUSTER = "sockerless"
GROUP = "/sockerless"
ACCOUNT = "123456789012"
ROLES = {"executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/execution", "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/task"}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-12345"], "securityGroups": ["sg-12345"], "assignPublicIp": "DISABLED"}}


def tag_list(tags, key="key", value="value"):
    return [{key: k, value: v} for k, v in tags.items()]


class Container:
    """One Docker container as the backend keeps it: its id, its task definition, its newest task."""

    def __init__(self, sim, command=None, image="alpine:latest", **definition):
        self.sim, self.ecs, self.logs = sim, sim.client("ecs"), sim.client("logs")
        self.id = secrets.token_hex(32)
        self.id12 = self.id[:12]
        self.main = {"name": "main", "image": image, "essential": True, "logConfiguration": {
            "logDriver": "awslogs", "options": {"awslogs-group": GROUP, "awslogs-region": "us-east-1",
                                                "awslogs-stream-prefix": self.id12}}, **definition.pop("main", {})}
        if command:
            self.main["command"] = command
        self.definition = definition
        self.tags = {"sockerless-managed": "true", "sockerless-container-id": self.id, "sockerless-backend": "ecs",
                     "sockerless-cluster": CLUSTER, "sockerless-instance": "tests", "sockerless-name": f"/name-{self.id12}"}
        self.task_definition = self.arn = self.started_at = None

    def create(self):
        made = self.ecs.register_task_definition(
            family=f"sockerless-{self.id12}", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[self.main], tags=tag_list(self.tags), **ROLES, **self.definition)
        self.task_definition = made["taskDefinition"]["taskDefinitionArn"]
        assert self.task_definition.endswith(f"task-definition/sockerless-{self.id12}:{made['taskDefinition']['revision']}")
        return self

    def start(self, **more):
        self.started_at = time.monotonic()
        answer = self.ecs.run_task(
            cluster=CLUSTER, taskDefinition=self.task_definition, launchType="FARGATE", count=1, tags=tag_list(self.tags),
            networkConfiguration=NETWORK, **more)
        assert not answer["failures"], answer["failures"]
        self.arn = answer["tasks"][0]["taskArn"]
        assert f":cluster/{CLUSTER}" in answer["tasks"][0]["clusterArn"], answer
        return self

    def task(self):
        [task] = self.ecs.describe_tasks(cluster=CLUSTER, tasks=[self.arn], include=["TAGS"])["tasks"]
        return task

    def wait(self, status):
        def there():
            task = self.task()
            assert task["lastStatus"] != "STOPPED" or status == "STOPPED", task
            return task if task["lastStatus"] == status else None

        return wait_until(there, 20, status)

    def elapsed(self):
        return time.monotonic() - self.started_at

    def log(self, **more):
        """One GetLogEvents call, as the backend makes it: message and newline."""
        events = self.logs.get_log_events(logGroupName=GROUP, logStreamName=f"{self.id12}/main/{self.arn.rsplit('/', 1)[1]}",
                                          **{"startFromHead": True, **more})
        return events, "".join(event["message"] + "\n" for event in events["events"])

    def stop(self, reason="Container stopped via API"):
        return self.ecs.stop_task(cluster=CLUSTER, task=self.arn, reason=reason)["task"]

    def remove(self):
        self.ecs.deregister_task_definition(taskDefinition=self.task_definition)


def in_time(seconds, limit, what):
    print(f"     {what} after {seconds * 1000:.0f} ms")
    assert SANITIZED or seconds <= limit, f"{what} took {seconds:.2f} s, at most {limit} s"


def listed(sim, status):
    return set(sim.client("ecs").list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"])


def make_cluster(sim):
    """As the backend's own test harness does: an HTTP request without any signature."""
    status, _, body = sim.http("POST", "/", json.dumps({"clusterName": CLUSTER}), {
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateCluster", "Content-Type": "application/x-amz-json-1.1"})
    assert status == 200 and json.loads(body)["cluster"]["status"] == "ACTIVE", body


@suite.test
def a_cluster_by_an_unsigned_request(sim):
    make_cluster(sim)
    [cluster] = sim.client("ecs").describe_clusters(clusters=[CLUSTER])["clusters"]
    assert cluster["clusterArn"] == f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/{CLUSTER}" and not cluster["runningTasksCount"]


@suite.test
def start_and_exit(sim):
    """docker run alpine sh -c …; the log group does not exist yet."""
    assert not sim.client("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    container = Container(sim, ["sh", "-c", "echo out; echo err >&2; exit 7"]).create().start()
    task = container.wait("RUNNING")
    in_time(container.elapsed(), RUNNING_WITHIN_S, "RUNNING")
    [interface] = [a for a in task["attachments"] if a["type"] == "ElasticNetworkInterface"]
    details = {detail["name"]: detail["value"] for detail in interface["details"]}
    assert details["privateIPv4Address"].count(".") == 3 and all(isinstance(v, str) for v in details.values()), details
    task = container.wait("STOPPED")
    events, text = container.log()
    in_time(container.elapsed(), STOPPED_WITHIN_S, "STOPPED with all logs")
    assert sorted(text.splitlines()) == ["err", "out"], text
    assert task["containers"][0]["exitCode"] == 7 and task["stoppedReason"] == "Essential container in task exited", task
    assert task["stopCode"] == "EssentialContainerExited" and task["stoppedAt"] >= task["startedAt"] >= task["createdAt"], task
    assert events["nextForwardToken"] == container.log(nextToken=events["nextForwardToken"])[0]["nextForwardToken"]
    container.remove()


@suite.test
def running_is_seen(sim):
    """The seed backend asks every 500 ms, and takes a task that is STOPPED at its first look for one that failed."""
    for command in (["true"], ["sh", "-c", "exit 3"], ["echo", "short"]):
        container = Container(sim, command).create().start()
        container.wait("RUNNING")
        seen = container.elapsed()
        task = container.wait("STOPPED")
        assert container.elapsed() - seen >= 0.5, "RUNNING was too short for a poll every 500 ms"
        in_time(container.elapsed(), STOPPED_WITHIN_S, f"{command}: STOPPED")
        assert (task["stoppedAt"] - task["startedAt"]).total_seconds() >= 0.5, task
        container.remove()


@suite.test
def many_at_once(sim):
    took = []

    def one(_):
        container = Container(sim, ["sh", "-c", "for i in 1 2 3; do echo line $i; done"]).create().start()
        container.wait("STOPPED")
        text = container.log()[1]
        took.append(container.elapsed())
        assert text == "line 1\nline 2\nline 3\n", text

    in_threads(8, one)
    in_time(max(took), STOPPED_WITHIN_S, "the last of eight STOPPED with all logs")


@suite.test
def the_first_logs_call_is_complete(sim):
    """The backend pages through nothing: one call, thousands of lines."""
    container = Container(sim, ["sh", "-c", "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done"]).create().start()
    container.wait("STOPPED")
    assert container.log()[1] == "".join(f"line {i}\n" for i in range(5000))
    assert container.log(startFromHead=False, limit=3)[1] == "line 4997\nline 4998\nline 4999\n"


@suite.test
def logs_follow(sim):
    """docker logs -f: the token goes on where the last call ended; since and until are times."""
    with_gate = os.path.join(sim.dir, "gate")
    script = f"echo first; while [ ! -e {with_gate} ]; do sleep 0.05; done; echo second"
    container = Container(sim, ["sh", "-c", script]).create().start()
    container.wait("RUNNING")
    events, text = wait_until(lambda: (got := container.log())[1] and got, what="the first line")
    assert text == "first\n"
    token, stamp = events["nextForwardToken"], events["events"][0]["timestamp"]
    assert container.log(nextToken=token)[1] == ""
    pathlib.Path(with_gate).touch()
    assert wait_until(lambda: container.log(nextToken=token)[1], what="the second line") == "second\n"
    container.wait("STOPPED")
    later = container.log(startTime=stamp + 1)
    assert later[1] == "second\n" and container.log(endTime=later[0]["events"][0]["timestamp"])[1] == "first\n"
    found = sim.client("logs").filter_log_events(logGroupName=GROUP, logStreamNamePrefix=f"{container.id12}/")["events"]
    assert [event["message"] for event in found] == ["first", "second"], found


@suite.test
def stop_at_once(sim):
    """docker stop: STOPPED in the answer, and the process is gone though it does not heed SIGTERM."""
    mark = os.path.join(sim.dir, "stop-mark")
    container = Container(sim, ["sh", "-c", f"trap 'echo got TERM; exit 5' TERM; : {mark}; echo up; while :; do sleep 0.05; done"])
    container.create().start().wait("RUNNING")
    wait_until(lambda: container.log()[1], what="the trap")
    task = container.stop()
    assert task["lastStatus"] == task["desiredStatus"] == "STOPPED" and task["containers"][0]["exitCode"] == 0, task
    task = container.task()
    assert task["lastStatus"] == "STOPPED" and task["stoppedReason"] == "Container stopped via API", task
    assert task["stopCode"] == "UserInitiated" and task["containers"][0]["exitCode"] == 0, task
    assert wait_until(lambda: "got TERM" in container.log()[1], what="the signal")
    container.stop()
    container.remove()
    definition = sim.client("ecs").describe_task_definition(taskDefinition=container.task_definition)["taskDefinition"]
    assert definition["status"] == "INACTIVE", definition


@suite.test
def kill(sim):
    """docker kill -s KILL: a tag tells the signal, which inspect turns into 128 and its number."""
    container = Container(sim, ["sleep", "1000"]).create().start()
    container.wait("RUNNING")
    sim.client("ecs").tag_resource(resourceArn=container.arn, tags=[{"key": "sockerless-kill-signal", "value": "KILL"}])
    container.stop("Container killed with KILL")
    task = container.wait("STOPPED")
    assert {"key": "sockerless-kill-signal", "value": "KILL"} in task["tags"], task
    assert task["stoppedReason"] == "Container killed with KILL", task


@suite.test
def restart(sim):
    """docker restart: the second task does not wait for the first one's end, and both are listed."""
    container = Container(sim, ["sh", "-c", "echo up; sleep 1000"]).create().start()
    container.wait("RUNNING")
    first, old = container.arn, container.task_definition
    container.stop()
    container.remove()
    container.tags["sockerless-restart-count"] = "1"
    container.create().start()
    assert container.task_definition != old and container.task_definition.endswith(":2"), container.task_definition
    container.wait("RUNNING")
    in_time(container.elapsed(), RUNNING_WITHIN_S, "RUNNING again")
    assert first in listed(sim, "STOPPED") and container.arn in listed(sim, "RUNNING")
    tasks = sim.client("ecs").describe_tasks(cluster=CLUSTER, tasks=[first, container.arn], include=["TAGS"])["tasks"]
    assert len(tasks) == 2 and all({"key": "sockerless-container-id", "value": container.id} in t["tags"] for t in tasks), tasks
    assert wait_until(lambda: container.log()[1]) == "up\n"
    container.stop()


@suite.test
def list_and_inspect(sim):
    """docker ps -a and inspect, with nothing but what ECS remembers."""
    container = Container(sim, ["sleep", "1000"], main={
        "environment": [{"name": "A", "value": "b"}], "workingDirectory": "/tmp", "user": "0", "entryPoint": ["/usr/bin/env"],
        "pseudoTerminal": False, "interactive": False},
        runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}).create().start()
    task = container.wait("RUNNING")
    for field in ("taskArn", "clusterArn", "lastStatus", "desiredStatus", "createdAt", "startedAt", "cpu", "memory", "containers",
                  "attachments", "tags", "taskDefinitionArn"):
        assert task[field], (field, task)
    assert task["desiredStatus"] == "RUNNING" and task["containers"][0]["image"] == "alpine:latest", task
    assert {tag["key"]: tag["value"] for tag in task["tags"]} == container.tags
    assert "exitCode" not in task["containers"][0] and task["containers"][0]["name"] == "main", task
    tags = sim.client("ecs").list_tags_for_resource(resourceArn=container.arn)["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == container.tags
    described = sim.client("ecs").describe_task_definition(taskDefinition=task["taskDefinitionArn"], include=["TAGS"])
    [main] = described["taskDefinition"]["containerDefinitions"]
    assert main["command"] == ["sleep", "1000"] and main["entryPoint"] == ["/usr/bin/env"] and main["workingDirectory"] == "/tmp"
    assert main["environment"] == [{"name": "A", "value": "b"}] and main["user"] == "0", main
    assert described["taskDefinition"]["runtimePlatform"]["cpuArchitecture"] == "X86_64" and described["tags"]
    sim.client("ecs").tag_resource(resourceArn=container.arn, tags=[{"key": "sockerless-name", "value": "/renamed"}])
    assert {"key": "sockerless-name", "value": "/renamed"} in container.task()["tags"]
    container.stop()
    assert container.arn in listed(sim, "STOPPED") and container.arn not in listed(sim, "RUNNING")


@suite.test
def what_docker_gives(sim):
    """Environment, user and folder reach the process; a container that has no command at all stays up."""
    script = 'echo "$A in $PWD as $(id -u)"'
    container = Container(sim, ["-c", script], main={"entryPoint": ["sh"], "workingDirectory": "/tmp", "user": "65534",
                                                     "environment": [{"name": "A", "value": "b c"}]}).create().start()
    container.wait("STOPPED")
    expected = "b c in /tmp as 65534\n" if os.geteuid() == 0 else f"b c in /tmp as {os.geteuid()}\n"
    assert container.log()[1] == expected, container.log()[1]
    idle = Container(sim).create().start()
    idle.wait("RUNNING")
    assert idle.elapsed() < RUNNING_WITHIN_S or SANITIZED
    assert idle.stop()["lastStatus"] == "STOPPED"


@suite.test
def without_memory_and_networks(sim):
    """What its suites send and AWS refuses: no memory anywhere, networks that are not there or not named, no log region."""
    ecs = sim.client("ecs")
    ecs.create_cluster(clusterName="pages")
    ecs.register_task_definition(family="pages", networkMode="awsvpc", containerDefinitions=[{"name": "app", "image": "alpine:latest"}])
    started = {ecs.run_task(cluster="pages", taskDefinition="pages")["tasks"][0]["taskArn"] for _ in range(3)}
    pages = list(ecs.get_paginator("list_tasks").paginate(cluster="pages", PaginationConfig={"PageSize": 1}))
    assert [len(page["taskArns"]) for page in pages] == [1, 1, 1]
    assert {arn for page in pages for arn in page["taskArns"]} == started
    ecs.register_task_definition(family="bare", containerDefinitions=[{"name": "app", "image": "nginx:latest"}])
    for subnet in ("subnet-12345", "subnet-12345678", "subnet-lifecycle", "subnet-sim"):
        task = ecs.run_task(cluster=CLUSTER, taskDefinition=Container(sim, ["true"]).create().task_definition, launchType="FARGATE",
                            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}})["tasks"][0]
        assert task["attachments"][0]["details"], task


@suite.test
def sidecar(sim):
    """Two containers of a task reach each other on 127.0.0.1; the essential one's end is the task's. No log region."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = f"import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.BaseHTTPRequestHandler).serve_forever()"
    ask = (f"import socket, time\nfor i in range(200):\n  try: socket.create_connection(('127.0.0.1', {port})); print('found'); break\n"
           "  except OSError: time.sleep(0.05)\n")
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/pod", "awslogs-stream-prefix": "ecs"}}
    container = Container(sim, main={"entryPoint": [sys.executable, "-c"], "command": [ask], "logConfiguration": log})
    other = {"name": "sidecar", "image": "alpine:latest", "entryPoint": [sys.executable, "-c"], "command": [serve]}
    made = sim.client("ecs").register_task_definition(
        family="pod", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[container.main, other])
    container.task_definition = made["taskDefinition"]["taskDefinitionArn"]
    container.start().wait("STOPPED")
    events = sim.client("logs").filter_log_events(logGroupName="/ecs/pod")["events"]
    assert [event["message"] for event in events] == ["found"], events
    container.stop("test cleanup")
    try:
        sim.client("ecs").tag_resource(resourceArn=container.arn, tags=[{"key": "late", "value": "1"}])
        raise AssertionError("a stopped task was tagged")
    except sim.client("ecs").exceptions.InvalidParameterException:
        pass


@suite.test
def start_that_fails(sim):
    """A command that is nowhere: STOPPED without an exit code, and why."""
    container = Container(sim, ["/no/such/program"]).create().start()
    task = wait_until(lambda: (t := container.task())["lastStatus"] == "STOPPED" and t, what="STOPPED")
    assert "exitCode" not in task["containers"][0] and "/no/such/program" in task["stoppedReason"], task
    assert task["stopCode"] == "TaskFailedToStart", task


@suite.test
def volumes(sim):
    """docker volume create, run -v, ls, inspect, rm: one file system, an access point for each volume."""
    efs = sim.client("efs")
    mine = {"sockerless-managed": "true", "sockerless-instance": "tests"}
    made = efs.create_file_system(CreationToken="sockerless-tests", Encrypted=True, Tags=tag_list(mine, "Key", "Value"))
    assert made["LifeCycleState"] == "available" and made["Encrypted"], made
    system = made["FileSystemId"]
    [found] = [s for s in efs.describe_file_systems()["FileSystems"] if {"Key": "sockerless-instance", "Value": "tests"} in s["Tags"]]
    assert found["FileSystemId"] == system and not efs.describe_mount_targets(FileSystemId=system)["MountTargets"]
    # boto3 itself refuses ids this short, the Go SDK does not.
    status, _, body = sim.http("POST", "/2015-02-01/mount-targets", json.dumps(
        {"FileSystemId": system, "SubnetId": "subnet-12345", "SecurityGroups": ["sg-12345"]}), {"Content-Type": "application/json"})
    target = json.loads(body)
    assert status == 200 and target["LifeCycleState"] == "available" and target["IpAddress"], target
    point = efs.create_access_point(
        ClientToken="data", FileSystemId=system, PosixUser={"Uid": 1000, "Gid": 1000}, Tags=tag_list({**mine, "Name": "data"}, "Key", "Value"),
        RootDirectory={"Path": "/sockerless/volumes/data", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "0777"}})
    assert point["LifeCycleState"] == "available", point
    volume = {"volumes": [{"name": "data", "efsVolumeConfiguration": {
        "fileSystemId": system, "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": point["AccessPointId"], "iam": "ENABLED"}}}]}
    mount = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/mnt/sockerless-data", "readOnly": False}]}
    Container(sim, ["sh", "-c", "echo kept > /mnt/sockerless-data/file"], main=mount, **volume).create().start().wait("STOPPED")
    reader = Container(sim, ["cat", "/mnt/sockerless-data/file"], main=mount, **volume).create().start()
    task = reader.wait("STOPPED")
    assert reader.log()[1] == "kept\n" and task["containers"][0]["exitCode"] == 0, (reader.log()[1], task)
    [described] = efs.describe_access_points(FileSystemId=system)["AccessPoints"]
    assert described["RootDirectory"]["Path"] == "/sockerless/volumes/data" and described["Name"] == "data", described
    efs.delete_access_point(AccessPointId=point["AccessPointId"])
    assert efs.describe_access_points(AccessPointId=point["AccessPointId"])["AccessPoints"] == []
    assert efs.describe_access_points(FileSystemId=system)["AccessPoints"] == []
    usual = efs.create_mount_target(FileSystemId=system, SubnetId="subnet-0123456789abcdef0")
    assert usual["LifeCycleState"] == "available", usual
    assert efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["NumberOfMountTargets"] == 2
    efs.delete_mount_target(MountTargetId=usual["MountTargetId"])
    efs.delete_file_system(FileSystemId=system)
    assert efs.describe_file_systems(FileSystemId=system)["FileSystems"] == []


def create_network(sim, name):
    """docker network create: (VPC, group, namespace)."""
    ec2, cloudmap = sim.client("ec2"), sim.client("servicediscovery")
    group_name = f"skls-{name}"
    vpc = ec2.describe_subnets(SubnetIds=[sim.ec2_ids("Subnets", "subnetId")[0]])["Subnets"][0]["VpcId"]
    tags = [{"ResourceType": "security-group", "Tags": tag_list({"sockerless-network": name}, "Key", "Value")}]
    group = ec2.create_security_group(GroupName=group_name, Description=f"Sockerless network {name}", VpcId=vpc,
                                      TagSpecifications=tags)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}])
    assert not [n for n in cloudmap.list_namespaces(Filters=[{"Name": "TYPE", "Values": ["DNS_PRIVATE"]}])["Namespaces"]
                if n["Name"] == f"{group_name}.local"]
    operation = cloudmap.create_private_dns_namespace(Name=f"{group_name}.local", Vpc=vpc, Description=name)["OperationId"]
    done = cloudmap.get_operation(OperationId=operation)["Operation"]
    assert done["Status"] == "SUCCESS", done
    namespace = cloudmap.get_namespace(Id=done["Targets"]["NAMESPACE"])["Namespace"]
    assert namespace["Type"] == "DNS_PRIVATE" and namespace["Name"] == f"{group_name}.local", namespace
    return vpc, group, namespace["Id"]


def join_network(sim, container, namespace, name):
    """What follows RUNNING: a name for the container's address."""
    cloudmap = sim.client("servicediscovery")
    in_it = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
    assert not [s for s in cloudmap.list_services(Filters=in_it)["Services"] if s["Name"] == name]
    service = cloudmap.create_service(Name=name, NamespaceId=namespace, DnsConfig={
        "NamespaceId": namespace, "DnsRecords": [{"Type": "A", "TTL": 10}]})["Service"]["Id"]
    [address] = [d["value"] for d in container.task()["attachments"][0]["details"] if d["name"] == "privateIPv4Address"]
    cloudmap.register_instance(ServiceId=service, InstanceId=container.id12, Attributes={"AWS_INSTANCE_IPV4": address})
    return service, address


RESOLVE = """
import socket, struct, sys
host, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0\\0\\1\\0\\1"
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.settimeout(10)
peer.sendto(query, (host, port))
answer = peer.recv(512)
print(answer[3] & 15, socket.inet_ntoa(answer[-4:]))
"""


@suite.test
def networks(sim):
    """docker network create, two containers that find each other by name, rm."""
    ec2, cloudmap = sim.client("ec2"), sim.client("servicediscovery")
    vpc, group, namespace = create_network(sim, "front")
    try:
        ec2.create_security_group(GroupName="skls-front", Description="again", VpcId=vpc)
        raise AssertionError("a second group of that name")
    except ec2.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidGroup.Duplicate", error
    [found] = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["skls-front"]}, {"Name": "vpc-id", "Values": [vpc]},
                                                    {"Name": "tag:sockerless-network", "Values": ["front"]}])["SecurityGroups"]
    assert found["GroupId"] == group and found["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group, found
    web = Container(sim, ["sleep", "1000"]).create().start()
    web.wait("RUNNING")
    service, address = join_network(sim, web, namespace, "web")
    host, port = sim.status()["dns"].rsplit(":", 1)
    client = Container(sim, [sys.executable, "-c", RESOLVE, host, port, "web.skls-front.local"]).create().start()
    client.wait("STOPPED")
    assert client.log()[1] == f"0 {address}\n", client.log()[1]
    leave_network(sim, web, namespace, service)
    gone = Container(sim, [sys.executable, "-c", RESOLVE, host, port, "web.skls-front.local"]).create().start()
    gone.wait("STOPPED")
    assert gone.log()[1].startswith("3 "), gone.log()[1]
    web.stop()
    cloudmap.create_service(Name="left", NamespaceId=namespace, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]})
    cloudmap.delete_namespace(Id=namespace)
    assert namespace not in [n["Id"] for n in cloudmap.list_namespaces()["Namespaces"]]
    ec2.delete_security_group(GroupId=group)


def leave_network(sim, container, namespace, service):
    cloudmap = sim.client("servicediscovery")
    cloudmap.deregister_instance(ServiceId=service, InstanceId=container.id12)
    assert cloudmap.list_instances(ServiceId=service)["Instances"] == []
    cloudmap.delete_service(Id=service)
    assert not cloudmap.list_services(Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace]}])["Services"]


@suite.test
def namespaces_in_unknown_networks(sim):
    cloudmap = sim.client("servicediscovery")
    for name, vpc in (("a.local", "vpc-12345"), ("b.local", "vpc-12345678"), ("c.local", "vpc-sim")):
        operation = cloudmap.create_private_dns_namespace(Name=name, Vpc=vpc)["OperationId"]
        assert cloudmap.get_operation(OperationId=operation)["Operation"]["Status"] == "SUCCESS"


@suite.test
def images(sim):
    """docker pull of other registries' images, docker push, images, rmi."""
    ecr = sim.client("ecr")
    try:
        rules = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["ghcr-io"])["pullThroughCacheRules"]
    except ecr.exceptions.PullThroughCacheRuleNotFoundException:
        rules = []
    assert rules == []
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="ghcr-io", upstreamRegistryUrl="ghcr.io", upstreamRegistry="github-container-registry",
                                       credentialArn=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:ecr-pullthroughcache/ghcr-AbCdEf")
    [rule] = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["ghcr-io"])["pullThroughCacheRules"]
    assert rule["upstreamRegistryUrl"] == "ghcr.io", rule
    made = ecr.create_repository(repositoryName="sockerless/app")["repository"]
    assert made["repositoryUri"].endswith("/sockerless/app"), made
    status, headers, _ = sim.http("GET", "/v2/")
    assert status == 401 and headers["www-authenticate"].startswith("Basic "), headers
    registry = Registry(sim)
    assert sim.http("GET", "/v2/", None, registry.headers)[0] == 200
    digest = registry.push("sockerless/app", "1", [layer([("etc", None), ("etc/motto", b"x")])], Cmd=["/bin/true"])
    assert ecr.describe_repositories()["repositories"][0]["repositoryName"] == "sockerless/app"
    [image] = ecr.describe_images(repositoryName="sockerless/app")["imageDetails"]
    assert image["imageDigest"] == digest and image["imageTags"] == ["1"], image
    assert not ecr.batch_delete_image(repositoryName="sockerless/app", imageIds=[{"imageTag": "1"}])["failures"]
    for name in ("public.ecr.aws/docker/library/alpine:latest", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/docker-hub/library/alpine:1"):
        container = Container(sim, ["echo", "ran"], image=name).create().start()
        container.wait("STOPPED")
        assert container.log()[1] == "ran\n", container.task()


@suite.test
def recovery(sim):
    """The backend's start-up, after a restart of ECS: the tags tell which tasks are its own."""
    container = Container(sim, ["sleep", "1000"]).create().start()
    container.wait("RUNNING")
    sim.ctl("restart", "ecs")
    arns = sorted(listed(sim, "RUNNING"))
    own = [t for t in sim.client("ecs").describe_tasks(cluster=CLUSTER, tasks=arns, include=["TAGS"])["tasks"]
           if {"key": "sockerless-container-id", "value": container.id} in t["tags"]]
    assert [t["taskArn"] for t in own] == [container.arn], own
    assert container.stop()["lastStatus"] == "STOPPED"


@suite.test
def with_the_command_line(sim):
    """The same with the AWS CLI: register, run, wait, logs, stop, deregister."""
    containers = [{"name": "main", "image": "alpine:latest", "essential": True, "command": ["sh", "-c", "echo from the CLI; sleep 1000"],
                   "logConfiguration": {"logDriver": "awslogs", "options": {
                       "awslogs-group": "/by-cli", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "cli"}}}]
    definition = cli(sim, "ecs", "register-task-definition", "--family", "by-cli", "--network-mode", "awsvpc", "--requires-compatibilities",
                     "FARGATE", "--cpu", "256", "--memory", "512", "--container-definitions", json.dumps(containers))["taskDefinition"]
    task = cli(sim, "ecs", "run-task", "--cluster", CLUSTER, "--task-definition", definition["taskDefinitionArn"], "--launch-type", "FARGATE",
               "--network-configuration", "awsvpcConfiguration={subnets=[subnet-12345678],securityGroups=[sg-12345]}")["tasks"][0]["taskArn"]
    cli(sim, "ecs", "wait", "tasks-running", "--cluster", CLUSTER, "--tasks", task)
    stream = f"cli/main/{task.rsplit('/', 1)[1]}"
    events = wait_until(lambda: cli(sim, "logs", "get-log-events", "--log-group-name", "/by-cli", "--log-stream-name", stream,
                                    "--start-from-head")["events"], what="the line")
    assert [event["message"] for event in events] == ["from the CLI"], events
    stopped = cli(sim, "ecs", "stop-task", "--cluster", CLUSTER, "--task", task, "--reason", "Container stopped via API")["task"]
    assert stopped["lastStatus"] == "STOPPED", stopped
    cli(sim, "ecs", "wait", "tasks-stopped", "--cluster", CLUSTER, "--tasks", task)
    cli(sim, "ecs", "deregister-task-definition", "--task-definition", definition["taskDefinitionArn"])


if __name__ == "__main__":
    with Awssim("--profile", "sockerless", "--dns", "0") as simulator:
        make_cluster(simulator)
        sys.exit(suite.main(simulator))
