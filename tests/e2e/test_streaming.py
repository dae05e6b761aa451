#!/usr/bin/env python3
"""Response streaming: what a function writes reaches the client while the function runs, through InvokeWithResponseStream
and through a function's URL; how streams end well and badly."""

import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, wait_until  # noqa: E402
from functions import archive, create, invoke, make_role, messages, reported  # noqa: E402

suite = Suite()

# The functions wait until somebody listens at a port, the test's sign that it has seen the beginning: all else of this machine
# that changes is hidden from them.
NODE = '''
const net = require('net');
const listens = (port) => new Promise((tell) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); tell(true); });
  socket.on('error', () => tell(false));
});
const sign = async (port) => { while (!await listens(port)) await new Promise((go) => setTimeout(go, 5)); };

exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  const http = event.rawPath ? event.rawQueryString : event.http;
  if (event.rawPath) event = JSON.parse(event.body || '{}');
  if (http) stream = awslambda.HttpResponseStream.from(stream, { statusCode: 203, headers: { 'X-Own': 'yes' }, cookies: ['a=b'] });
  if (event.type) stream.setContentType(event.type);
  if (event.nothing) return stream.end();
  if (event.early) throw new TypeError('too early');
  stream.write(event.first || 'first ');
  if (event.sign) await sign(event.sign);
  if (event.late) throw new RangeError('too late');
  if (event.exit) process.exit(3);
  if (event.hang) await new Promise(() => setInterval(() => {}, 1000));
  for (let left = event.bytes || 0; left > 0; left -= 1048576) {
    if (!stream.write(Buffer.alloc(Math.min(left, 1048576), 'x'))) await new Promise((go) => stream.once('drain', go));
  }
  stream.write('second');
  stream.end();
});
exports.whole = async () => 'whole';
'''


class Sign:
    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def give(self):
        self.socket.listen()


def needs_node():
    if not shutil.which("node"):
        raise Skipped("there is no node on this machine")


def stream(sim, name, event=None, **fields):
    """The event stream of an invocation."""
    answer = sim.client("lambda").invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event or {}), **fields)
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST", answer
    return answer["EventStream"]


def whole(events):
    """(the payload, InvokeComplete) of a stream, which ends behind it."""
    events = list(events)
    assert all("PayloadChunk" in event for event in events[:-1]), events
    return b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1]), events[-1]["InvokeComplete"]


def make_url(sim, name):
    lam = sim.client("lambda")
    lam.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    lam.add_permission(FunctionName=name, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
                       FunctionUrlAuthType="NONE")


class Url:
    """A connection to a function's URL."""

    def __init__(self, sim, name):
        self.sim = sim
        self.host = sim.client("lambda").get_function_url_config(FunctionName=name)["FunctionUrl"].split("/")[2]

    def ask(self, event, query="", method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", self.sim.port, timeout=60)
        connection.request(method, f"/{query}", json.dumps(event), {"Host": self.host, "Content-Type": "application/json"})
        return connection.getresponse()


@suite.test
def chunks_arrive_while_it_runs(sim):
    needs_node()
    create(sim, "slow", archive(index__js=NODE), "index.handler", "nodejs20.x", Timeout=30)
    make_url(sim, "slow")
    sign = Sign()
    events = iter(stream(sim, "slow", {"sign": sign.port}, LogType="Tail"))
    assert next(events) == {"PayloadChunk": {"Payload": b"first "}}
    assert not any(line.startswith("END") for line in messages(sim, "slow"))
    sign.give()
    payload, end = whole(events)
    assert payload == b"second" and set(end) == {"LogResult"}, end
    assert "REPORT" in base64.b64decode(end["LogResult"]).decode(), end
    payload, end = whole(stream(sim, "slow", {"nothing": True}))
    assert payload == b"" and end == {}, end


@suite.test
def url_answers_while_it_runs(sim):
    url = Url(sim, "slow")
    for query, status, own in (("", 200, None), ("?http", 203, "yes")):
        sign = Sign()
        answer = url.ask({"sign": sign.port}, query)
        assert answer.status == status and answer.getheader("x-own") == own, answer.getheaders()
        assert answer.getheader("transfer-encoding") == "chunked" and not answer.getheader("content-length"), answer.getheaders()
        assert answer.read(6) == b"first "
        sign.give()
        assert answer.read() == b"second"
    assert answer.getheader("set-cookie") == "a=b" and answer.getheader("content-type") == "application/octet-stream"
    answer = url.ask({"type": "text/plain"})
    assert answer.getheader("content-type") == "text/plain" and answer.read() == b"first second"
    assert url.ask({"nothing": True}).read() == b""
    answer = url.ask({}, "?http", "HEAD")
    assert answer.status == 203 and answer.read() == b""


@suite.test
def errors_end_the_stream(sim):
    lam = sim.client("lambda")
    lam.update_function_configuration(FunctionName="slow", Timeout=2)
    lam.get_waiter("function_updated_v2").wait(FunctionName="slow", WaiterConfig={"Delay": 0.05})
    for event, payload, code, text in (({"early": True}, b"", "TypeError", "too early"),
                                       ({"late": True}, b"first ", "RangeError", "too late"),
                                       ({"exit": True}, b"first ", "Runtime.ExitError", "exit status 3"),
                                       ({"hang": True}, b"first ", "Sandbox.Timedout", "timed out after 2.00 seconds")):
        got, end = whole(stream(sim, "slow", event))
        details = json.loads(end["ErrorDetails"])
        assert got == payload and end["ErrorCode"] == details["errorType"] == code, (event, end)
        assert text in details["errorMessage"], end
        assert whole(stream(sim, "slow"))[0] == b"first second", event


@suite.test
def errors_break_off_a_url(sim):
    url = Url(sim, "slow")
    answer = url.ask({"early": True})
    assert answer.status == 200 and broken(answer) == b""  # a stream without a document has begun with its head
    answer = url.ask({"early": True}, "?http")
    assert answer.status == 203 and broken(answer) == b""
    for event in ({"late": True}, {"exit": True}):
        answer = url.ask(event)
        assert answer.status == 200 and broken(answer) == b"first ", event
    assert url.ask({}).read() == b"first second"


def broken(answer):
    """What came before the connection broke."""
    try:
        answer.read()
    except http.client.IncompleteRead as failure:
        return failure.partial
    raise AssertionError("the answer ended well")


@suite.test
def not_everything_is_streamed(sim):
    """A whole answer in a stream; a stream as a whole answer, with the limit of whole answers."""
    create(sim, "whole", archive(index__js=NODE), "index.whole", "nodejs20.x")
    assert whole(stream(sim, "whole")) == (b'"whole"', {})
    answer = sim.client("lambda").invoke(FunctionName="slow", Payload=b"{}")
    assert answer["Payload"].read() == b"first second" and "FunctionError" not in answer, answer
    answer, document = invoke(sim, "slow", {"late": True})
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "RangeError", document
    answer, document = invoke(sim, "slow", {"bytes": 7000000})
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Function.ResponseSizeTooLarge", document


@suite.test
def limits(sim):
    """More than a whole answer may have, and more than a streamed one may have."""
    lam = sim.client("lambda")
    lam.update_function_configuration(FunctionName="slow", Timeout=60)
    lam.get_waiter("function_updated_v2").wait(FunctionName="slow", WaiterConfig={"Delay": 0.05})
    payload, end = whole(stream(sim, "slow", {"bytes": 30000000}))
    assert len(payload) == 30000000 + 12 and end == {}, end
    received = 0
    for event in stream(sim, "slow", {"bytes": 209715200}):
        received += len(event.get("PayloadChunk", {}).get("Payload", b""))
    assert event["InvokeComplete"]["ErrorCode"] == "Function.ResponseSizeTooLarge", event
    assert 200000000 < received <= 209715200, received
    assert whole(stream(sim, "slow"))[0] == b"first second"


@suite.test
def clients_that_leave_or_wait_hurt_nobody(sim):
    """The function goes on without its client; one that does not read holds nobody up."""
    def calls():
        return sum(line.startswith("REPORT") for line in messages(sim, "slow"))

    before = calls()
    sign = Sign()
    left = stream(sim, "slow", {"sign": sign.port})
    assert next(iter(left)) == {"PayloadChunk": {"Payload": b"first "}}
    left.close()
    lazy = iter(stream(sim, "slow", {"bytes": 30000000}))
    reported(sim, "slow", before + 1)
    assert whole(stream(sim, "slow"))[0] == b"first second"
    sign.give()
    lines = reported(sim, "slow", before + 3)
    assert not any("Status:" in line for line in lines[-3:]), lines
    payload, end = whole(lazy)
    assert len(payload) == 30000000 + 12 and end == {}, end
    assert not [path for path in pathlib.Path(sim.state_dir, "spool").iterdir() if path.name.startswith("stream-")]


# A runtime of its own: its first response ends in the middle, the second has its error in trailers.
RUNTIME = r"""#!/usr/bin/env python3
import base64, http.client, os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
def ask_next():
    connection = http.client.HTTPConnection(host, int(port))
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("Lambda-Runtime-Aws-Request-Id")
def begin(id):
    stream = socket.create_connection((host, int(port)))
    stream.sendall(f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                   "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n4\r\nhalf\r\n".encode())
    return stream
begin(ask_next()).close()
stream = begin(ask_next())
body = base64.b64encode(b'{"errorType": "Own.Error", "errorMessage": "' + b"long " * 1000 + b'"}').decode()
stream.sendall(f"0\r\nlambda-runtime-function-error-type: Own.Error\r\nLambda-Runtime-Function-Error-Body: {body}\r\n\r\n".encode())
assert stream.recv(100).startswith(b"HTTP/1.1 202")
ask_next()
"""


@suite.test
def other_runtimes(sim):
    create(sim, "own", archive(bootstrap=RUNTIME), runtime="provided.al2023", Timeout=20)
    payload, end = whole(stream(sim, "own"))
    assert payload == b"half" and end["ErrorCode"] == "Runtime.TruncatedResponse", end
    payload, end = whole(stream(sim, "own"))
    assert payload == b"half" and end["ErrorCode"] == "Own.Error", end
    assert len(json.loads(end["ErrorDetails"])["errorMessage"]) == 5000, end


@suite.test
def a_runner_that_dies_breaks_streams_off(sim):
    from botocore.exceptions import BotoCoreError, HTTPClientError
    from urllib3.exceptions import HTTPError

    events = iter(stream(sim, "slow", {"hang": True}))
    assert next(events) == {"PayloadChunk": {"Payload": b"first "}}
    former = sim.pids()["runner"]
    os.kill(former, signal.SIGKILL)
    try:
        rest = list(events)
        raise AssertionError(f"the stream ended well: {rest}")
    except (HTTPError, HTTPClientError, BotoCoreError):
        pass
    wait_until(lambda: sim.pids().get("runner", former) != former)
    assert whole(stream(sim, "slow"))[0] == b"first second"


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
