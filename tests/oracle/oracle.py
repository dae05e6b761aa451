#!/usr/bin/env python3
"""Codec oracle: botocore judges the codecs. For every modelled operation of every service, random inputs that botocore
serialises are decoded by ours, random outputs that ours encodes are parsed by botocore, every error likewise; each
constraint is violated once; each pattern must compile.

usage: oracle.py [--seed N] [--rounds N] [--jobs N] [SERVICE…]     what it prints depends on the seed alone
"""

import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree

import botocore.eventstream
import botocore.parsers
import botocore.serialize
from botocore.awsrequest import HeadersDict
from botocore.utils import percent_encode_sequence

from model import ROOT, Model
from texts import Rng
from values import Values, difference, in_query, in_rest, json_form
from violations import Violations

REQUEST_ID = "01234567-89ab-cdef-0123-456789abcdef"
WRONG_TYPES = {"string": 5, "boolean": "yes", "integer": "five", "long": [], "double": {}, "float": True, "list": "x",
               "map": [1], "structure": "x", "timestamp": True, "blob": 1}


class Oracle:
    """The C program, spoken to over its pipes."""

    def __init__(self):
        build = pathlib.Path(os.environ.get("AWSSIM_BUILD", ROOT / "build"))
        self.asked = 0
        self.process = subprocess.Popen([build / "tests" / "oracle" / "oracle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *fields):
        self.asked += 1
        raw = [f if isinstance(f, bytes) else str(f).encode() for f in fields]
        data = struct.pack("!I", len(raw)) + b"".join(struct.pack("!I", len(r)) + r for r in raw)
        self.process.stdin.write(data)
        self.process.stdin.flush()
        return [self.read(self.number()) for _ in range(self.number())]

    def number(self):
        return struct.unpack("!I", self.read(4))[0]

    def read(self, size):
        data = self.process.stdout.read(size)
        if len(data) != size:
            sys.exit(f"the oracle program ended with {self.process.wait()}")
        return data

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Judge:
    """One service's codec against botocore's."""

    def __init__(self, oracle, model, rng, rounds):
        self.oracle = oracle
        self.model = model
        self.rng = rng
        self.rounds = rounds
        self.is_json = model.protocol == "json"
        self.serializer = botocore.serialize.create_serializer(model.protocol, include_validation=False)
        self.parser = botocore.parsers.create_parser(model.protocol)
        self.passed = self.failed = 0

    def check(self, name, function, *arguments):
        try:
            function(*arguments)
            self.passed += 1
        except Exception as failure:  # a failed check must not end the others
            self.failed += 1
            print(f"FAIL {self.model.service} {name}: {type(failure).__name__}: {str(failure)[:3000]}", flush=True)

    def run(self):
        self.check("patterns", self.patterns)
        for name in self.model.operations:
            self.check(f"{name} input", self.inputs, name)
            self.check(f"{name} output", self.outputs, name)
            self.check(f"{name} constraints", self.constraints, name)
            self.check(f"{name} wrong types", self.wrong_types, name)
        for name in self.model.streams:
            self.check(f"{name} events", self.events, name)
        for error in self.model.error_shapes():
            self.check(f"error {error}", self.error, error)
        for code, status in self.model.overlay_errors().items():
            self.check(f"error {code}", self.overlay_error, code, status)

    def hows(self):
        yield from ("all", "required")
        for _ in range(self.rounds):
            yield "some"

    # Requests.

    def request(self, kind, operation, value, get=False, odd=False):
        """The answer to an input that botocore serialises. get and odd are other ways to say it in the query protocols."""
        made = self.serializer.serialize_to_request(value, self.model.botocore.operation_model(operation))
        headers = {k.lower(): v for k, v in made["headers"].items()}
        body = made["body"]
        if isinstance(body, dict):
            body = urllib.parse.urlencode(self.oddly(body) if odd else body, doseq=True)
        path, _, literals = made["url_path"].partition("?")
        given = percent_encode_sequence(made["query_string"]) if isinstance(made["query_string"], dict) else made["query_string"]
        method, query = made["method"], "&".join(q for q in (literals, given) if q)
        if get and self.model.is_query:
            method, query, body = "GET", body, ""
        lines = "".join(f"{k}: {self.header_text(v)}\n" for k, v in headers.items())
        return self.oracle.ask(kind, self.model.service, method, path, query, lines, headers.get("content-type", ""), body)

    def header_text(self, value):
        return ("true" if value else "false") if isinstance(value, bool) else value

    def oddly(self, form):
        """The same form with its parameters in any order, gaps between indices, and lists without "member"."""
        lists = r"\.(\d+)" if self.model.protocol == "ec2" else r"\.member\.(\d+)"
        pairs = [(re.sub(lists, lambda m: f".{int(m[1]) * 3 + 5}", k), v) for k, v in form.items()]
        self.rng.shuffle(pairs)
        return dict(pairs)

    def inputs(self, operation):
        shape = self.model.operations[operation].get("input")
        for i, how in enumerate(self.hows()):
            value = Values(self.model, self.rng, how, controls=not self.model.is_rest).value(shape) if shape else {}
            expressible = self.expressible(shape, value)
            if self.model.is_query:
                value = in_query(self.model, value)[0]
            expected = self.expected_input(shape, value) if shape else {}
            answer = self.request("decode", operation, value, get=i % 3 == 2, odd=i % 2 == 1)
            assert answer[0] == b"ok", f"{answer} for {value!r}"
            assert answer[1].decode() == operation, answer[1]
            found = difference(expected, json.loads(answer[2]))
            assert not found, f"{found} of {value!r}"
            if expressible and (how != "some" or i == 2):
                answer = self.request("validate", operation, value)
                assert answer[0] == b"ok", f"valid input refused: {answer[-1].decode()} {value!r}"

    def expected_input(self, shape, value):
        """What decoding must make of it."""
        if self.model.is_rest:
            value = in_rest(self.model, shape, value)
        form = json_form(self.model, shape, value, sent=True)
        return in_query(self.model, form)[0] if self.model.is_query else form

    def expressible(self, shape, value):
        """Whether the protocol has words for all of the input."""
        if self.model.is_query:
            return in_query(self.model, value)[0] == value
        if not self.model.is_rest or not shape:
            return True
        for name, inner in value.items():
            location = self.model.shapes[shape]["members"][name].get("location")
            if location in ("header", "headers", "uri") and Values(self.model, self.rng).plain("header", inner) != inner:
                return False
        required = [n for n, m in self.model.shapes[shape]["members"].items() if m.get("location") == "uri"]
        return all(n in value for n in required) and in_rest(self.model, shape, value) == value

    def wrong_types(self, operation):
        """A member of the wrong type cannot be decoded; one that does not exist is skipped."""
        shape = self.model.operations[operation].get("input")
        for name, member in self.model.members(shape).items() if shape else ():
            kind = self.model.kind(member)
            if self.is_json and kind in WRONG_TYPES:
                answer = self.json_request(operation, {"x" + name: {"a": [None]}, name: WRONG_TYPES[kind]})
                assert answer[0] == b"bad" and answer[1], f"{name} of the wrong type: {answer}"
            elif self.model.is_query and kind in ("integer", "long", "boolean", "timestamp", "double"):
                wire = self.model.query_name(shape, name)
                answer = self.oracle.ask("decode", self.model.service, "POST", "/", "", "", "",
                                         f"Action={operation}&Version=1&{wire}=nonsense&X{wire}.1=1")
                assert answer[0] == b"bad" and answer[1], f"{name} of the wrong type: {answer}"
        if self.is_json:
            answer = self.json_request(operation, {"noSuchMember": {"a": [None, 1.5]}, "anotherOne": None})
            assert answer[0] == b"ok" and json.loads(answer[2]) == {}, answer

    def json_request(self, operation, document):
        target = f"x-amz-target: {self.model.metadata['targetPrefix']}.{operation}\n"
        return self.oracle.ask("decode", self.model.service, "POST", "/", "", target, "application/x-amz-json-1.1", json.dumps(document))

    # Replies.

    def parse(self, answer, shape, error=False):
        """(what botocore makes of a reply, status)."""
        assert answer[0] == b"reply", answer
        headers = HeadersDict(line.split(": ", 1) for line in answer[3].decode().splitlines())
        headers["x-amzn-RequestId"] = REQUEST_ID
        if answer[2]:
            headers["Content-Type"] = answer[2].decode()
        status = int(answer[1])
        assert (status >= 300) == error, status
        body = answer[4]
        payload = shape.members.get(shape.serialization.get("payload")) if shape else None
        if payload is not None and payload.type_name == "blob":
            body = bytearray(body)  # botocore decodes bytes; it is given streams here
        parsed = self.parser.parse({"headers": headers, "status_code": status, "body": body}, shape)
        metadata = parsed.pop("ResponseMetadata", None)
        assert metadata is None or (metadata["HTTPStatusCode"] == status and metadata["RequestId"] == REQUEST_ID), metadata
        return parsed, status

    def outputs(self, operation):
        shape = self.model.operations[operation].get("output")
        botocore_shape = self.model.botocore.operation_model(operation).output_shape
        for how in self.hows():
            value = Values(self.model, self.rng, how, controls=self.is_json).value(shape) if shape else {}
            if self.model.is_rest and shape:
                value = in_rest(self.model, shape, value)
            form = json.dumps(json_form(self.model, shape, value) if shape else {})
            answer = self.oracle.ask("encode", self.model.service, operation, form)
            parsed, status = self.parse(answer, botocore_shape)
            chosen = [v for n, v in value.items() if self.model.shapes[shape]["members"][n].get("location") == "statusCode"]
            assert status == (chosen or [self.model.answer_status(operation)])[0], status
            expected = {**self.always_there(shape), **value}
            found = difference(expected, self.comparable(operation, shape, expected, parsed))
            assert not found, f"{found} in {answer[4][:2000]!r}"
            self.check_form(operation, answer, value)

    def comparable(self, operation, shape, expected, parsed):
        """What botocore leaves to its handlers, and what it adds for what is not there."""
        if not self.model.is_rest or not shape:
            return parsed
        members = self.model.shapes[shape]["members"]
        payload = self.model.shapes[shape].get("payload")
        kept = {}
        for name, value in parsed.items():
            streamed = name == payload and name not in expected and not value
            if name in expected or not (streamed or "location" in members[name]):
                kept[name] = value
        if operation == "GetBucketLocation":
            kept = expected
        return kept

    def check_form(self, operation, answer, value):
        """What botocore does not look at: content type, names of elements around and in lists."""
        if self.is_json:
            assert answer[2].decode() == f"application/x-amz-json-{self.model.metadata['jsonVersion']}", answer[2]
        if operation == "GetBucketLocation":  # the root is the value
            root = xml.etree.ElementTree.fromstring(answer[4].decode())
            assert root.tag.endswith("}LocationConstraint") and (root.text or "") == value.get("LocationConstraint", ""), answer[4]
        if not self.model.is_query:
            return
        assert answer[2].split(b";")[0] == b"text/xml", answer[2]
        namespace = f"{{{self.model.metadata['xmlNamespace']}}}"
        root = xml.etree.ElementTree.fromstring(answer[4].decode())
        assert root.tag == f"{namespace}{operation}Response", root.tag
        output = self.model.operations[operation].get("output")
        if self.model.protocol == "ec2":
            assert root[0].tag == namespace + "requestId", root[0].tag
            root.remove(root[0])
            self.check_elements(output, {**self.always_there(output), **value}, root, namespace)
            return
        wrapper = self.model.operations[operation].get("resultWrapper")
        assert [e.tag for e in root] == [namespace + t for t in ([wrapper] if wrapper else []) + ["ResponseMetadata"]], list(root)
        if wrapper:
            self.check_elements(output, {**self.always_there(output), **value}, root[0], namespace)

    def check_elements(self, shape, value, element, namespace):
        if not shape:
            return
        kind, description = self.model.kind(shape), self.model.shapes[shape]
        if kind == "list":
            name = description["member"].get("locationName", "member")
            assert all(e.tag == namespace + name for e in element), [e.tag for e in element]
            for part, inner in zip(value, element):
                self.check_elements(description["member"]["shape"], part, inner, namespace)
        elif kind == "map":
            assert all(e.tag == namespace + "entry" and [i.tag for i in e] == [namespace + "key", namespace + "value"] for e in element)
        elif kind == "structure":
            names = [n for n in self.model.members(shape) if n in value]
            wire = [description["members"][n].get("locationName", n) for n in names]
            assert [e.tag for e in element] == [namespace + w for w in wire], "members are not in the model's order"
            for name, inner in zip(names, element):
                self.check_elements(self.model.members(shape)[name], value[name], inner, namespace)

    def always_there(self, shape):
        """The lists a JSON output has even when nothing set them."""
        if self.model.protocol == "rest-xml" or not shape or "payload" in self.model.shapes[shape]:
            return {}
        members = self.model.shapes[shape].get("members", {})
        return {n: [] for n, m in members.items() if self.model.kind(m["shape"]) == "list" and "location" not in m
                and f"{shape}.{n}" not in self.model.overlay["omitEmpty"]}

    def raised_by(self, error):
        """An operation that declares the error, or any."""
        bodies = [n for n, o in self.model.operations.items() if o["http"]["method"] != "HEAD"]
        declaring = [n for n in bodies if error in self.model.operations[n].get("errors", ())]
        return self.rng.choice(declaring or bodies)

    def error(self, error):
        message_keys = ("message", "Message")
        for how in self.hows():
            members = {n: v for n, v in Values(self.model, self.rng, how, controls=self.is_json).value(error).items()
                       if n not in message_keys}
            message = Values(self.model, self.rng, controls=self.is_json).text({"min": 1})
            extra = json.dumps(json_form(self.model, error, members))
            answer = self.oracle.ask("error", self.model.service, self.raised_by(error), error, message, extra)
            parsed, status = self.parse(answer, None, error=True)
            assert status == self.model.status_of(error), status
            assert parsed["Error"]["Code"] == self.model.code_of(error), parsed
            assert parsed["Error"]["Message"] == message, (parsed, message)
            if "json" in self.model.protocol:
                self.check_error_form(error, answer)
            modelled, _ = self.parse(answer, self.model.botocore.shape_for_error_code(parsed["Error"]["Code"]), error=True)
            modelled = {k: v for k, v in modelled.items() if k != "Error" and k not in message_keys}
            for name in ("ErrorCode", "Type"):  # the codec's own, when nothing was given
                if name not in members and name in modelled and self.model.protocol == "rest-json":
                    modelled.pop(name)
            found = difference(members, modelled)
            assert not found, f"{found} in {answer[4]!r}"

    def check_error_form(self, error, answer):
        """The header and the message's key, which other SDKs look at."""
        members = self.model.members(error)
        key = "Message" if "Message" in members and "message" not in members else "message"
        assert key in json.loads(answer[4]), answer[4]
        assert f"x-amzn-errortype: {error}".encode() in answer[3].splitlines(), answer[3]

    def overlay_error(self, code, status):
        message = Values(self.model, self.rng).text({"min": 1})
        name = self.raised_by(code)
        parsed, actual = self.parse(self.oracle.ask("error", self.model.service, name, code, message, "{}"), None, error=True)
        assert (parsed["Error"]["Code"], parsed["Error"]["Message"], actual) == (code, message, status), (parsed, actual)

    def events(self, operation):
        """Each event of an answer's stream, between its beginning and an exception, as botocore reads them."""
        stream = self.model.stream_shape(operation)
        members = self.model.members(stream)
        exceptions = [n for n, s in members.items() if self.model.shapes[s].get("exception")] or ["InternalFailure"]
        for member in [n for n in members if n not in exceptions]:
            for how in self.hows():
                value = Values(self.model, self.rng, how, controls=self.model.protocol != "rest-xml").value(members[member])
                form = json.dumps({member: json_form(self.model, members[member], value)})
                name, text = self.rng.choice(exceptions), Values(self.model, self.rng, controls=True).text({"min": 1})
                answer = self.oracle.ask("stream", self.model.service, operation, "{}", form, name, text)
                assert answer[0] == b"ok", answer
                self.check_stream(stream, answer[1], {member: value}, name, text)

    def check_stream(self, stream, data, expected, exception, text):
        buffer = botocore.eventstream.EventStreamBuffer()
        for i in range(0, len(data), 100):
            buffer.add_data(data[i:i + 100])
        initial, event, ending = (message.to_response_dict() for message in buffer)
        assert initial["headers"][":event-type"] == "initial-response" and json.loads(initial["body"]) == {}, initial
        botocore_shape = self.model.botocore.shape_for(stream)
        parser = self.parser.EVENT_STREAM_PARSER_CLS()
        ((member, value),) = expected.items()
        parsed = parser.parse(event, botocore_shape)
        assert event["status_code"] == 200, event
        found = difference(value, {k: v for k, v in parsed[member].items() if k in value or v})
        assert not found, found
        assert ending["status_code"] == 400, ending
        if exception in self.model.members(stream):
            error = parser.parse(ending, botocore_shape)["Error"]
            assert (error["Code"], error["Message"]) == (exception, text), (ending, error)
        else:
            assert (ending["headers"][":error-code"], ending["headers"][":error-message"]) == (exception, text), ending

    # Constraints.

    def constraints(self, operation):
        shape = self.model.operations[operation].get("input")
        violations = Violations(self.model, self.rng)
        for value, words in violations.of_input(shape) if shape else ():
            if not self.expressible(shape, value):
                continue
            code, status = self.model.validation_error()
            answer = self.request("validate", operation, value)
            if self.model.is_rest and answer[0] == b"ok" and self.request("decode", operation, value)[1].decode() != operation:
                continue  # a request without what tells two operations apart is the other one
            assert answer[0] == b"reply", f"{words}: answered {answer}"
            parsed, actual = self.parse(answer, None, error=True)
            if self.model.operations[operation]["http"]["method"] == "HEAD":
                assert actual == status, actual  # there is no body to say more
                continue
            if violations.style == "parameter" and words[0].startswith("The request must"):
                code = "MissingParameter"
            assert (parsed["Error"]["Code"], actual) == (code, status), (parsed, actual)
            message = violations.message(words)
            assert parsed["Error"]["Message"] == message, f"{parsed['Error']['Message']!r} is not {message!r}"

    def patterns(self):
        unreadable = self.oracle.ask("patterns", self.model.service)
        assert unreadable == [b"ok"], unreadable


def judge_service(service, seed, rounds):
    """(printed lines, operations, cases, passed, failed) of one service."""
    began = time.monotonic()
    oracle = Oracle()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        judge = Judge(oracle, Model(service), Rng(f"{seed} {service}"), rounds)
        judge.run()
    ended_well = oracle.close() == 0
    operations = len(judge.model.operations) + len(judge.model.streams)
    print(f"{service}: {operations} operations, {oracle.asked} cases, {judge.passed} passed, {judge.failed} failed "
          f"({time.monotonic() - began:.1f} s)", file=printed)
    if not ended_well:
        print(f"FAIL {service}: the oracle program did not end well", file=printed)
    return printed.getvalue(), operations, oracle.asked, judge.passed, judge.failed + (not ended_well)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options.add_argument("--rounds", type=int, default=40, help="random values per operation and direction")
    options.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="services at a time")
    options.add_argument("services", nargs="*")
    chosen = options.parse_args()
    built = [p.parent.name for p in sorted(ROOT.glob("services/*/api.json"))]
    print(f"seed {chosen.seed}", flush=True)
    services = chosen.services or built
    passed = failed = operations = cases = 0
    with concurrent.futures.ProcessPoolExecutor(chosen.jobs) as pool:
        count = len(services)
        for printed, *counts in pool.map(judge_service, services, [chosen.seed] * count, [chosen.rounds] * count):
            print(printed, end="", flush=True)
            operations, cases, passed, failed = (a + b for a, b in zip((operations, cases, passed, failed), counts))
    print(f"{operations} operations, {cases} cases")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
