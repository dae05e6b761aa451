#!/usr/bin/env python3
"""--verify-signatures: what the services' clients sign passes, what is signed wrongly, too late or by nobody does not."""

import base64
import datetime
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, fails, in_threads  # noqa: E402

suite = Suite()
MIB = 1024 * 1024
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
READS = {
    "ecs": ("list_clusters", {}), "ecr": ("describe_repositories", {}), "logs": ("describe_log_groups", {}),
    "servicediscovery": ("list_namespaces", {}), "ec2": ("describe_vpcs", {}), "iam": ("list_users", {}),
    "sts": ("get_caller_identity", {}), "efs": ("describe_file_systems", {}), "lambda": ("list_functions", {}),
    "s3": ("list_buckets", {}),
}
MISMATCH = {"iam": ("SignatureDoesNotMatch", 403), "sts": ("SignatureDoesNotMatch", 403),
            "s3": ("SignatureDoesNotMatch", 403), "ec2": ("AuthFailure", 401),
            "lambda": ("InvalidSignatureException", 403), "efs": ("InvalidSignatureException", 403)}
UNKNOWN = {"iam": ("InvalidClientTokenId", 403), "sts": ("InvalidClientTokenId", 403),
           "s3": ("InvalidAccessKeyId", 403), "ec2": ("AuthFailure", 401),
           "lambda": ("UnrecognizedClientException", 403), "efs": ("UnrecognizedClientException", 403)}


def client(sim, service, key="test", secret="test", token=None, endpoint=None, **config):
    import boto3
    from botocore.config import Config
    config.setdefault("retries", {"max_attempts": 0})
    verify = config.pop("verify", None)
    return boto3.client(service, endpoint_url=endpoint or sim.endpoint, region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key=secret, aws_session_token=token, verify=verify,
                        config=Config(inject_host_prefix=False, **config))


def anonymous(sim):
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    return boto3.client("s3", endpoint_url=sim.endpoint, region_name="us-east-1",
                        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}))


def read(c, service):
    operation, fields = READS[service]
    return getattr(c, operation)(**fields)


def fetch(url, method="GET", body=None, headers=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@suite.test
def every_service(sim):
    for service in READS:
        read(client(sim, service), service)
        code, status = MISMATCH.get(service, ("InvalidSignatureException", 400))
        error = fails(code, status, getattr(client(sim, service, secret="wrong"), READS[service][0]))
        if service != "ec2":
            assert error["Message"].startswith("The request signature we calculated does not match the signature you pr")
        code, status = UNKNOWN.get(service, ("UnrecognizedClientException", 400))
        for key in "nobody", "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE":
            fails(code, status, getattr(client(sim, service, key=key), READS[service][0]))


@suite.test
def nobody(sim):
    status, answer = sim.json_call("AmazonEC2ContainerServiceV20141113.ListClusters", {})
    assert status == 400 and answer["__type"] == "MissingAuthenticationTokenException", answer
    status, _, answer = sim.http("POST", "/", "Action=ListUsers&Version=2010-05-08",
                                 {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 403 and b"<Code>MissingAuthenticationToken</Code>" in answer, answer
    status, headers, _ = sim.http("GET", "/2015-03-31/functions/")
    assert status == 403 and headers["x-amzn-errortype"] == "MissingAuthenticationTokenException", headers
    assert sim.http("GET", "/health")[0] == 200
    assert sim.http("GET", "/v2/")[0] == 401
    status, _, answer = sim.http("POST", "/", "{}", {
        "X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/logs/aws4_request, SignedHeaders=host"})
    assert status == 400 and json.loads(answer)["__type"] == "IncompleteSignatureException", answer


@suite.test
def account_keys(sim):
    """A number of twelve digits is a key of that account's root."""
    identity = client(sim, "sts", key="210987654321").get_caller_identity()
    assert identity["Account"] == "210987654321" and identity["Arn"].endswith(":root"), identity
    fails("SignatureDoesNotMatch", 403, client(sim, "sts", key="210987654321", secret="x").get_caller_identity)


@suite.test
def users_keys(sim):
    iam = client(sim, "iam")
    iam.create_user(UserName="signer")
    key = iam.create_access_key(UserName="signer")["AccessKey"]
    mine = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    for service in READS:
        read(client(sim, service, **mine), service)
    assert client(sim, "sts", **mine).get_caller_identity()["Arn"].endswith(":user/signer")
    fails("SignatureDoesNotMatch", 403, client(sim, "s3", key["AccessKeyId"], "test").list_buckets)
    for _ in range(3):
        iam.update_access_key(UserName="signer", AccessKeyId=key["AccessKeyId"], Status="Inactive")
        fails("InvalidAccessKeyId", 403, client(sim, "s3", **mine).list_buckets)
        fails("InvalidClientTokenId", 403, client(sim, "sts", **mine).get_caller_identity)
        iam.update_access_key(UserName="signer", AccessKeyId=key["AccessKeyId"], Status="Active")
        client(sim, "s3", **mine).list_buckets()
    iam.delete_access_key(UserName="signer", AccessKeyId=key["AccessKeyId"])
    fails("InvalidAccessKeyId", 403, client(sim, "s3", **mine).list_buckets)
    fails("UnrecognizedClientException", 400, client(sim, "ecs", **mine).list_clusters)


@suite.test
def resets_forget_keys(sim):
    iam = client(sim, "iam")
    iam.create_user(UserName="forgotten")
    key = iam.create_access_key(UserName="forgotten")["AccessKey"]
    c = client(sim, "s3", key["AccessKeyId"], key["SecretAccessKey"])
    c.list_buckets()
    sim.ctl("reset", "iam")
    fails("InvalidAccessKeyId", 403, c.list_buckets)


@suite.test
def restarts_keep_keys(sim):
    iam = client(sim, "iam")
    iam.create_user(UserName="keeper")
    key = iam.create_access_key(UserName="keeper")["AccessKey"]
    session = client(sim, "sts").get_session_token()["Credentials"]
    for process in "iam", "sts", "router":
        sim.ctl("restart", process)
        client(sim, "s3", key["AccessKeyId"], key["SecretAccessKey"], retries={"max_attempts": 5}).list_buckets()
        client(sim, "s3", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]).list_buckets()


@suite.test
def sessions(sim):
    sts, iam = client(sim, "sts"), client(sim, "iam")
    role = iam.create_role(RoleName="signed", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    made = [sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"], sts.get_session_token()["Credentials"],
            sts.get_federation_token(Name="guest")["Credentials"]]
    for credentials in made:
        mine = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        for service in READS:
            read(client(sim, service, *mine, credentials["SessionToken"]), service)
            read(client(sim, service, *mine, credentials["SessionToken"]), service)
        fails("InvalidToken", 400, client(sim, "s3", *mine, "wrong").list_buckets)
        fails("InvalidToken", 400, client(sim, "s3", *mine).list_buckets)
        fails("InvalidClientTokenId", 403, client(sim, "sts", *mine, "wrong").get_caller_identity)
        fails("SignatureDoesNotMatch", 403, client(sim, "s3", mine[0], "x", credentials["SessionToken"]).list_buckets)
    fails("InvalidToken", 400, client(sim, "s3", token="surplus").list_buckets)


@suite.test
def objects(sim):
    body = os.urandom(9 * MIB)
    for version in "s3v4", "s3":
        c = client(sim, "s3", signature_version=version)
        name = f"objects-{version}"
        c.create_bucket(Bucket=name)
        for key in "plain", "with space", "a+b=c&d", "ü/ß//x", "~!*'()$@:;,", "per%cent", "dots/../x":
            c.put_object(Bucket=name, Key=key, Body=key.encode(), Metadata={"note": "two  spaces"}, ContentType="a/b")
            assert c.get_object(Bucket=name, Key=key)["Body"].read() == key.encode(), key
            c.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": key})
            c.put_object_tagging(Bucket=name, Key=key, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        assert len(c.list_objects_v2(Bucket=name, Prefix="a+b", Delimiter="/", MaxKeys=7)["Contents"]) == 1
        c.upload_fileobj(io.BytesIO(body), name, "large")
        out = io.BytesIO()
        c.download_fileobj(name, "large", out)
        assert out.getvalue() == body
        c.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "plain"}, {"Key": "with space"}]})
        c.head_object(Bucket=name, Key="large")
        for method in c.get_bucket_versioning, c.get_bucket_location, c.get_bucket_acl, c.list_object_versions:
            method(Bucket=name)
    virtual = client(sim, "s3", endpoint=f"http://s3.localhost:{sim.port}", s3={"addressing_style": "virtual"})
    request = virtual.generate_presigned_url("get_object", {"Bucket": "objects-s3v4", "Key": "a+b=c&d"})
    parts = urllib.parse.urlsplit(request)
    status, content = fetch(f"{sim.endpoint}{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    assert status == 200 and content == b"a+b=c&d", content


@suite.test
def secure(_):
    """Over TLS botocore sends chunks with a trailer."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
        with Awssim("--verify-signatures", "--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem") as sim:
            where = {"endpoint": f"https://localhost:{sim.port}", "verify": f"{folder}/cert.pem"}
            c = client(sim, "s3", **where)
            c.create_bucket(Bucket="secure")
            for size in 0, 100, 3 * MIB:
                body = os.urandom(size)
                c.put_object(Bucket="secure", Key="k", Body=io.BytesIO(body))
                assert c.get_object(Bucket="secure", Key="k")["Body"].read() == body
            fails("SignatureDoesNotMatch", 403, client(sim, "s3", secret="x", **where).put_object, Bucket="secure",
                  Key="k", Body=io.BytesIO(b"x"))


@suite.test
def presigned(sim):
    for version in "s3v4", "s3":
        c = client(sim, "s3", signature_version=version)
        name = f"presigned-{version}"
        c.create_bucket(Bucket=name)
        put = c.generate_presigned_url("put_object", {"Bucket": name, "Key": "a b/ü", "ContentType": "text/x"})
        status, answer = fetch(put, "PUT", b"content", {"Content-Type": "text/x"})
        assert status == 200, answer
        get = c.generate_presigned_url("get_object", {"Bucket": name, "Key": "a b/ü", "ResponseContentType": "x/y"})
        assert fetch(get) == (200, b"content")
        for wrong in (get.replace("a%20b", "a%20c"), get.replace("x%2Fy", "x%2Fz"), get.replace(name, "presigned-other"),
                      client(sim, "s3", secret="x", signature_version=version).generate_presigned_url(
                          "get_object", {"Bucket": name, "Key": "a b/ü"})):
            status, answer = fetch(wrong)
            assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in answer, (wrong, answer)
        assert fetch(get, "DELETE")[0] == 403
        old = c.generate_presigned_url("get_object", {"Bucket": name, "Key": "a b/ü"}, ExpiresIn=-60)
        status, answer = fetch(old)
        assert status in (400, 403), answer
        session = client(sim, "sts").get_session_token()["Credentials"]
        mine = client(sim, "s3", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"],
                      signature_version=version)
        url = mine.generate_presigned_url("get_object", {"Bucket": name, "Key": "a b/ü"})
        assert fetch(url) == (200, b"content"), url


@suite.test
def forms(sim):
    for version in "s3v4", "s3":
        c = client(sim, "s3", signature_version=version)
        name = f"forms-{version}"
        c.create_bucket(Bucket=name)
        for secret, wanted in ("test", 204), ("wrong", 403):
            form = client(sim, "s3", secret=secret, signature_version=version).generate_presigned_post(name, "k")
            status, answer = post(form["url"], form["fields"])
            assert status == wanted, answer
            assert wanted == 204 or b"<Code>SignatureDoesNotMatch</Code>" in answer, answer
        status, answer = post(form["url"], {"key": "k"})
        assert status == 403 and b"<Code>AccessDenied</Code>" in answer, answer
        form = client(sim, "s3", key="AKIAIOSFODNN7EXAMPLE", signature_version=version).generate_presigned_post(name, "k")
        status, answer = post(form["url"], form["fields"])
        assert status == 403 and b"<Code>InvalidAccessKeyId</Code>" in answer, answer


def post(url, fields):
    lines = []
    for key, value in fields.items():
        lines.append(f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n')
    lines.append('--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncontent\r\n--b--\r\n')
    return fetch(url, "POST", "".join(lines).encode(), {"Content-Type": "multipart/form-data; boundary=b"})


def signed_request(sim, service, method, path, body=b"", headers=None, **how):
    """A request as botocore signs it, as (path, headers, body) that can be changed afterwards."""
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest(method=method, url=f"{sim.endpoint}{path}", data=body, headers=headers or {})
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    auth = kind(Credentials("test", "test"), service, "us-east-1")
    with at(how.get("now")):
        auth.add_auth(request)
    return dict(request.headers.items())


class at:
    """The time that botocore believes in."""

    def __init__(self, now):
        self.now = now

    def __enter__(self):
        import botocore.auth
        self.module, self.before = botocore.auth, botocore.auth.get_current_datetime
        if self.now:
            self.module.get_current_datetime = lambda remove_tzinfo=True: self.now

    def __exit__(self, *_):
        self.module.get_current_datetime = self.before


def error_of(answer):
    text = answer[2].decode()
    if text.startswith("{"):
        return json.loads(text).get("__type") or answer[1].get("x-amzn-errortype")
    return text.split("<Code>")[1].split("</Code>")[0]


@suite.test
def tampered(sim):
    target = {"X-Amz-Target": "Logs_20140328.CreateLogGroup", "Content-Type": "application/x-amz-json-1.1"}
    body = b'{"logGroupName": "signed"}'
    good = signed_request(sim, "logs", "POST", "/", body, target)
    assert sim.http("POST", "/", body.replace(b"signed", b"change"), good)[0] == 400
    assert error_of(sim.http("POST", "/", body, {**good, "X-Amz-Target": "Logs_20140328.DeleteLogGroup"})) == \
        "InvalidSignatureException"
    assert error_of(sim.http("POST", "/?x=1", body, good)) == "InvalidSignatureException"
    assert sim.http("POST", "/", body, good)[0] == 200
    zipped = gzip.compress(b'{"logGroupName": "zipped"}')
    for body, status in (zipped, 200), (gzip.compress(b'{"logGroupName": "zipper"}'), 400):
        good = signed_request(sim, "logs", "POST", "/", zipped, {**target, "Content-Encoding": "gzip"})
        assert sim.http("POST", "/", body, good)[0] == status
    c = client(sim, "s3")
    c.create_bucket(Bucket="tampered")
    good = signed_request(sim, "s3", "PUT", "/tampered/k", b"body", {"x-amz-meta-a": "1"})
    assert error_of(sim.http("PUT", "/tampered/k", b"evil", good)) == "XAmzContentSHA256Mismatch"
    assert error_of(sim.http("PUT", "/tampered/k", b"body", {**good, "x-amz-meta-a": "2"})) == "SignatureDoesNotMatch"
    assert error_of(sim.http("PUT", "/tampered/other", b"body", good)) == "SignatureDoesNotMatch"
    assert error_of(sim.http("PUT", "/tampered/k?acl", b"body", good)) == "SignatureDoesNotMatch"
    answer = sim.http("PUT", "/tampered/k", b"body", {**good, "x-amz-acl": "public-read"})
    assert error_of(answer) == "AccessDenied" and b"<HeadersNotSigned>x-amz-acl</HeadersNotSigned>" in answer[2], answer
    assert "Contents" not in c.list_objects_v2(Bucket="tampered")
    assert sim.http("PUT", "/tampered/k", b"body", good)[0] == 200


@suite.test
def clocks(sim):
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for service, path, minutes, code in [("s3", "/", 16, "RequestTimeTooSkewed"), ("s3", "/", -16, "RequestTimeTooSkewed"),
                                         ("s3", "/", 14, None), ("iam", "/?Action=ListUsers&Version=2010-05-08", -6,
                                                                 "SignatureDoesNotMatch"),
                                         ("ec2", "/?Action=DescribeVpcs&Version=2016-11-15", -6, "RequestExpired"),
                                         ("lambda", "/2015-03-31/functions/", 6, "InvalidSignatureException"),
                                         ("lambda", "/2015-03-31/functions/", -4, None)]:
        headers = signed_request(sim, service, "GET", path, now=now + datetime.timedelta(minutes=minutes))
        answer = sim.http("GET", path, None, headers)
        assert (answer[0] == 200) if code is None else (error_of(answer) == code), (service, minutes, answer)


def signed_chunks(headers, body, size, key, scope, trailer=None):
    """The body in signed chunks, as the Java SDK sends it over plain HTTP."""
    import hmac
    stamp, previous = headers["X-Amz-Date"], headers["Authorization"].split("Signature=")[1]
    out = []

    def sign(kind, *hashes):
        text = "\n".join([kind, stamp, scope, previous, *hashes])
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    for at_byte in [*range(0, len(body), size), len(body)]:
        data = body[at_byte:at_byte + size]
        previous = sign("AWS4-HMAC-SHA256-PAYLOAD", hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest())
        out.append(f"{len(data):x};chunk-signature={previous}\r\n".encode() + data + (b"\r\n" if data else b""))
    if trailer:
        line = f"{trailer[0]}:{trailer[1]}\n"
        signature = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(line.encode()).hexdigest())
        out.append(f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{signature}\r\n".encode())
    out.append(b"\r\n")
    return out


def streaming(sim, body, size, trailer=None, spoil=None, path="/chunked/k"):
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    class Auth(S3SigV4Auth):
        def payload(self, request):
            return request.headers["x-amz-content-sha256"]

        def _modify_request_before_signing(self, request):
            kind = request.headers["x-amz-content-sha256"]
            super()._modify_request_before_signing(request)
            del request.headers["X-Amz-Content-SHA256"]
            request.headers["x-amz-content-sha256"] = kind

    headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else ""),
               "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body))}
    if trailer:
        headers["x-amz-trailer"] = trailer[0]
    auth = Auth(Credentials("test", "test"), "s3", "us-east-1")
    request = AWSRequest(method="PUT", url=sim.endpoint + path, headers=headers)
    auth.add_auth(request)
    day = request.context["timestamp"][:8]
    chunks = signed_chunks(request.headers, body, size, derived("test", day), f"{day}/us-east-1/s3/aws4_request", trailer)
    if spoil is not None:
        spoil(chunks)
    return sim.http("PUT", path, b"".join(chunks), dict(request.headers.items()))


def derived(secret, day, region="us-east-1", service="s3"):
    import hmac
    key = b"AWS4" + secret.encode()
    for part in day, region, service, "aws4_request":
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


@suite.test
def chunks(sim):
    import zlib
    c = client(sim, "s3")
    c.create_bucket(Bucket="chunked")

    def swap(parts):
        parts[0], parts[1] = parts[1], parts[0]

    def change(parts):
        parts[1] = parts[1][:-5] + bytes([parts[1][-5] ^ 1]) + parts[1][-4:]

    for length in 100, 200 * 1024, 3 * MIB:
        body = os.urandom(length)
        crc = "x-amz-checksum-crc32", base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        for trailer in None, crc:
            answer = streaming(sim, body, 64 * 1024, trailer)
            assert answer[0] == 200, answer
            assert c.get_object(Bucket="chunked", Key="k")["Body"].read() == body
        if length > 65536:
            assert error_of(streaming(sim, body, 64 * 1024, spoil=swap)) == "SignatureDoesNotMatch"
            assert error_of(streaming(sim, body, 64 * 1024, crc, spoil=change)) == "SignatureDoesNotMatch"
            assert error_of(streaming(sim, body, 4096)) == "InvalidChunkSizeError"

    def another_trailer(parts):
        parts[-2] = parts[-2].replace(b"crc32:", b"crc32:A")

    assert error_of(streaming(sim, b"x" * 100, 8192, ("x-amz-checksum-crc32", "jUIGlA=="),
                              spoil=another_trailer)) == "SignatureDoesNotMatch"


@suite.test
def guests(sim):
    """What nobody has signed is judged by the bucket's policy and the ACLs."""
    c, guest = client(sim, "s3"), anonymous(sim)
    c.create_bucket(Bucket="guests")
    c.put_object(Bucket="guests", Key="open/a", Body=b"a")
    c.put_object(Bucket="guests", Key="closed", Body=b"b")
    c.delete_public_access_block(Bucket="guests")
    fails("AccessDenied", 403, guest.get_object, Bucket="guests", Key="open/a")
    fails("AccessDenied", 403, guest.list_objects_v2, Bucket="guests")
    fails("AccessDenied", 403, guest.put_object, Bucket="guests", Key="x", Body=b"")
    fails("AccessDenied", 403, guest.create_bucket, Bucket="guests-own")
    fails("AccessDenied", 403, guest.list_buckets)
    fails("NoSuchBucket", 404, guest.list_objects_v2, Bucket="no-such-bucket-here")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::guests/open/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    c.put_bucket_policy(Bucket="guests", Policy=json.dumps(policy))
    assert guest.get_object(Bucket="guests", Key="open/a")["Body"].read() == b"a"
    guest.head_object(Bucket="guests", Key="open/a")
    fails("InvalidRequest", 400, guest.get_object, Bucket="guests", Key="open/a", ResponseContentType="a/b")
    fails("AccessDenied", 403, guest.get_object, Bucket="guests", Key="closed")
    fails("AccessDenied", 403, guest.get_object, Bucket="guests", Key="open/missing")
    policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:ListBucket",
                                "Resource": "arn:aws:s3:::guests",
                                "Condition": {"StringEquals": {"s3:prefix": "open/"}}})
    c.put_bucket_policy(Bucket="guests", Policy=json.dumps(policy))
    assert guest.list_objects_v2(Bucket="guests", Prefix="open/")["KeyCount"] == 1
    fails("AccessDenied", 403, guest.list_objects_v2, Bucket="guests")
    statement["Effect"] = "Deny"
    c.put_bucket_policy(Bucket="guests", Policy=json.dumps(policy))
    fails("AccessDenied", 403, guest.get_object, Bucket="guests", Key="open/a")
    c.delete_bucket_policy(Bucket="guests")
    c.put_bucket_ownership_controls(Bucket="guests", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    c.put_object_acl(Bucket="guests", Key="closed", ACL="public-read")
    assert guest.get_object(Bucket="guests", Key="closed")["Body"].read() == b"b"
    fails("AccessDenied", 403, guest.delete_object, Bucket="guests", Key="closed")
    c.put_bucket_acl(Bucket="guests", ACL="public-read-write")
    assert guest.list_objects_v2(Bucket="guests")["KeyCount"] == 2
    guest.put_object(Bucket="guests", Key="theirs", Body=b"")
    guest.delete_object(Bucket="guests", Key="theirs")
    c.put_public_access_block(Bucket="guests", PublicAccessBlockConfiguration={
        "BlockPublicAcls": False, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False})
    fails("AccessDenied", 403, guest.get_object, Bucket="guests", Key="closed")
    fails("AccessDenied", 403, guest.list_objects_v2, Bucket="guests")


@suite.test
def function_urls(sim):
    iam, lambda_ = client(sim, "iam"), client(sim, "lambda")
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=TRUST.replace(
        '"AWS": "*"', '"Service": "lambda.amazonaws.com"'))["Role"]["Arn"]
    import zipfile
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("main.py", "import os\ndef handler(event, context):\n"
                              "    return {k: os.environ[k] for k in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY',"
                              " 'AWS_SESSION_TOKEN')}\n")
    lambda_.create_function(FunctionName="url", Runtime="python3.12", Role=role, Handler="main.handler",
                            Code={"ZipFile": archive.getvalue()})
    lambda_.get_waiter("function_active_v2").wait(FunctionName="url")
    location = lambda_.get_function(FunctionName="url")["Code"]["Location"]
    assert fetch(location) == (200, archive.getvalue())
    keys = json.loads(lambda_.invoke(FunctionName="url")["Payload"].read())
    mine = keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys["AWS_SESSION_TOKEN"]
    assert ":assumed-role/function/" in client(sim, "sts", *mine).get_caller_identity()["Arn"]
    url = lambda_.create_function_url_config(FunctionName="url", AuthType="AWS_IAM")["FunctionUrl"]
    path = f"/lambda-url/{urllib.parse.urlsplit(url).netloc.split('.')[0]}/"
    status, answer = fetch(sim.endpoint + path)
    assert (status, answer) == (403, b'{"Message":"Forbidden"}'), answer
    headers = signed_request(sim, "lambda", "GET", path)
    assert sim.http("GET", path, None, headers)[0] == 200
    assert error_of(sim.http("GET", path + "x", None, headers)) == "InvalidSignatureException"
    assert error_of(sim.http("GET", path, None, signed_request(sim, "s3", "GET", path))) == "InvalidSignatureException"


@suite.test
def many_at_once(sim):
    """Requests that come together while the key is not known yet all get their own answer."""
    session = client(sim, "sts").get_session_token()["Credentials"]
    mine = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]

    def run(i):
        for _ in range(5):
            if i % 2:
                client(sim, "s3", *mine).list_buckets()
            else:
                fails("SignatureDoesNotMatch", 403, client(sim, "s3", mine[0], "x", mine[2]).list_buckets)

    in_threads(8, run)


@suite.test
def own_root_keys(_):
    with Awssim("--verify-signatures", "--root-keys", "admin:s3cr3t/+,AKIAQYLPMN5HHHFPZAM2:other") as sim:
        client(sim, "s3", "admin", "s3cr3t/+").list_buckets()
        client(sim, "ecs", "AKIAQYLPMN5HHHFPZAM2", "other").list_clusters()
        fails("InvalidAccessKeyId", 403, client(sim, "s3").list_buckets)
    with Awssim() as sim:
        client(sim, "s3", "anything", "goes").list_buckets()


@suite.test
def with_permissions(_):
    """Who has signed is who is authorized."""
    with Awssim("--verify-signatures", "--iam", "enforce") as sim:
        iam = client(sim, "iam")
        iam.create_user(UserName="reader")
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        mine = key["AccessKeyId"], key["SecretAccessKey"]
        fails("AccessDenied", 403, client(sim, "s3", *mine).list_buckets)
        iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}))
        client(sim, "s3", *mine).list_buckets()
        fails("AccessDeniedException", 400, client(sim, "ecs", *mine).list_clusters)
        fails("InvalidSignatureException", 400, client(sim, "ecs", mine[0], "x").list_clusters)


@suite.test
def key_keepers_away(_):
    """A request whose key nobody can tell of waits for the worker that can."""
    with Awssim("--verify-signatures") as sim:
        session = client(sim, "sts").get_session_token()["Credentials"]
        mine = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]

        def run(i):
            if i == 0:
                sim.ctl("restart", "sts")
            else:
                client(sim, "s3", *mine).list_buckets()

        in_threads(5, run)


@suite.test
def cli(sim):
    program = pathlib.Path(sys.executable).parent / "aws"
    if not program.exists():
        raise Skipped("no aws beside this Python")
    environment = {**os.environ, **sim.env()}
    for arguments in ("s3 mb s3://cli", "s3 ls", "sts get-caller-identity", "ecs list-clusters"):
        done = subprocess.run([str(program), *arguments.split()], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    environment["AWS_SECRET_ACCESS_KEY"] = "wrong"
    done = subprocess.run([str(program), "s3", "ls"], env=environment, capture_output=True, text=True)
    assert "SignatureDoesNotMatch" in done.stderr, done.stderr


if __name__ == "__main__":
    with Awssim("--verify-signatures") as simulator:
        sys.exit(suite.main(simulator))
