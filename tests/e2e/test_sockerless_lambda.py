#!/usr/bin/env python3
"""What Sockerless' Lambda backend calls for each Docker action, in its order and with its parameters, and what its suites
expect of functions, with boto3 and the AWS CLI."""

import base64
import json
import os
import pathlib
import re
import secrets
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, cli  # noqa: E402

suite = Suite()
ROLE = "arn:aws:iam::123456789012:role/test-role"

# A runtime as Sockerless' own bootstrap is one: it takes events, runs the command it was given, and answers its output.
BOOTSTRAP = """
import base64, json, os, subprocess, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
words = json.loads(base64.b64decode(os.environ["SOCKERLESS_USER_CMD"]))
while True:
    with urllib.request.urlopen(api + "next") as event:
        id, payload = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    done = subprocess.run(words, input=payload, stdout=subprocess.PIPE)
    print("bootstrap: ran", words[0], flush=True)
    body = json.dumps({"exit": done.returncode, "out": done.stdout.decode()}).encode()
    urllib.request.urlopen(urllib.request.Request(api + id + "/response", body)).close()
"""


class Container:
    """One Docker container as the backend keeps it: an image function of its own."""

    def __init__(self, sim, command=None, **more):
        self.lam, self.logs = sim.client("lambda"), sim.client("logs")
        self.id = secrets.token_hex(32)
        self.name = f"skls-{self.id[:12]}"
        fields = {"MemorySize": 1024, "Timeout": 900, "Environment": {"Variables": {"AB": "b c"}}, **more}
        if command:
            fields["ImageConfig"] = {"Command": command, **fields.get("ImageConfig", {})}
        self.tags = {"sockerless-managed": "true", "sockerless-container-id": self.id, "sockerless-backend": "lambda"}
        self.made = self.lam.create_function(FunctionName=self.name, PackageType="Image", Role=ROLE, Tags=self.tags,
                                             Code={"ImageUri": "test:latest"}, **fields)

    def invoke(self, **fields):
        answer = self.lam.invoke(FunctionName=self.name, **fields)
        return answer, answer["Payload"].read()

    def newest_log(self):
        """The messages of the stream that was written last, asked for as the backend does."""
        group = f"/aws/lambda/{self.name}"
        streams = self.logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True, limit=1)["logStreams"]
        assert len(streams) == 1 and "[$LATEST]" in streams[0]["logStreamName"], streams
        events = self.logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True)["events"]
        return [event["message"] for event in events]

    def remove(self):
        self.lam.delete_function(FunctionName=self.name)
        assert self.name not in [f["FunctionName"] for f in self.lam.list_functions()["Functions"]]


def starts(lines, *beginnings):
    return all(any(line.startswith(beginning) for line in lines) for beginning in beginnings)


@suite.test
def create_start_logs_remove(sim):
    """docker run: usable in the answer that creates it, the command's output is the answer, and is logged."""
    container = Container(sim, ["-c", 'echo "hello $AB in $PWD"'],
                          ImageConfig={"EntryPoint": ["sh"], "WorkingDirectory": "/tmp"},
                          VpcConfig={"SubnetIds": ["subnet-12345"], "SecurityGroupIds": ["sg-12345"]})
    made = container.made
    assert made["State"] == "Active" and made["LastUpdateStatus"] == "Successful", made
    assert made["ImageConfigResponse"]["ImageConfig"] == {
        "EntryPoint": ["sh"], "Command": ["-c", 'echo "hello $AB in $PWD"'], "WorkingDirectory": "/tmp"}, made
    assert made["MemorySize"] == 1024 and made["Timeout"] == 900 and made["VpcConfig"]["SubnetIds"] == ["subnet-12345"], made
    answer, payload = container.invoke()
    assert answer["StatusCode"] == 200 and "FunctionError" not in answer and payload == b"hello b c in /tmp", (answer, payload)
    lines = container.newest_log()
    assert "hello b c in /tmp" in lines and starts(lines, "START RequestId: ", "END RequestId: ", "REPORT RequestId: "), lines
    assert container.lam.list_tags(Resource=made["FunctionArn"])["Tags"] == container.tags
    container.remove()


@suite.test
def command_that_fails(sim):
    """FunctionError makes Docker's exit code 1; the log says ERROR and how it ended."""
    for script, how in (("echo before; exit 1", "exit status 1"), ("kill -9 $$", "signal: killed")):
        container = Container(sim, ["sh", "-c", script])
        answer, payload = container.invoke()
        assert answer["FunctionError"] == "Unhandled", answer
        document = json.loads(payload)
        assert document["errorType"] == "Runtime.ExitError" and f"Runtime exited with error: {how}" in document["errorMessage"], document
        lines = container.newest_log()
        assert any("ERROR" in line and how in line for line in lines) and starts(lines, "START ", "END ", "REPORT "), lines
        container.remove()


@suite.test
def command_that_is_nowhere(sim):
    container = Container(sim, ["/no/such/program"])
    answer, payload = container.invoke()
    document = json.loads(payload)
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Runtime.InvalidEntrypoint", document
    assert "/no/such/program" in document["errorMessage"], document
    container.remove()


@suite.test
def command_that_stays(sim):
    """tail -f /dev/null never answers: it ends with the function's timeout, and has no figures of a start."""
    container = Container(sim, ["tail", "-f", "/dev/null"], Timeout=1)
    answer, payload = container.invoke()
    assert answer["FunctionError"] == "Unhandled" and json.loads(payload)["errorType"] == "Sandbox.Timedout", payload
    [report] = [line for line in container.newest_log() if line.startswith("REPORT ")]
    assert "Status: timeout" in report and "Init Duration" not in report and "Billed Duration: 0 ms" in report, report
    container.remove()


@suite.test
def bootstrap_in_the_image(sim):
    """The later backend: name check, waiter, Invoke with LogType Tail, the command in the environment, reuse, kill."""
    lam = sim.client("lambda")
    for function in lam.list_functions()["Functions"]:
        lam.list_tags(Resource=function["FunctionArn"])
    words = base64.b64encode(json.dumps(["sh", "-c", "cat; exit 3"]).encode()).decode()
    container = Container(sim, ["-c", BOOTSTRAP], ImageConfig={"EntryPoint": [sys.executable]},
                          Environment={"Variables": {"SOCKERLESS_USER_CMD": words, "SOCKERLESS_CONTAINER_ID": "c"}})
    configuration = lam.get_function(FunctionName=container.name)["Configuration"]
    assert configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful", configuration
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", configuration["LastModified"]), configuration["LastModified"]
    lam.get_waiter("function_active_v2").wait(FunctionName=container.name)
    answer, payload = container.invoke(LogType="Tail", Payload=b'{"stdin": 1}')
    assert "FunctionError" not in answer and json.loads(payload) == {"exit": 3, "out": '{"stdin": 1}'}, (answer, payload)
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "bootstrap: ran sh\n" in tail and "START RequestId: " in tail and "REPORT RequestId: " in tail, tail
    arn = container.made["FunctionArn"]
    lam.tag_resource(Resource=arn, Tags={"sockerless-exit": "3", "sockerless-allocation": "a"})
    lam.untag_resource(Resource=arn, TagKeys=["sockerless-allocation"])
    assert lam.list_tags(Resource=arn)["Tags"] == {**container.tags, "sockerless-exit": "3"}
    assert json.loads(container.invoke(Payload=b"{}")[1])["out"] == "{}"
    killed = lam.update_function_configuration(FunctionName=container.name, Timeout=1)
    assert killed["Timeout"] == 1 and killed["LastUpdateStatus"] == "Successful", killed
    container.remove()


@suite.test
def volumes(sim):
    """docker run -v: an access point among the function's file systems."""
    efs = sim.client("efs")
    system = efs.create_file_system(CreationToken="lambda", Encrypted=True)["FileSystemId"]
    point = efs.create_access_point(ClientToken="v", FileSystemId=system, PosixUser={"Uid": 1000, "Gid": 1000},
                                    RootDirectory={"Path": "/sockerless/volumes/v"})["AccessPointArn"]
    mounts = [{"Arn": point, "LocalMountPath": "/mnt/v"}]
    container = Container(sim, ["true"], FileSystemConfigs=mounts,
                          VpcConfig={"SubnetIds": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345"]})
    assert container.made["FileSystemConfigs"] == mounts, container.made
    assert container.lam.get_function_configuration(FunctionName=container.name)["FileSystemConfigs"] == mounts
    container.remove()


@suite.test
def bytes_that_are_no_archive(sim):
    """Its suites' zip function: code 'fake', invoked twice, with START, END and REPORT alone in a stream each."""
    lam, logs = sim.client("lambda"), sim.client("logs")
    lam.create_function(FunctionName="fake", Role=ROLE, Runtime="nodejs18.x", Handler="index.handler", Code={"ZipFile": b"fake"})
    for _ in range(2):
        answer = lam.invoke(FunctionName="fake")
        assert answer["StatusCode"] == 200 and "FunctionError" not in answer, answer
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/fake")["logGroups"][0]["logGroupName"] == "/aws/lambda/fake"
    streams = logs.describe_log_streams(logGroupName="/aws/lambda/fake")["logStreams"]
    assert len(streams) == 2, streams
    for stream in streams:
        events = logs.get_log_events(logGroupName="/aws/lambda/fake", logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        assert [event["message"].partition(" ")[0] for event in events] == ["START", "END", "REPORT"], events
    lam.delete_function(FunctionName="fake")


@suite.test
def recovery(sim):
    """The backend's start-up, after a restart of Lambda: tags tell which functions are its own."""
    container = Container(sim, ["echo", "again"])
    sim.ctl("restart", "lambda")
    lam = sim.client("lambda")
    own = [f["FunctionName"] for f in lam.list_functions()["Functions"]
           if lam.list_tags(Resource=f["FunctionArn"])["Tags"].get("sockerless-container-id") == container.id]
    assert own == [container.name] and container.invoke()[1] == b"again"
    container.remove()


@suite.test
def with_the_command_line(sim):
    """create-function, invoke, its logs and delete-function with the AWS CLI."""
    answer = os.path.join(sim.dir, "answer")
    made = cli(sim, "lambda", "create-function", "--function-name", "by-cli", "--package-type", "Image", "--role", ROLE, "--code",
               "ImageUri=test:latest", "--image-config", json.dumps({"Command": ["echo", "from the CLI"]}))
    assert made["State"] == "Active", made
    cli(sim, "lambda", "wait", "function-active-v2", "--function-name", "by-cli")
    invoked = cli(sim, "lambda", "invoke", "--function-name", "by-cli", answer)
    assert invoked["StatusCode"] == 200 and pathlib.Path(answer).read_text() == "from the CLI", invoked
    [stream] = cli(sim, "logs", "describe-log-streams", "--log-group-name", "/aws/lambda/by-cli", "--order-by", "LastEventTime",
                   "--descending", "--limit", "1")["logStreams"]
    events = cli(sim, "logs", "get-log-events", "--log-group-name", "/aws/lambda/by-cli", "--log-stream-name", stream["logStreamName"],
                 "--start-from-head")["events"]
    assert "from the CLI" in [event["message"] for event in events], events
    cli(sim, "lambda", "delete-function", "--function-name", "by-cli")


if __name__ == "__main__":
    with Awssim("--profile", "sockerless", "--dns", "0") as simulator:
        sys.exit(suite.main(simulator))
