"""Lambda functions for suites: made, called, and what they said."""

import io
import json
import socket
import zipfile

from awssim import wait_until

ROLE = "arn:aws:iam::123456789012:role/lambda"


def archive(**files):
    """A zip in memory; `__` in a name is a dot, everything is executable."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in files.items():
            info = zipfile.ZipInfo(name.replace("__", "."))
            info.external_attr = 0o755 << 16
            file.writestr(info, text)
    return content.getvalue()


def make_role(sim):
    """The functions' role, which trusts Lambda."""
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                                                     "Action": "sts:AssumeRole"}]}
    sim.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument=json.dumps(trust))


def create(sim, name, code, handler="app.handler", runtime="python3.11", **fields):
    lam = sim.client("lambda")
    lam.create_function(FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Code={"ZipFile": code}, **fields)
    lam.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    return lam


def invoke(sim, name, event=None, **fields):
    """(answer, document) of an invocation."""
    answer = sim.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **fields)
    body = answer["Payload"].read()
    return answer, json.loads(body) if body else None


def refused(call, code, status=None, **fields):
    from botocore.exceptions import ClientError

    try:
        call(**fields)
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == code, failure
        assert status is None or failure.response["ResponseMetadata"]["HTTPStatusCode"] == status, failure.response
        return failure.response
    raise AssertionError(f"{fields} was not refused with {code}")


def messages(sim, name):
    """All messages of a function's group, in order; [] while there is no group."""
    logs = sim.client("logs")
    try:
        return [e["message"] for e in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def reported(sim, name, invocations=1):
    """The same once the platform has said so often that an invocation is over."""
    def look():
        found = messages(sim, name)
        return found if sum(text.startswith("REPORT") for text in found) >= invocations else None
    return wait_until(look, what=f"the log of {name}")


class Sign:
    """A function waits until somebody listens at this port of the machine: what else changes here is hidden from it."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def give(self):
        self.socket.listen()
