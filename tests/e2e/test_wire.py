#!/usr/bin/env python3
"""Raw HTTP: envelopes, bad input and limits, as clients that are no SDK would send them."""

import gzip
import json
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, fails  # noqa: E402

suite = Suite()
ECS = "AmazonEC2ContainerServiceV20141113"
AUTH = ("AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=" + "0" * 64)


def raw(sim, data, half_close=False):
    """Everything the server answers to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", sim.port), timeout=30) as peer:
        peer.sendall(data)
        if half_close:
            peer.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            piece = peer.recv(65536)
            if not piece:
                return answer
            answer += piece


@suite.test
def json_errors(sim):
    for body, code in ((b"{", "SerializationException"), (b"[1]", "SerializationException"), (b"{} x", "SerializationException"),
                       (b'{"clusters": "x"}', "SerializationException"), (b'{"clusters": [1]}', "SerializationException"),
                       (b'{"clusters": ["\xff\xfe"]}', "SerializationException"),
                       (b"[" * 5000, "SerializationException")):
        status, document = sim.json_call(f"{ECS}.DescribeClusters", body)
        assert (status, document["__type"]) == (400, code), (body[:40], status, document)
    status, document = sim.json_call(f"{ECS}.DescribeClusters", {"noSuchMember": 1, "clusters": ["x"]})
    assert status == 200 and document["failures"][0]["reason"] == "MISSING", document
    status, document = sim.json_call(f"{ECS}.NoSuchOperation", {})
    assert (status, document["__type"]) == (400, "UnknownOperationException"), document
    status, document = sim.json_call(f"{ECS}.CreateService", {"serviceName": "s"})
    assert status == 501 and "NotImplemented" in document["__type"] and "CreateService" in document["message"], document
    status, document = sim.json_call(f"{ECS}.RunTask", {"cluster": "none", "taskDefinition": "x"})
    assert document["__type"] == "ClusterNotFoundException", document


@suite.test
def query_errors(sim):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, body = sim.http("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", form)
    assert status == 200 and b"<Account>123456789012</Account>" in body and headers["content-type"].startswith("text/xml")
    assert headers["x-amzn-requestid"] in body.decode()
    status, _, body = sim.http("GET", "/?Action=GetCallerIdentity&Version=2011-06-15")
    assert status == 200, body
    status, _, body = sim.http("POST", "/", "Action=Nonsense&Version=2011-06-15", form)
    assert status == 400 and b"<Code>InvalidAction</Code>" in body, body
    status, _, body = sim.http("POST", "/", "Action=AssumeRole&Version=2011-06-15", form)
    assert status == 400 and b"<Code>ValidationError</Code>" in body and b"2 validation errors detected" in body, body
    status, _, body = sim.http("POST", "/", "Action=AssumeRoleWithSAML&Version=2011-06-15", form)
    assert status in (400, 501), body


@suite.test
def services_not_built(sim):
    for service in ("dynamodb", "sqs", "kms"):
        status, headers, body = sim.http("GET", "/", headers={"Authorization": AUTH.format(region="us-east-1", service=service)})
        assert status == 501 and service in body.decode().lower(), (service, status, body)
        assert "x-amzn-requestid" in headers


@suite.test
def http_limits(sim):
    for request, status in (
            (b"GET / HTTP/1.1\nHost: x\n\n", 400), (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n", 501),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
            (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431),
            (b"nonsense\r\n\r\n", 400)):
        answer = raw(sim, request)
        assert answer.startswith(b"HTTP/1.1 %d " % status), (request[:60], answer[:80])


@suite.test
def keep_alive_and_pipelining(sim):
    one = (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 42\r\n\r\n"
           b"Action=GetCallerIdentity&Version=2011-06-1")
    one = one.replace(b"2011-06-1", b"2011-06-15").replace(b"Length: 42", b"Length: 43")
    answer = raw(sim, one * 20 + one.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert answer.count(b"HTTP/1.1 200 ") == 21, answer[:300]


@suite.test
def expect_continue(sim):
    with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: " + ECS.encode() + b".ListClusters\r\n"
                     b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert peer.recv(1000).startswith(b"HTTP/1.1 100 ")
        peer.sendall(b"{}")
        assert peer.recv(1000).startswith(b"HTTP/1.1 200 ")


@suite.test
def empty_uploads_between_others(sim):
    """botocore takes a final answer where it waits for a 100 for the next answer too, and waits for a minute then."""
    s3 = sim.client("s3")
    s3.create_bucket(Bucket="empty")
    began = time.monotonic()
    for i in range(3):
        s3.put_object(Bucket="empty", Key=f"none{i}", Body=b"")
        s3.put_object(Bucket="empty", Key=f"some{i}", Body=b"d")
        s3.put_object(Bucket="empty", Key=f"many{i}", Body=b"d" * 300000)
        fails("NoSuchBucket", 404, s3.put_object, Bucket="no-such", Key="k", Body=b"")
        fails("NoSuchBucket", 404, s3.put_object, Bucket="no-such", Key="k", Body=b"d")
    assert time.monotonic() - began < 10
    sizes = {o["Key"]: o["Size"] for o in s3.list_objects_v2(Bucket="empty")["Contents"]}
    assert all(sizes[f"none{i}"] == 0 and sizes[f"some{i}"] == 1 and sizes[f"many{i}"] == 300000 for i in range(3)), sizes


@suite.test
def chunked_and_gzip(sim):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Amz-Target: " + ECS.encode() + b".ListClusters\r\n"
    answer = raw(sim, head + b"Transfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nT: v\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ") and b"clusterArns" in answer, answer
    body = gzip.compress(b"{}")
    answer = raw(sim, head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    answer = raw(sim, head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx")
    assert answer.startswith(b"HTTP/1.1 400 "), answer


@suite.test
def half_sent(sim):
    raw(sim, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", half_close=True)
    raw(sim, b"POST / HT", half_close=True)
    assert sim.http("GET", "/health")[0] == 200


@suite.test
def large_body(sim):
    events = [{"timestamp": 1, "message": "x" * 1000}] * 900
    status, document = sim.json_call("Logs_20140328.PutLogEvents", {"logGroupName": "g", "logStreamName": "s", "logEvents": events})
    assert (status, document["__type"]) == (400, "ResourceNotFoundException"), document


@suite.test
def validation_messages(sim):
    status, document = sim.json_call("Logs_20140328.CreateLogGroup", {"logGroupName": "a b"})
    assert document == {"__type": "InvalidParameterException", "message":
                        "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: "
                        "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"}, document
    status, document = sim.json_call("Logs_20140328.CreateLogStream", {})
    assert document["message"].startswith("2 validation errors detected: Value null at 'logGroupName' failed to satisfy "
                                          "constraint: Member must not be null; "), document


@suite.test
def admin(sim):
    status, _, body = sim.http("GET", "/health")
    document = json.loads(body)
    assert status == 200 and set(document["services"]) >= {"ecs", "logs", "sts"}, document
    status, _, body = sim.http("GET", "/_localstack/health")
    assert status == 200 and json.loads(body)["services"]["ecs"] in ("running", "available"), body
    assert sim.http("POST", "/_awssim/reset?service=nonsense")[0] == 400
    assert sim.http("GET", "/_awssim/nonsense")[0] == 404


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
