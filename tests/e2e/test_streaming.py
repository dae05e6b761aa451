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
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, wait_until  # noqa: E402
from functions import archive, create, invoke, make_role, messages, reported  # noqa: E402

suite = Suite()

# The functions wait for a file, the test's sign that it has seen the beginning.
NODE = '''
const fs = require('fs');
const sign = async (file) => { while (!fs.existsSync(file)) await new Promise((go) => setTimeout(go, 5)); };

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


class Url:
    """A connection to a function's URL."""

    def __init__(self, sim, name):
        lam = sim.client("lambda")
        url = lam.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")["FunctionUrl"]
        lam.add_permission(FunctionName=name, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
                           FunctionUrlAuthType="NONE")
        self.sim, self.host = sim, url.split("/")[2]

    def ask(self, event, query="", method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", self.sim.port, timeout=60)
        connection.request(method, f"/{query}", json.dumps(event), {"Host": self.host, "Content-Type": "application/json"})
        return connection.getresponse()


@suite.test
def chunks_arrive_while_it_runs(sim):
    needs_node()
    create(sim, "slow", archive(index__js=NODE), "index.handler", "nodejs20.x", Timeout=30)
    sign = pathlib.Path(sim.dir, "go")
    events = iter(stream(sim, "slow", {"sign": str(sign)}, LogType="Tail"))
    assert next(events) == {"PayloadChunk": {"Payload": b"first "}}
    assert not any(line.startswith("END") for line in messages(sim, "slow"))
    sign.touch()
    payload, end = whole(events)
    assert payload == b"second" and set(end) == {"LogResult"}, end
    assert "REPORT" in base64.b64decode(end["LogResult"]).decode(), end
    payload, end = whole(stream(sim, "slow", {"nothing": True}))
    assert payload == b"" and end == {}, end


@suite.test
def url_answers_while_it_runs(sim):
    url = Url(sim, "slow")
    for query, status, own in (("", 200, None), ("?http", 203, "yes")):
        sign = pathlib.Path(sim.dir, f"go-{status}")
        answer = url.ask({"sign": str(sign)}, query)
        assert answer.status == status and answer.getheader("x-own") == own, answer.getheaders()
        assert answer.getheader("transfer-encoding") == "chunked" and not answer.getheader("content-length"), answer.getheaders()
        assert answer.read(6) == b"first "
        sign.touch()
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
def the_servers_memory_is_not_the_limit(sim):
    """More than a whole answer may have, and more than a streamed one may have."""
    lam = sim.client("lambda")
    lam.update_function_configuration(FunctionName="slow", Timeout=60)
    lam.get_waiter("function_updated_v2").wait(FunctionName="slow", WaiterConfig={"Delay": 0.05})
    payload, end = whole(stream(sim, "slow", {"bytes": 30000000}))
    assert len(payload) == 30000000 + 12 and end == {}, end


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
