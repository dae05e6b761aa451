#!/usr/bin/env python3
"""Lambda through boto3 and the AWS CLI: functions in Python, Node.js and bootstraps of their own really run, their errors are AWS's, their logs are in
CloudWatch Logs, and restarts lose nothing that was accepted."""

import base64
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, in_threads, wait_until  # noqa: E402
from functions import ROLE, archive, create, invoke, make_role, messages, refused  # noqa: E402

suite = Suite()

PYTHON = '''
import logging, os, sys, time

def handler(event, context):
    what = event.get("do")
    if what == "print":
        print("a line")
        sys.stdout.write("no newline")
        logging.warning("two\\nlines")
    elif what == "raise":
        raise ValueError("not this")
    elif what == "exit":
        os._exit(event["code"])
    elif what == "kill":
        os.kill(os.getpid(), 9)
    elif what == "sleep":
        time.sleep(event["seconds"])
    elif what == "big":
        return "x" * event["bytes"]
    elif what == "binary":
        os.write(1, bytes(range(256)) * 20)
    elif what == "fork":
        for _ in range(20):
            if os.fork() == 0:
                time.sleep(300)
    elif what == "unserialisable":
        return {1, 2}
    elif what == "context":
        return {"name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
                "group": context.log_group_name, "stream": context.log_stream_name, "arn": context.invoked_function_arn,
                "id": context.aws_request_id, "left": context.get_remaining_time_in_millis(),
                "client": context.client_context and context.client_context.custom, "environment": dict(os.environ)}
    elif what == "length":
        return len(event["text"])
    return {"event": event}
'''

CODE = archive(app__py=PYTHON)

BOOTSTRAP = '''#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
head=/tmp/head.$$
while :; do
  event=$(curl -sS -D "$head" "$api/invocation/next")
  id=$(grep -i lambda-runtime-aws-request-id "$head" | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -o /dev/null "$api/invocation/$id/response" -d "{\\"shell\\": $event}"
  curl -sS -w '%{http_code}\\n' "$api/invocation/$id/response" -d again
done
'''

NODE = '''
exports.handler = async (event, context) => {
  console.log("hello", event);
  if (event.fail) throw new TypeError("not this");
  return { event, name: context.functionName, left: context.getRemainingTimeInMillis() > 0 };
};
exports.callback = (event, context, done) => setTimeout(() => done(null, "called back"), 5);
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("one ");
  stream.write("two");
  stream.end();
});
exports.http = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 203, headers: { "x-own": "yes" } });
  stream.write("streamed");
  stream.end();
});
'''


@suite.test
def create_invoke_logs(sim):
    create(sim, "first", CODE, Environment={"Variables": {"OWN": "value"}}, MemorySize=256)
    answer, document = invoke(sim, "first", {"do": "print"}, LogType="Tail")
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST" and "FunctionError" not in answer
    assert document == {"event": {"do": "print"}}, document
    request = answer["ResponseMetadata"]["RequestId"]
    tail = base64.b64decode(answer["LogResult"]).decode()
    lines = wait_until(lambda: (lambda m: m if any(x.startswith("REPORT") for x in m) else None)(messages(sim, "first")))
    assert lines[0].startswith("INIT_START Runtime Version: python3.11.v1\tRuntime Version ARN: arn:aws:lambda:"), lines
    assert lines[1] == f"START RequestId: {request} Version: $LATEST", lines
    assert lines[2] == "a line", lines
    assert any("[WARNING]" in x and request in x and "two\rlines" in x for x in lines), lines
    assert lines[-2] == f"END RequestId: {request}", lines
    fields = dict(part.split(": ", 1) for part in lines[-1].strip("\t").removeprefix("REPORT ").split("\t"))
    assert list(fields) == ["RequestId", "Duration", "Billed Duration", "Memory Size", "Max Memory Used", "Init Duration"]
    assert fields["Memory Size"] == "256 MB" and float(fields["Duration"].split()[0]) > 0, fields
    assert 5 < int(fields["Max Memory Used"].split()[0]) < 100, fields
    assert f"START RequestId: {request}" in tail and "a line\n" in tail and "REPORT" in tail, tail
    streams = sim.client("logs").describe_log_streams(logGroupName="/aws/lambda/first")["logStreams"]
    assert len(streams) == 1 and "/[$LATEST]" in streams[0]["logStreamName"], streams


@suite.test
def large_packages_delay_nobody(sim):
    """A package of many files and one of many bytes are taken, kept and removed beside the loop: others are served meanwhile."""
    import hashlib

    many, large = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(many, "w") as file:
        for i in range(8000):
            file.writestr(f"folder{i % 200}/module{i}.py", "")
        file.writestr("app.py", "def handler(event, context):\n    return 'many'\n")
    with zipfile.ZipFile(large, "w") as file:
        file.writestr("app.py", "def handler(event, context):\n    return 'large'\n")
        file.writestr("data", os.urandom(12 * 1024 * 1024))
    marks, done = [], []

    def make():
        try:
            create_both()
        finally:
            done.append(True)

    def create_both():
        for name, content in (("of-files", many.getvalue()), ("of-bytes", large.getvalue())):
            made = sim.client("lambda").create_function(FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handler",
                                                        Code={"ZipFile": content}, MemorySize=512)
            assert made["CodeSize"] == len(content), made
            assert base64.b64decode(made["CodeSha256"]) == hashlib.sha256(content).digest(), made

    def others():
        while not done:
            before = time.monotonic()
            invoke(sim, "first", {"n": 1})
            marks.append(time.monotonic() - before)

    in_threads(2, lambda i: (make, others)[i]())
    assert done and len(marks) > 10 and max(marks) < 3, (len(marks), max(marks))  # a machine may be busy; it was nine seconds
    for name, answer in (("of-files", "many"), ("of-bytes", "large")):
        sim.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        assert invoke(sim, name)[1] == answer
    assert os.listdir(os.path.join(sim.state_dir, "lambda", "upload")) == []


@suite.test
def client_context_is_one_header(sim):
    """Whatever is in it: a line break between its parts, text beyond ASCII; what is no JSON object is refused."""
    own = {"custom": {"key": "Müniö 🎉 \\ \" \n end", "list": [1, 2.5, None]}}
    for text in (json.dumps(own, indent=2, ensure_ascii=False).replace("\n", "\r\n"), json.dumps(own)):
        answer, context = invoke(sim, "first", {"do": "context"}, ClientContext=base64.b64encode(text.encode()).decode())
        assert context["client"] == own["custom"] and context["id"] == answer["ResponseMetadata"]["RequestId"], context
    for broken in (b'{"custom": {"key": "a\r\nLambda-Runtime-Aws-Request-Id: other"}}', b"{", b'{"a": "\xff"}', b"[]", b"{} {}"):
        for kind in ("RequestResponse", "Event"):
            refusal = refused(sim.client("lambda").invoke, "InvalidRequestContentException", 400, FunctionName="first",
                              InvocationType=kind, ClientContext=base64.b64encode(broken).decode())
            assert refusal["Error"]["Message"] == "Client context must be a valid Base64-encoded JSON object.", refusal
    refused(sim.client("lambda").invoke, "InvalidRequestContentException", 400, FunctionName="first", ClientContext="not base64!")


@suite.test
def context_and_environment(sim):
    client = base64.b64encode(json.dumps({"custom": {"key": "value"}}).encode()).decode()
    answer, context = invoke(sim, "first", {"do": "context"}, ClientContext=client)
    environment = context["environment"]
    assert context["name"] == "first" and context["version"] == "$LATEST" and context["memory"] == "256", context
    assert context["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:first", context
    assert context["id"] == answer["ResponseMetadata"]["RequestId"] and 0 < context["left"] <= 3000, context
    assert context["client"] == {"key": "value"} and context["group"] == "/aws/lambda/first", context
    wanted = {"OWN": "value", "_HANDLER": "app.handler", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
              "AWS_LAMBDA_FUNCTION_NAME": "first", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "TZ": ":UTC",
              "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/first",
              "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
              "AWS_LAMBDA_LOG_STREAM_NAME": context["stream"], "AWS_ENDPOINT_URL": sim.endpoint}
    assert wanted.items() <= environment.items(), environment
    assert {"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID"} <= environment.keys(), environment
    import boto3

    sts = boto3.client("sts", endpoint_url=sim.endpoint, region_name="us-east-1",
                       aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                       aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                       aws_session_token=environment["AWS_SESSION_TOKEN"])
    assert sts.get_caller_identity()["Arn"] == "arn:aws:sts::123456789012:assumed-role/lambda/first"


@suite.test
def failures(sim):
    create(sim, "wild", CODE, Timeout=1)
    answer, document = invoke(sim, "wild", {"do": "raise"})
    assert answer["FunctionError"] == "Unhandled" and answer["StatusCode"] == 200, answer
    assert document["errorType"] == "ValueError" and document["errorMessage"] == "not this", document
    assert len(document["stackTrace"]) == 1 and "in handler" in document["stackTrace"][0], document
    for event, kind, text in (({"do": "exit", "code": 3}, "Runtime.ExitError", "exit status 3"),
                              ({"do": "exit", "code": 0}, "Runtime.ExitError", "without providing a reason"),
                              ({"do": "kill"}, "Runtime.ExitError", "signal: killed"),
                              ({"do": "sleep", "seconds": 30}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
                              ({"do": "big", "bytes": 7000000}, "Function.ResponseSizeTooLarge", "6291556 bytes"),
                              ({"do": "unserialisable"}, "Runtime.MarshalError", "not JSON serializable")):
        answer, document = invoke(sim, "wild", event)
        assert answer["FunctionError"] == "Unhandled" and document["errorType"] == kind, (event, document)
        assert text in document["errorMessage"], document
        assert invoke(sim, "wild")[1] == {"event": {}}, event  # another environment, or the same, goes on
    for event in ({"do": "binary"}, {"do": "fork"}):
        assert invoke(sim, "wild", event)[1] == {"event": event}
    assert len(invoke(sim, "wild", {"do": "big", "bytes": 6000000})[1]) == 6000000
    assert invoke(sim, "wild", {"do": "length", "text": "x" * 6000000})[1] == 6000000
    lines = wait_until(lambda: (lambda m: m if any("timed out" in x for x in m) else None)(messages(sim, "wild")))
    assert any(x.endswith("Status: timeout") for x in lines), lines


@suite.test
def starts_that_fail(sim):
    for name, code, handler, kind, text in (
            ("no-module", PYTHON, "nope.handler", "Runtime.ImportModuleError", "Unable to import module 'nope'"),
            ("no-handler", PYTHON, "app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
            ("bad-name", PYTHON, "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
            ("bad-syntax", "def x(:", "app.x", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
            ("init-raises", "raise KeyError('k')", "app.x", "KeyError", "k"),
            ("init-exits", "import os; os._exit(7)", "app.x", "Runtime.ExitError", "exit status 7")):
        create(sim, name, archive(app__py=code), handler)
        answer, document = invoke(sim, name)
        assert answer["FunctionError"] == "Unhandled" and document["errorType"] == kind, (name, document)
        assert text in document["errorMessage"], document
    create(sim, "no-bootstrap", archive(x="x"), runtime="provided.al2023")
    assert "Couldn't find valid bootstrap(s)" in invoke(sim, "no-bootstrap")[1]["errorMessage"]
    create(sim, "no-interpreter", archive(bootstrap="#!/not/there\n"), runtime="provided.al2023")
    document = invoke(sim, "no-interpreter")[1]
    assert document["errorType"] == "Runtime.InvalidEntrypoint" and "no such file" in document["errorMessage"], document
    create(sim, "dotnet", archive(x="x"), runtime="dotnet8")
    assert "dotnet8" in invoke(sim, "dotnet")[1]["errorMessage"]


@suite.test
def node(sim):
    if not shutil.which("node"):
        print("skip node: there is no node on this machine")
        return
    create(sim, "node", archive(index__js=NODE), "index.handler", "nodejs20.x")
    assert invoke(sim, "node", {"a": 1})[1] == {"event": {"a": 1}, "name": "node", "left": True}
    answer, document = invoke(sim, "node", {"fail": True})
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "TypeError" and document["trace"], document
    create(sim, "node-callback", archive(index__js=NODE), "index.callback", "nodejs20.x")
    assert invoke(sim, "node-callback")[1] == "called back"
    module = 'import { x } from "./other.mjs"; export const handler = async (event) => ({ x, event });'
    create(sim, "node-module", archive(index__mjs=module, other__mjs="export const x = 7;"), "index.handler", "nodejs20.x")
    assert invoke(sim, "node-module")[1] == {"x": 7, "event": {}}
    lines = wait_until(lambda: (lambda m: m if any("INFO" in x for x in m) else None)(messages(sim, "node")))
    assert any("\tINFO\thello { a: 1 }" in x for x in lines), lines
    create(sim, "node-stream", archive(index__js=NODE), "index.stream", "nodejs20.x")
    answer = sim.client("lambda").invoke_with_response_stream(FunctionName="node-stream", Payload=b"{}", LogType="Tail")
    events = list(answer["EventStream"])
    assert b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b"one two", events
    assert b"REPORT" in base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]), events


@suite.test
def provided(sim):
    create(sim, "shell", archive(bootstrap=BOOTSTRAP), runtime="provided.al2023")
    for i in range(3):
        assert invoke(sim, "shell", {"i": i})[1] == {"shell": {"i": i}}
    wait_until(lambda: any("InvalidStateTransition" in x for x in messages(sim, "shell")))


@suite.test
def refusals(sim):
    lam = sim.client("lambda")
    refused(lam.invoke, "ResourceNotFoundException", 404, FunctionName="nobody")
    refused(lam.invoke, "ResourceNotFoundException", 404, FunctionName="first", Qualifier="nothing")
    refused(lam.invoke, "InvalidRequestContentException", 400, FunctionName="first", Payload=b"{no json")
    refused(lam.invoke, "RequestEntityTooLargeException", 413, FunctionName="first", Payload=json.dumps("x" * 6291600))
    refused(lam.invoke, "RequestEntityTooLargeException", 413, FunctionName="first", InvocationType="Event",
            Payload=json.dumps("x" * 1048600))
    assert lam.invoke(FunctionName="first", InvocationType="DryRun")["StatusCode"] == 204
    for code in (b"fake", archive(), b"PK\x03\x04" + b"x" * 100):
        refused(lam.create_function, "InvalidParameterValueException", 400, FunctionName="bad", Runtime="python3.11", Role=ROLE,
                Handler="a.b", Code={"ZipFile": code})
    for name in ("/etc/passwd", "../../escaped", "a/../../escaped"):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as file:
            file.writestr(name, "x")
        refused(lam.create_function, "InvalidParameterValueException", 400, FunctionName="bad", Runtime="python3.11", Role=ROLE,
                Handler="a.b", Code={"ZipFile": content.getvalue()})
    response = refused(lam.create_function, "InvalidParameterValueException", 400, FunctionName="bad", Runtime="python3.11",
                       Role=ROLE + "-absent", Handler="a.b", Code={"ZipFile": archive(a="b")})
    assert response["Error"]["Message"] == "The role defined for the function cannot be assumed by Lambda.", response
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        for i in range(5):
            file.writestr(f"zeros{i}", bytes(60 * 1024 * 1024))
    response = refused(lam.create_function, "InvalidParameterValueException", 400, FunctionName="bad", Runtime="python3.11",
                       Role=ROLE, Handler="a.b", Code={"ZipFile": bomb.getvalue()})
    assert "262144000" in response["Error"]["Message"], response


@suite.test
def versions_and_aliases(sim):
    lam = create(sim, "many", archive(app__py="def handler(e, c): return [1, c.function_version]"))
    assert lam.publish_version(FunctionName="many")["Version"] == "1"
    assert lam.publish_version(FunctionName="many")["Version"] == "1"  # nothing has changed
    lam.update_function_code(FunctionName="many", ZipFile=archive(app__py="def handler(e, c): return [2, c.function_version]"))
    lam.get_waiter("function_updated_v2").wait(FunctionName="many", WaiterConfig={"Delay": 0.05})
    assert lam.publish_version(FunctionName="many", Description="two")["Version"] == "2"
    assert invoke(sim, "many")[1] == [2, "$LATEST"]
    answer, document = invoke(sim, "many", Qualifier="1")
    assert document == [1, "1"] and answer["ExecutedVersion"] == "1", document
    lam.create_alias(FunctionName="many", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    seen = {invoke(sim, "many:live")[0]["ExecutedVersion"] for _ in range(60)}
    assert seen == {"1", "2"}, seen
    refused(lam.delete_function, "ResourceConflictException", 409, FunctionName="many", Qualifier="1")
    assert [v["Version"] for v in lam.list_versions_by_function(FunctionName="many")["Versions"]] == ["$LATEST", "1", "2"]
    location = lam.get_function(FunctionName="many", Qualifier="1")["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert b"return [1," in answer.read()
    broken = urllib.request.Request(location.replace("signature=", "signature=0"))
    try:
        urllib.request.urlopen(broken)
        raise AssertionError("a wrong signature was accepted")
    except urllib.error.HTTPError as failure:
        assert failure.code == 403


@suite.test
def updates_replace_environments(sim):
    lam = create(sim, "changing", CODE, Environment={"Variables": {"COLOUR": "red"}})
    assert invoke(sim, "changing", {"do": "context"})[1]["environment"]["COLOUR"] == "red"
    lam.update_function_configuration(FunctionName="changing", Environment={"Variables": {"COLOUR": "blue"}})
    lam.get_waiter("function_updated_v2").wait(FunctionName="changing", WaiterConfig={"Delay": 0.05})
    assert invoke(sim, "changing", {"do": "context"})[1]["environment"]["COLOUR"] == "blue"
    refused(lam.update_function_configuration, "PreconditionFailedException", 412, FunctionName="changing", RevisionId="old")


@suite.test
def concurrency(sim):
    lam = create(sim, "narrow", CODE, Timeout=10)
    lam.put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=2)
    outcomes = []

    def one(i):
        from botocore.exceptions import ClientError

        try:
            outcomes.append(str(invoke(sim, "narrow", {"do": "sleep", "seconds": 1})[0]["StatusCode"]))
        except ClientError as failure:
            outcomes.append(failure.response["Reason"])

    in_threads(5, one)
    assert sorted(outcomes) == ["200"] * 2 + ["ReservedFunctionConcurrentInvocationLimitExceeded"] * 3, outcomes
    lam.put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=0)
    refused(lam.invoke, "TooManyRequestsException", 429, FunctionName="narrow")
    lam.delete_function_concurrency(FunctionName="narrow")
    assert invoke(sim, "narrow")[0]["StatusCode"] == 200


@suite.test
def asynchronous(sim):
    lam = create(sim, "later", CODE)
    create(sim, "told", archive(app__py="def handler(e, c): print('told', e['requestContext']['condition'])"))
    arn = "arn:aws:lambda:us-east-1:123456789012:function:told"
    lam.put_function_event_invoke_config(FunctionName="later", MaximumRetryAttempts=1,
                                         DestinationConfig={"OnFailure": {"Destination": arn}, "OnSuccess": {"Destination": arn}})
    assert lam.invoke(FunctionName="later", InvocationType="Event", Payload=b'{"do": "raise"}')["StatusCode"] == 202
    wait_until(lambda: "told RetriesExhausted" in messages(sim, "told"))
    assert sum(x.startswith("START") for x in messages(sim, "later")) == 2
    lam.invoke(FunctionName="later", InvocationType="Event", Payload=b"{}")
    wait_until(lambda: "told Success" in messages(sim, "told"))


@suite.test
def function_urls(sim):
    lam = create(sim, "web", archive(app__py='''
import json
def handler(event, context):
    if event["rawPath"] == "/plain": return {"hello": event["queryStringParameters"]["name"]}
    return {"statusCode": 201, "headers": {"Content-Type": "text/plain", "X-Own": "yes"}, "cookies": ["a=b"],
            "body": json.dumps([event["requestContext"]["http"]["method"], event["rawPath"], event.get("body"), event.get("cookies")])}
'''))
    url = lam.create_function_url_config(FunctionName="web", AuthType="NONE", Cors={"AllowOrigins": ["http://x.localhost"]})["FunctionUrl"]
    host = url.split("/")[2]
    assert sim.http("GET", "/", headers={"Host": host})[0] == 403  # nobody may, yet
    lam.add_permission(FunctionName="web", StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
                       FunctionUrlAuthType="NONE")
    status, headers, body = sim.http("GET", "/plain?name=me", headers={"Host": host})
    assert (status, json.loads(body)) == (200, {"hello": "me"}), body
    status, headers, body = sim.http("POST", "/a/b", b"text", {"Host": host, "Content-Type": "text/plain", "Cookie": "k=v",
                                                                "Origin": "http://x.localhost"})
    assert status == 201 and headers["x-own"] == "yes" and headers["set-cookie"] == "a=b", (status, headers)
    assert headers["access-control-allow-origin"] == "http://x.localhost", headers
    assert json.loads(body) == ["POST", "/a/b", "text", ["k=v"]], body
    assert sim.http("GET", "/plain?name=me", headers={"Host": host, "Origin": "https://x.example"})[0] == 403
    status, _, body = sim.http("GET", f"/lambda-url/{host.split('.')[0]}/plain?name=path")
    assert (status, json.loads(body)) == (200, {"hello": "path"}), body
    if shutil.which("node"):
        create(sim, "web-stream", archive(index__js=NODE), "index.http", "nodejs20.x")
        url = lam.create_function_url_config(FunctionName="web-stream", AuthType="NONE", InvokeMode="RESPONSE_STREAM")["FunctionUrl"]
        lam.add_permission(FunctionName="web-stream", StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*")
        status, headers, body = sim.http("GET", "/", headers={"Host": url.split("/")[2]})
        assert (status, headers["x-own"], body) == (203, "yes", b"streamed"), (status, headers, body)


@suite.test
def code_in_s3(sim):
    s3, lam = sim.client("s3"), sim.client("lambda")
    s3.create_bucket(Bucket="functions")
    for name, filler in (("small", b""), ("large", os.urandom(600000))):
        s3.put_object(Bucket="functions", Key=f"{name}.zip", Body=archive(app__py=f"def handler(e, c): return '{name}'", filler=filler))
        lam.create_function(FunctionName=f"from-s3-{name}", Runtime="python3.11", Role=ROLE, Handler="app.handler",
                            Code={"S3Bucket": "functions", "S3Key": f"{name}.zip"})
        assert invoke(sim, f"from-s3-{name}")[1] == name
    refused(lam.create_function, "InvalidParameterValueException", 400, FunctionName="bad", Runtime="python3.11", Role=ROLE,
            Handler="a.b", Code={"S3Bucket": "functions", "S3Key": "none.zip"})


@suite.test
def image_that_is_nowhere(sim):
    with Awssim("--lenient", "any-image") as lenient:
        make_role(lenient)
        lam = lenient.client("lambda")
        lam.create_function(FunctionName="image", PackageType="Image", Role=ROLE, Code={"ImageUri": "nowhere.example/none:1"})
        answer, document = invoke(lenient, "image")
        assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Runtime.InvalidEntrypoint", document
        assert "nowhere.example/none:1" in document["errorMessage"], document
        assert lam.get_function(FunctionName="image")["Code"]["ImageUri"] == "nowhere.example/none:1"


@suite.test
def layers(sim):
    lam = sim.client("lambda")
    layer = lam.publish_layer_version(LayerName="shared", CompatibleRuntimes=["python3.11"],
                                      Content={"ZipFile": archive(**{"python/shared__py": "VALUE = 42\n"})})
    create(sim, "layered", archive(app__py="import shared\ndef handler(e, c): return shared.VALUE"),
           Layers=[layer["LayerVersionArn"]])
    assert invoke(sim, "layered")[1] == 42
    refused(lam.create_function, "InvalidParameterValueException", 400, FunctionName="bad", Runtime="python3.11", Role=ROLE,
            Handler="a.b", Code={"ZipFile": archive(a="b")}, Layers=[layer["LayerVersionArn"].replace(":1", ":9")])


@suite.test
def json_logs(sim):
    create(sim, "structured", archive(app__py="import logging\ndef handler(e, c):\n    logging.info('said')\n    logging.debug('not')"),
           LoggingConfig={"LogFormat": "JSON", "LogGroup": "/aws/lambda/elsewhere"})
    invoke(sim, "structured")
    lines = wait_until(lambda: (lambda m: m if any("platform.report" in x for x in m) else None)(messages(sim, "elsewhere")))
    documents = [json.loads(x) for x in lines]
    assert [d.get("type") for d in documents] == ["platform.initStart", "platform.start", None, "platform.report"], lines
    assert documents[2]["message"] == "said" and documents[2]["level"] == "INFO" and documents[2]["requestId"], lines
    assert documents[3]["record"]["metrics"]["initDurationMs"] > 0, lines


@suite.test
def worker_restart_keeps_what_runs(sim):
    lam = create(sim, "steady", CODE, Timeout=20)
    lam.invoke(FunctionName="steady", InvocationType="Event", Payload=json.dumps({"do": "sleep", "seconds": 1.5}))
    wait_until(lambda: sim.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/steady")["logGroups"])
    former = sim.pids()["lambda"]
    os.kill(former, signal.SIGKILL)
    wait_until(lambda: sim.pids().get("lambda", former) != former)
    assert invoke(sim, "steady")[0]["StatusCode"] == 200
    lines = wait_until(lambda: (lambda m: m if sum(x.startswith("REPORT") for x in m) == 2 else None)(messages(sim, "steady")))
    assert sum(x.startswith("START") for x in lines) == 2, lines


@suite.test
def runner_restart_retries_the_queue(sim):
    lam = create(sim, "retried", CODE, Timeout=30)
    lam.invoke(FunctionName="retried", InvocationType="Event", Payload=json.dumps({"do": "sleep", "seconds": 1}))
    wait_until(lambda: sim.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/retried")["logGroups"])
    outcome = []

    def one(i):
        try:
            outcome.append(invoke(sim, "retried", {"do": "sleep", "seconds": 20}))
        except Exception as failure:
            outcome.append(failure.response["Error"]["Code"])

    def kill(i):
        wait_until(lambda: len(sim.client("logs").describe_log_streams(logGroupName="/aws/lambda/retried")["logStreams"]) >= 2)
        os.kill(sim.pids()["runner"], signal.SIGKILL)

    in_threads(2, lambda i: (one, kill)[i](i))
    assert outcome == ["ServiceException"], outcome
    wait_until(lambda: any(x.startswith("REPORT") for x in messages(sim, "retried")))


def cli():
    return next((c for c in (shutil.which("aws"), "/usr/bin/aws") if c and os.access(c, os.X_OK)), None)


@suite.test
def command_line(sim):
    if not cli():
        print("skip command_line: there is no AWS CLI on this machine")
        return
    environment = {"PATH": os.environ["PATH"], "HOME": sim.dir, "AWS_PAGER": "", **sim.env()}
    with tempfile.TemporaryDirectory() as folder:
        code, out = pathlib.Path(folder, "code.zip"), pathlib.Path(folder, "out.json")
        code.write_bytes(archive(app__py=PYTHON))

        def aws(*arguments):
            done = subprocess.run([cli(), "--endpoint-url", sim.endpoint, "--output", "json", "lambda", *arguments],
                                  capture_output=True, text=True, timeout=60, env=environment, cwd=folder)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout) if done.stdout.strip() else None

        aws("create-function", "--function-name", "from-cli", "--runtime", "python3.11", "--role", ROLE, "--handler",
            "app.handler", "--zip-file", f"fileb://{code}")
        aws("wait", "function-active-v2", "--function-name", "from-cli")
        answer = aws("invoke", "--function-name", "from-cli", "--payload", "{}", str(out))
        assert answer["StatusCode"] == 200 and json.loads(out.read_text()) == {"event": {}}, answer
        aws("delete-function", "--function-name", "from-cli")


@suite.test
def everything_is_deleted(sim):
    lam = sim.client("lambda")
    for page in lam.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            lam.delete_function(FunctionName=function["FunctionName"])
    assert lam.list_functions()["Functions"] == []


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
