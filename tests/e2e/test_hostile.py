#!/usr/bin/env python3
"""Functions that behave badly, in every language: AWS's error for each, and the next invocation works."""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, in_threads, wait_until  # noqa: E402
from functions import archive, create, invoke, make_role, messages, reported  # noqa: E402

suite = Suite()

NODE = '''
exports.handler = async (event) => {
  switch (event.do) {
    case 'exit': process.exit(event.code);
    case 'throw': setImmediate(() => { throw new RangeError('behind its back'); }); return new Promise(() => {});
    case 'reject': Promise.reject(new Error('nobody looks')); return new Promise(() => {});
    case 'hang': return new Promise(() => setInterval(() => {}, 1000));
    case 'spin': for (;;);
    case 'big': return 'x'.repeat(event.bytes);
    case 'circular': { const ring = {}; ring.ring = ring; return ring; }
    case 'binary': process.stdout.write(Buffer.from([...Array(256).keys()])); process.stdout.write('\\n'); break;
    case 'flood': for (let i = 0; i < 3000; i++) console.log(String(i).padEnd(200, '.')); break;
    case 'string': throw 'no error at all';
  }
  return { event };
};
'''

# A runtime of its own, which does what it must not; RESULT lines say what the Runtime API answered.
RUNTIME = r'''#!/usr/bin/env python3
import http.client, json, os, socket, sys, time
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
connection = http.client.HTTPConnection(host, int(port))
def call(method, path, body=None, **headers):
    connection.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()
while True:
    answer, event = call("GET", "invocation/next")
    id, event = answer.getheader("Lambda-Runtime-Aws-Request-Id"), json.loads(event)
    do = event.get("do")
    results = []
    def say(id, what="response", body=b"null", **headers):
        answer, text = call("POST", f"invocation/{id}/{what}", body, **headers)
        results.append([answer.status, json.loads(text).get("errorType")])
    if do == "twice":
        say(id); say(id); say(id, "error", b"{}")
    elif do == "other id":
        say("00000000-0000-0000-0000-000000000000"); say(id)
    elif do == "path":
        say(id, "nothing"); say(id)
    elif do == "big":
        say(id, body=b"x" * 7000000)
    elif do == "huge":
        say(id, body=b"x" * 70000000)
    elif do == "no http":
        rude = socket.create_connection((host, int(port)))
        try:
            rude.sendall(b"\x00\xff" * 40000 + b"\r\n\r\n")
            results.append(rude.recv(100).decode())
        except ConnectionError:
            results.append("")
        say(id)
    elif do == "many connections":
        results.append(len([socket.create_connection((host, int(port))) for _ in range(600)]))
        say(id)
    elif do == "half":
        rude = socket.create_connection((host, int(port)))
        rude.sendall(f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf".encode())
        rude.close()
        say(id)
    elif do == "ignore":
        pass
    elif do == "error without type":
        say(id, "error", b'{"errorMessage": "untyped"}')
    elif do == "no json":
        say(id, body=b"\xff\xfe no JSON")
    else:
        say(id, body=json.dumps({"event": event}).encode())
    print("RESULT", json.dumps(results), flush=True)
'''


def results(sim, name):
    """What the runtime learned in its last invocation."""
    lines = [line for line in messages(sim, name) if line.startswith("RESULT ")]
    return lines[-1].removeprefix("RESULT ") if lines else None


@suite.test
def runtimes_that_break_the_rules(sim):
    create(sim, "rude", archive(bootstrap=RUNTIME), runtime="provided.al2023", Timeout=2)
    state = '[403, "InvalidStateTransition"]'
    for do, said in (("twice", f'[[202, null], {state}, {state}]'),
                     ("other id", '[[400, "InvalidRequestID"], [202, null]]'),
                     ("path", '[[404, "NotFound"], [202, null]]'),
                     ("no http", '["", [202, null]]'),
                     ("many connections", "[600, [202, null]]"),
                     ("half", "[[202, null]]")):
        answer, document = invoke(sim, "rude", {"do": do})
        assert document is None and "FunctionError" not in answer, (do, document)
        wait_until(lambda: results(sim, "rude") == said, what=f"{said} after {do}")
    for do in ("big", "huge"):
        answer, document = invoke(sim, "rude", {"do": do})
        assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Function.ResponseSizeTooLarge", document
        wait_until(lambda: results(sim, "rude") == '[[413, "RequestEntityTooLarge"]]')
        assert invoke(sim, "rude")[1] == {"event": {}}
    answer, document = invoke(sim, "rude", {"do": "error without type"})
    assert answer["FunctionError"] == "Unhandled" and document == {"errorMessage": "untyped"}, document
    assert sim.client("lambda").invoke(FunctionName="rude", Payload=b'{"do": "no json"}')["Payload"].read() == b"\xff\xfe no JSON"
    answer, document = invoke(sim, "rude", {"do": "ignore"})
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Sandbox.Timedout", document
    assert invoke(sim, "rude")[1] == {"event": {}}


@suite.test
def node_failures(sim):
    if not shutil.which("node"):
        raise Skipped("there is no node on this machine")
    create(sim, "wild-node", archive(index__js=NODE), "index.handler", "nodejs20.x", Timeout=2)
    for event, kind, text in (({"do": "exit", "code": 3}, "Runtime.ExitError", "exit status 3"),
                              ({"do": "throw"}, "RangeError", "behind its back"),
                              ({"do": "reject"}, "Runtime.UnhandledPromiseRejection", "nobody looks"),
                              ({"do": "hang"}, "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
                              ({"do": "spin"}, "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
                              ({"do": "big", "bytes": 7000000}, "Function.ResponseSizeTooLarge", "6291556 bytes"),
                              ({"do": "circular"}, "TypeError", "circular"),
                              ({"do": "string"}, "string", "no error at all")):
        answer, document = invoke(sim, "wild-node", event)
        assert answer["FunctionError"] == "Unhandled" and document["errorType"] == kind, (event, document)
        assert text in document["errorMessage"], document
        assert invoke(sim, "wild-node")[1] == {"event": {}}, event
    for do in ("binary", "flood"):
        document = invoke(sim, "wild-node", {"do": do})[1]
        assert document == {"event": {"do": do}}, document
    lines = wait_until(lambda: (lambda m: m if any(x.endswith("\t2999" + "." * 196) for x in m) else None)(messages(sim, "wild-node")))
    assert sum("....." in line for line in lines) == 3000, len(lines)


@suite.test
def node_starts_that_fail(sim):
    if not shutil.which("node"):
        raise Skipped("there is no node on this machine")
    for name, code, handler, kind, text in (
            ("no-module", NODE, "nope.handler", "Runtime.ImportModuleError", "Cannot find module 'nope'"),
            ("no-handler", NODE, "index.nope", "Runtime.HandlerNotFound", "index.nope is undefined or not exported"),
            ("bad-name", NODE, "index", "Runtime.MalformedHandlerName", "Bad handler"),
            ("bad-syntax", "exports.x = (", "index.x", "Runtime.UserCodeSyntaxError", "SyntaxError"),
            ("no-dependency", "require('nowhere')", "index.x", "Runtime.ImportModuleError", "Cannot find module 'nowhere'"),
            ("no-function", "exports.x = 1", "index.x", "Runtime.HandlerNotFound", "index.x is not a function"),
            ("init-throws", "throw new RangeError('at once')", "index.x", "RangeError", "at once"),
            ("init-exits", "process.exit(7)", "index.x", "Runtime.ExitError", "exit status 7")):
        create(sim, name, archive(index__js=code), handler, "nodejs20.x")
        answer, document = invoke(sim, name)
        assert answer["FunctionError"] == "Unhandled" and document["errorType"] == kind, (name, document)
        assert text in document["errorMessage"], document
        # Once more: a start that failed is tried again.
        assert invoke(sim, name)[1]["errorType"] == kind, name


@suite.test
def children_left_behind(sim):
    """What a function has forked holds its pipes open and ignores signals; it ends with the environment."""
    code = """
import os, signal, subprocess, sys
def handler(event, context):
    if event.get("fork"):
        for _ in range(20):
            subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP INT; while :; do sleep 300; done"], start_new_session=True)
    if event.get("exit"):
        os._exit(9)
    return os.getpid()
"""
    create(sim, "parent", archive(app__py=code), Timeout=10)
    first = invoke(sim, "parent", {"fork": True})[1]
    assert invoke(sim, "parent")[1] == first
    answer, document = invoke(sim, "parent", {"fork": True, "exit": True})
    assert document["errorType"] == "Runtime.ExitError" and "exit status 9" in document["errorMessage"], document
    reported(sim, "parent", 3)
    wait_until(lambda: not [name for name in sim.survivors().values() if "sleep" in name])
    assert invoke(sim, "parent")[0]["StatusCode"] == 200


@suite.test
def starts_that_never_end(sim):
    """Ten seconds are the start's, the rest is the invocation's."""
    create(sim, "late", archive(app__py="import time\ntime.sleep(3600)"), Timeout=1)
    answer, document = invoke(sim, "late")
    assert answer["FunctionError"] == "Unhandled" and document["errorType"] == "Sandbox.Timedout", document
    assert any("Phase: init\tStatus: timeout" in line for line in reported(sim, "late")), messages(sim, "late")


@suite.test
def many_at_once(sim):
    """Bad ones beside good ones: nobody pays for another."""
    create(sim, "mixed", archive(app__py="import os\ndef handler(e, c):\n    if e['i'] % 2: os._exit(1)\n    return e['i']"), Timeout=20)
    outcomes = {}
    in_threads(8, lambda i: outcomes.update({i: invoke(sim, "mixed", {"i": i})[1]}))
    assert all(outcomes[i] == i for i in range(0, 8, 2)), outcomes
    assert all(outcomes[i]["errorType"] == "Runtime.ExitError" for i in range(1, 8, 2)), outcomes


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
