#!/usr/bin/env python3
"""What extensions are told: the Telemetry API and the older Logs API, with an extension that listens as AWS's examples do,
and the lines that the platform writes about extensions."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402
from functions import archive, create, invoke, make_role, messages, reported  # noqa: E402

suite = Suite()

# Answers what its extension has written down so far.
FUNCTION = """
import json, os, sys, time

print("of the start")

def handler(event, context):
    do = event.get("do")
    if do == "fail":
        raise ValueError("own")
    if do == "exit":
        os._exit(7)
    if do == "print":
        for line in event["lines"]:
            print(line)
    if do == "wait":
        deadline = time.time() + 20
        while not all(text in seen() for text in event["for"]) and time.time() < deadline:
            time.sleep(0.02)
    return {"seen": json.loads("[" + ",".join(seen().splitlines()) + "]"), "answers": json.load(open("/tmp/answers"))}

def seen():
    return open("/tmp/seen").read() if os.path.exists("/tmp/seen") else ""
"""

# Registers, listens, subscribes with the bodies it is given, and waits for its events. A batch is a line of /tmp/seen.
EXTENSION = """#!%(python)s
import http.server, json, os, socketserver, sys, threading, urllib.error, urllib.request

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
name = os.path.basename(sys.argv[0])

def call(method, path, body=None, **headers):
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(api + path, None if body is None else json.dumps(body).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read().decode()

def note(text):
    with open("/tmp/seen", "a") as file:
        file.write(text + "\\n")

class Listener(http.server.BaseHTTPRequestHandler):
    failures = %(failures)d

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if Listener.failures > 0:
            Listener.failures -= 1
            self.send_error(500)
            return
        note(json.dumps({"path": self.path, "type": self.headers["Content-Type"], "batch": json.loads(body)}))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass

class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            note(json.dumps({"line": json.loads(line)}))

print("of the extension", flush=True)
server = http.server.ThreadingHTTPServer(("sandbox.localdomain", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
lines = socketserver.TCPServer(("sandbox.localdomain", 0), Lines)
threading.Thread(target=lines.serve_forever, daemon=True).start()
status, headers, body = call("POST", "/2020-01-01/extension/register", {"events": ["INVOKE", "SHUTDOWN"]}, Lambda_Extension_Name=name,
                             Lambda_Extension_Accept_Feature="accountId")
identifier = headers["Lambda-Extension-Identifier"]
answers = [[status, json.loads(body)]]
for path, body in json.loads(%(subscriptions)r):
    text = json.dumps(body).replace('"HTTP-PORT"', str(server.server_port)).replace("HTTP-PORT", str(server.server_port))
    text = text.replace('"TCP-PORT"', str(lines.server_address[1]))
    status, headers, body = call("PUT", path, json.loads(text), Lambda_Extension_Identifier=identifier)
    answers.append([status, json.loads(body)])
with open("/tmp/answers", "w") as file:
    json.dump(answers, file)
while True:
    status, headers, body = call("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=identifier)
    event = json.loads(body)
    if event["eventType"] == "SHUTDOWN":
        print("shutdown", event["shutdownReason"], flush=True)
        server.shutdown()
        break
"""


def python(sim):
    """The interpreter as functions see it."""
    if not python.path:
        create(sim, "where", archive(app__py="import sys\n\ndef handler(event, context):\n    return sys.executable\n"))
        python.path = invoke(sim, "where")[1]
    return python.path


python.path = None


def subscription(version="2022-12-13", types=("platform", "function", "extension"), **fields):
    return {"schemaVersion": version, "types": list(types), "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:HTTP-PORT/own"}, **fields}


def make(sim, name, *subscriptions, failures=0, **fields):
    text = EXTENSION % {"python": python(sim), "subscriptions": json.dumps(subscriptions), "failures": failures}
    layer = sim.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": archive(**{f"extensions/{name}-extension": text})})
    create(sim, name, archive(app__py=FUNCTION), Layers=[layer["LayerVersionArn"]], Timeout=30, MemorySize=512, **fields)


def waited(sim, name, *texts):
    """The events that the extension has had when it had these texts, and what it was answered."""
    document = invoke(sim, name, {"do": "wait", "for": texts})[1]
    return [event for entry in document["seen"] for event in entry.get("batch", [entry.get("line")])], document["answers"]


def of_type(events, kind):
    return [event["record"] for event in events if event["type"] == kind]


@suite.test
def telemetry(sim):
    make(sim, "telemetry", ["/2022-07-01/telemetry", subscription()])
    first = invoke(sim, "telemetry", {"do": "print", "lines": ["one", "two"]})[0]["ResponseMetadata"]["RequestId"]
    failed = invoke(sim, "telemetry", {"do": "fail"})[0]["ResponseMetadata"]["RequestId"]
    events, answers = waited(sim, "telemetry", failed, '"platform.report", "record": {"requestId": "' + failed)
    assert answers == [[200, {"functionName": "telemetry", "functionVersion": "$LATEST", "handler": "app.handler", "accountId": "123456789012"}],
                       [200, "OK"]], answers
    kinds = [event["type"] for event in events]
    start = {"initializationType": "on-demand", "phase": "init"}
    assert kinds[0] == "platform.initStart" and start.items() <= events[0]["record"].items(), events[0]
    assert events[0]["record"]["functionName"] == "telemetry" and events[0]["record"]["runtimeVersion"], events[0]
    assert of_type(events, "platform.telemetrySubscription") == [
        {"name": "telemetry-extension", "state": "Subscribed", "types": ["platform", "function", "extension"]}]
    assert of_type(events, "platform.initRuntimeDone") == [{**start, "status": "success"}]
    report = of_type(events, "platform.initReport")[0]
    assert report["metrics"]["durationMs"] > 0 and report["status"] == "success" and report["phase"] == "init", report
    assert of_type(events, "platform.extension") == [{"name": "telemetry-extension", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}]
    begun = of_type(events, "platform.start")
    assert [one["requestId"] for one in begun[:2]] == [first, failed] and begun[0]["version"] == "$LATEST", begun
    assert begun[0]["tracing"]["type"] == "X-Amzn-Trace-Id" and begun[0]["tracing"]["value"].startswith("Root=1-"), begun
    assert f"Parent={begun[0]['tracing']['spanId']};" in begun[0]["tracing"]["value"], begun
    done = of_type(events, "platform.runtimeDone")
    assert [(one["requestId"], one["status"]) for one in done[:2]] == [(first, "success"), (failed, "error")], done
    assert done[0]["metrics"]["durationMs"] > 0 and done[0]["metrics"]["producedBytes"] > 0 and done[1]["errorType"] == "ValueError", done
    reports = of_type(events, "platform.report")
    assert reports[0]["requestId"] == first and reports[0]["metrics"]["initDurationMs"] > 0 and reports[0]["metrics"]["memorySizeMB"] == 512, reports
    assert "initDurationMs" not in reports[1]["metrics"] and reports[1]["metrics"]["billedDurationMs"] > 0, reports
    said = of_type(events, "function")
    assert said[:3] == ["of the start\n", "one\n", "two\n"] and "[ERROR] ValueError: own" in said[3], said
    assert of_type(events, "extension") == ["of the extension\n"]
    assert not {"platform.end", "platform.fault", "platform.logsSubscription"} & set(kinds), kinds
    order = [kinds.index(one) for one in ("platform.initRuntimeDone", "platform.initReport", "platform.extension", "platform.start",
                                          "platform.runtimeDone", "platform.report")]
    assert order == sorted(order), kinds
    assert all(len(event["time"]) == 24 and event["time"].endswith("Z") for event in events), events


@suite.test
def lines_of_the_log(sim):
    lines = reported(sim, "telemetry", 3)
    begins = ["INIT_START", "TELEMETRY\tName: telemetry-extension\tState: Subscribed\tTypes: [Platform, Function, Extension]",
              "EXTENSION\tName: telemetry-extension\tState: Ready\tEvents: [INVOKE, SHUTDOWN]", "START RequestId: "]
    places = [next(i for i, line in enumerate(lines) if line.startswith(one)) for one in begins]
    assert places == sorted(places) and places[0] == 0, lines
    assert "of the extension" in lines and "of the start" in lines, lines


@suite.test
def logs_api(sim):
    """Other events than the Telemetry API has; a subscription without a schema is of the first."""
    body = subscription("2020-08-15")
    del body["schemaVersion"]
    make(sim, "logs", ["/2020-08-15/logs", body])
    first = invoke(sim, "logs", {"do": "print", "lines": ["one"]})[0]["ResponseMetadata"]["RequestId"]
    events, answers = waited(sim, "logs", '"platform.report", "record": {"requestId": "' + first)
    assert answers[1] == [200, "OK"], answers
    kinds = {event["type"] for event in events}
    assert kinds == {"platform.logsSubscription", "platform.extension", "platform.start", "platform.end", "platform.report", "function", "extension"}, kinds
    assert of_type(events, "platform.end") == [{"requestId": first}], events
    assert "LOGS\tName: logs-extension\tState: Subscribed\tTypes: [Platform, Function, Extension]" in reported(sim, "logs", 2)


@suite.test
def json_lines_are_objects(sim):
    """With LogFormat JSON, and only for schemas from 2022-12-13 on."""
    line = json.dumps({"level": "INFO", "order": 7})
    for version, wanted in (("2022-07-01", line + "\n"), ("2022-12-13", json.loads(line)), ("2025-01-29", json.loads(line))):
        name = f"json-{version[:7]}"
        make(sim, name, ["/2022-07-01/telemetry", subscription(version)], LoggingConfig={"LogFormat": "JSON"})
        invoke(sim, name, {"do": "print", "lines": [line, "no object"]})
        events, _ = waited(sim, name, "no object")
        said = of_type(events, "function")
        assert wanted in said and "no object\n" in said, (version, said)
        logged = [json.loads(text) for text in messages(sim, name) if '"type":"platform.' in text]
        assert {"platform.telemetrySubscription", "platform.extension"} <= {one["type"] for one in logged}, logged


@suite.test
def tcp(sim):
    make(sim, "tcp", ["/2022-07-01/telemetry", subscription(types=["function"], destination={"protocol": "TCP", "port": "TCP-PORT"})])
    invoke(sim, "tcp", {"do": "print", "lines": ["one", "two"]})
    events, answers = waited(sim, "tcp", "two")
    assert answers[1] == [200, "OK"] and of_type(events, "function") == ["of the start\n", "one\n", "two\n"], (answers, events)


@suite.test
def subscriptions_are_checked(sim):
    wrong = [("schemaVersion", "2019-01-01"), ("schemaVersion", None), ("types", []), ("types", ["own"]), ("types", "platform"),
             ("destination", None), ("destination", {"protocol": "UDP", "port": 1}), ("destination", {"protocol": "TCP", "port": 0}),
             ("destination", {"protocol": "HTTP", "URI": "http://example.com:80/"}), ("destination", {"protocol": "HTTP", "URI": "https://sandbox.localdomain"}),
             ("destination", {"protocol": "HTTP", "URI": "http://sandbox.localdomain:70000"}),
             ("destination", {"protocol": "HTTP", "URI": "http://sandbox.localdomain:80/a\r\nX: y"}),
             ("buffering", {"maxItems": 10}), ("buffering", {"maxBytes": 1}), ("buffering", {"timeoutMs": 24}), ("buffering", {"timeoutMs": 30001})]
    bodies = []
    for member, value in wrong:
        body = subscription(**{member: value}) if member != "schemaVersion" else subscription(version=value)
        bodies.append(["/2022-07-01/telemetry", {key: one for key, one in body.items() if one is not None}])
    make(sim, "checked", *bodies, ["/2022-07-01/telemetry", []])
    _, answers = invoke(sim, "checked")[1], invoke(sim, "checked")[1]["answers"]
    assert [status for status, _ in answers] == [200] + [400] * (len(wrong) + 1), answers
    assert all(document["errorType"] == "ValidationError" and document["errorMessage"] for _, document in answers[1:]), answers


@suite.test
def too_late_and_unknown(sim):
    """Subscriptions are made while the environment starts, by extensions that have registered."""
    code = """
import json, os, urllib.error, urllib.request

def ask(method, path, body, **headers):
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + path, json.dumps(body).encode(), headers, method=method)
    try:
        return urllib.request.urlopen(request)
    except urllib.error.HTTPError as refusal:
        return refusal

def error(answer):
    return [answer.status, json.loads(answer.read()).get("errorType")]

own = ask("POST", "/2020-01-01/extension/register", {"events": ["INVOKE"]}, Lambda_Extension_Name="own").headers["Lambda-Extension-Identifier"]
early = [error(ask("POST", "/2020-01-01/extension/register", {"events": []}, Lambda_Extension_Name=name)) for name in ("", "own")]
early.append(error(ask("POST", "/2020-01-01/extension/register", {"events": ["OTHER"]}, Lambda_Extension_Name="other")))
early.append(error(ask("POST", "/2020-01-01/extension/register", [], Lambda_Extension_Name="other")))
early += [error(ask("PUT", path, {}, **headers)) for path in ("/2022-07-01/telemetry", "/2020-08-15/logs")
          for headers in ({}, {"Lambda_Extension_Identifier": "x"}, {"Lambda_Extension_Identifier": "0" * 36})]
import threading
threading.Thread(target=lambda: ask("GET", "/2020-01-01/extension/event/next", None, Lambda_Extension_Identifier=own), daemon=True).start()

def handler(event, context):
    late = [error(ask("PUT", path, {}, Lambda_Extension_Identifier=own)) for path in ("/2022-07-01/telemetry", "/2020-08-15/logs")]
    late.append(error(ask("POST", "/2020-01-01/extension/register", {"events": []}, Lambda_Extension_Name="late")))
    return [early, late]
"""
    create(sim, "late", archive(app__py=code), Timeout=20)
    _, (early, late) = invoke(sim, "late")
    identifiers = [[403, f"Extension.{word}ExtensionIdentifier"] for word in ("Missing", "Invalid", "Unknown")]
    assert early == [[403, "Extension.InvalidExtensionName"], [403, "Extension.InvalidExtensionState"], [403, "Extension.InvalidEventType"],
                     [403, "InvalidRequestFormat"], *identifiers, *identifiers], early
    assert late == [[403, "Telemetry.SubscriptionClosed"], [403, "Logs.SubscriptionClosed"], [403, "Extension.RegistrationClosed"]], late


@suite.test
def a_batch_is_brought_again(sim):
    make(sim, "again", ["/2022-07-01/telemetry", subscription()], failures=2)
    events, _ = waited(sim, "again", "platform.initStart", "platform.extension")
    assert of_type(events, "platform.logsDropped") == [] and len(of_type(events, "platform.initStart")) == 1, events


@suite.test
def what_is_lost_is_said(sim):
    """A listener that refuses a batch for good hears how much it has missed."""
    make(sim, "lost", ["/2022-07-01/telemetry", subscription()], failures=4)
    invoke(sim, "lost")
    events, _ = waited(sim, "lost", "platform.logsDropped")
    dropped = of_type(events, "platform.logsDropped")[0]
    assert dropped["droppedRecords"] > 0 and dropped["droppedBytes"] > 0 and dropped["reason"].startswith("Some logs were dropped"), dropped


@suite.test
def listener_must_be_the_environments_own(sim):
    """A port of somebody else's gets nothing, though it listens at the same address."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        make(sim, "foreign", ["/2022-07-01/telemetry", subscription(destination={"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}"})])
        for _ in range(3):
            invoke(sim, "foreign", {"do": "print", "lines": ["secret"]})
        sim.client("lambda").update_function_configuration(FunctionName="foreign", Description="ends it")
        wait_until(lambda: any("shutdown spindown" in line for line in messages(sim, "foreign")))
        other.setblocking(False)
        try:
            other.accept()
        except BlockingIOError:
            return
        raise AssertionError("somebody has connected")


@suite.test
def shutdown_reaches_extensions(sim):
    """The runtime is told to end, the extension is given time to; a crash ends both."""
    make(sim, "ends", ["/2022-07-01/telemetry", subscription()])
    invoke(sim, "ends")
    sim.client("lambda").update_function_configuration(FunctionName="ends", Description="ends it")
    wait_until(lambda: "shutdown spindown" in messages(sim, "ends"))
    answer, document = invoke(sim, "ends", {"do": "exit"})
    assert answer["FunctionError"] == "Unhandled" and "exit status 7" in document["errorMessage"], document
    assert invoke(sim, "ends", {"do": "print", "lines": []})[0].get("FunctionError") is None


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
