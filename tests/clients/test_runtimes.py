#!/usr/bin/env python3
"""AWS's own runtime interface clients in functions: awslambdaric for Python, aws-lambda-ric for Node.js, aws-lambda-go."""

import io
import json
import pathlib
import shutil
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, wait_until  # noqa: E402
from clients import fetch, fetched, go_build, npm  # noqa: E402
from functions import Sign, archive, create, invoke, make_role, messages  # noqa: E402

suite = Suite()

PYTHON = '''
import os, time

def handler(event, context):
    what = event.get("do")
    if what == "fail":
        raise ValueError("as you wish")
    if what == "hang":
        time.sleep(3600)
    if what == "exit":
        os._exit(5)
    return {"id": context.aws_request_id, "name": context.function_name, "value": os.environ.get(event.get("name"), ""),
            "left": context.get_remaining_time_in_millis() > 0}
'''

NODE = '''
const net = require('net');
const listens = (port) => new Promise((tell) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); tell(true); });
  socket.on('error', () => tell(false));
});

exports.handler = async (event, context) => {
  if (event.do === 'fail') throw new TypeError('as you wish');
  if (event.do === 'hang') await new Promise((go) => setTimeout(go, 3600000));
  if (event.do === 'exit') process.exit(5);
  return { id: context.awsRequestId, name: context.functionName, value: process.env[event.name] || '',
           left: context.getRemainingTimeInMillis() > 0 };
};

exports.stream = awslambda.streamifyResponse(async (event, stream, context) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 203, headers: { 'Content-Type': 'text/plain' } });
  stream.write('first ');
  while (!await listens(event.sign)) await new Promise((go) => setTimeout(go, 5));
  stream.end('second');
});
'''


def packed(folder, **more):
    """The folder's files and some more as a zip, without what is only for building it."""
    content = io.BytesIO(archive(**more))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and "deps" not in path.parts:
                file.write(path, path.relative_to(folder))
    return content.getvalue()


def works(sim, name, kind):
    """What every client must do; kind is the type of its error."""
    for _ in range(2):
        answer, document = invoke(sim, name, {"name": "OWN"})
        assert document == {"id": answer["ResponseMetadata"]["RequestId"], "name": name, "value": "value", "left": True}, document
    answer, document = invoke(sim, name, {"do": "fail"})
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == kind, document
    assert document["errorMessage"] == "as you wish", document
    answer, document = invoke(sim, name, {"do": "hang"})
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Sandbox.Timedout", document
    assert invoke(sim, name, {"name": "AWS_ENDPOINT_URL"})[1]["value"] == sim.endpoint
    ended = sum(text.startswith("REPORT") for text in messages(sim, name))
    assert sim.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    wait_until(lambda: sum(text.startswith("REPORT") for text in messages(sim, name)) > ended)


def streams(sim, name, event):
    """The first part is there before the function's end, and the URL's head with it."""
    lam = sim.client("lambda")
    sign = Sign()
    payload = json.dumps({**event, "sign": sign.port})
    events = iter(lam.invoke_with_response_stream(FunctionName=name, Payload=payload)["EventStream"])
    received = b""
    while not received.endswith(b"\0first "):
        event = next(events)
        assert "PayloadChunk" in event, event
        received += event["PayloadChunk"]["Payload"]
    assert json.loads(received.split(b"\0", 1)[0])["statusCode"] == 203, received
    sign.give()
    rest = list(events)
    assert b"".join(one["PayloadChunk"]["Payload"] for one in rest[:-1]) == b"second", rest
    assert rest[-1] == {"InvokeComplete": {}}, rest


@suite.test
def python(sim):
    folder = fetched("awslambdaric")
    if not (folder / "complete").exists():
        fetch(sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", str(folder), "awslambdaric")
        (folder / "complete").touch()
    interpreter = f"python{sys.version_info.major}.{sys.version_info.minor}"  # one for all users: a sandbox shows no other
    bootstrap = f"#!/bin/sh\nPYTHONPATH=$LAMBDA_TASK_ROOT exec {interpreter} -m awslambdaric $_HANDLER\n"
    create(sim, "python-ric", packed(folder, bootstrap=bootstrap, app__py=PYTHON), runtime="provided.al2023", Timeout=5,
           MemorySize=512, Environment={"Variables": {"OWN": "value"}})
    works(sim, "python-ric", "ValueError")
    document = invoke(sim, "python-ric", {"do": "exit"})[1]
    assert document["errorType"] == "Runtime.ExitError" and "exit status 5" in document["errorMessage"], document
    create(sim, "python-ric-lost", packed(folder, bootstrap=bootstrap, app__py=PYTHON), "app.nobody", runtime="provided.al2023",
           Timeout=5, MemorySize=512)
    assert invoke(sim, "python-ric-lost")[1]["errorType"] == "Runtime.HandlerNotFound"


# The client's native half is built from libcurl's sources, which takes minutes and needs Node.js's headers. All it does in
# this mode is to send whole responses and errors; the rest, streams among it, is the client's own JavaScript.
NATIVE = '''
const http = require('http');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const post = (what, body) => {
  const path = `/2018-06-01/runtime/invocation/${what}`;
  http.request({ host, port, path, method: 'POST', headers: { 'Content-Type': 'application/json' } }).end(body);
};
require('module')._extensions['.node'] = (module) => {
  module.exports = {
    initializeClient() {}, done: (id, body) => post(`${id}/response`, body), error: (id, body) => post(`${id}/error`, body),
  };
};
'''


@suite.test
def node(sim):
    if not shutil.which("node"):
        raise Skipped("there is no node on this machine")
    client = npm("aws-lambda-ric", "--ignore-scripts", "aws-lambda-ric") / "node_modules" / "aws-lambda-ric"
    bootstrap = f"""#!/bin/sh
export AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1=true
exec {shutil.which('node')} --require $LAMBDA_TASK_ROOT/native.cjs $LAMBDA_TASK_ROOT/bin/index.mjs $_HANDLER
"""
    code = packed(client, bootstrap=bootstrap, native__cjs=NATIVE, app__js=NODE, **{"dist/rapid-client__node": ""})
    create(sim, "node-ric", code, runtime="provided.al2023", Timeout=5, MemorySize=512, Environment={"Variables": {"OWN": "value"}})
    works(sim, "node-ric", "TypeError")
    create(sim, "node-ric-stream", code, "app.stream", runtime="provided.al2023", Timeout=20, MemorySize=512)
    streams(sim, "node-ric-stream", {})


@suite.test
def go(sim):
    program = go_build("go-function")
    create(sim, "go", archive(bootstrap=program.read_bytes()), runtime="provided.al2023", Timeout=5, MemorySize=512,
           Environment={"Variables": {"OWN": "value"}})
    works(sim, "go", "errorString")
    document = invoke(sim, "go", {"do": "panic"})[1]
    assert document["errorMessage"] == "as you wish" and document["stackTrace"], document
    assert invoke(sim, "go", {"name": "OWN"})[1]["value"] == "value"
    streams(sim, "go", {"do": "stream"})


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
