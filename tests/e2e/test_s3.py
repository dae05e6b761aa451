#!/usr/bin/env python3
"""S3 through boto3 and the AWS CLI: objects, versions, uploads in parts, lists, presigned URLs, forms, rules of buckets."""

import base64
import datetime
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, fails, in_threads, secure_awssim, wait_until  # noqa: E402

suite = Suite()
MIB = 1024 * 1024


def s3(sim, **config):
    import boto3
    from botocore.config import Config
    region = config.pop("region", "us-east-1")
    endpoint = config.pop("endpoint", sim.endpoint)
    verify = config.pop("verify", None)
    config.setdefault("retries", {"max_attempts": 1, "mode": "standard"})
    return boto3.client("s3", endpoint_url=endpoint, region_name=region, aws_access_key_id="AKIDEXAMPLE",
                        aws_secret_access_key="secret", config=Config(**config), verify=verify)


def bucket(client, name, **fields):
    client.create_bucket(Bucket=name, **fields)
    return name


def raw(sim, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=30)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content


def fetch(sim, url, method="GET", body=None, headers=None):
    parts = urllib.parse.urlsplit(url)
    return raw(sim, method, f"{parts.path}?{parts.query}", body, headers)


@suite.test
def objects(sim):
    c = s3(sim)
    b = bucket(c, "objects")
    for size in (0, 1, 1024, 256 * 1024, 256 * 1024 + 1, 3 * MIB):
        body = os.urandom(size)
        put = c.put_object(Bucket=b, Key=f"k{size}", Body=body, Metadata={"a": "b"}, ContentType="text/x")
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"', put
        got = c.get_object(Bucket=b, Key=f"k{size}")
        assert got["Body"].read() == body and got["Metadata"] == {"a": "b"} and got["ContentType"] == "text/x"
        assert got["ServerSideEncryption"] == "AES256" and "VersionId" not in got
        head = c.head_object(Bucket=b, Key=f"k{size}")
        assert head["ContentLength"] == size and head["ETag"] == put["ETag"], head
    fails("NoSuchKey", 404, c.get_object, Bucket=b, Key="none")
    fails("404", 404, c.head_object, Bucket=b, Key="none")
    fails("NoSuchBucket", 404, c.get_object, Bucket="no-such-bucket", Key="none")
    fails("BucketNotEmpty", 409, c.delete_bucket, Bucket=b)
    listed = c.list_objects_v2(Bucket=b)
    assert listed["KeyCount"] == 6 and [o["Size"] for o in listed["Contents"]][:2] == [0, 1]
    done = c.delete_objects(Bucket=b, Delete={"Objects": [{"Key": o["Key"]} for o in listed["Contents"]]})
    assert len(done["Deleted"]) == 6 and "Errors" not in done
    c.delete_bucket(Bucket=b)
    fails("NoSuchBucket", 404, c.list_objects_v2, Bucket=b)


@suite.test
def buckets(sim):
    c, west = s3(sim), s3(sim, region="eu-west-1")
    b = bucket(c, "buckets-one")
    assert c.create_bucket(Bucket=b)["ResponseMetadata"]["HTTPStatusCode"] == 200
    fails("IllegalLocationConstraintException", 400, west.create_bucket, Bucket="buckets-two")
    west.create_bucket(Bucket="buckets-two", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    fails("BucketAlreadyOwnedByYou", 409, west.create_bucket, Bucket="buckets-two",
          CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert west.get_bucket_location(Bucket="buckets-two")["LocationConstraint"] == "eu-west-1"
    assert c.get_bucket_location(Bucket=b)["LocationConstraint"] is None
    fails("InvalidBucketName", 400, lambda: raw_refusal(sim, "PUT", "/Bad_Name"))
    names = [x["Name"] for x in c.list_buckets()["Buckets"]]
    assert "buckets-one" in names and "buckets-two" in names
    assert [x["Name"] for x in c.list_buckets(Prefix="buckets-", MaxBuckets=1)["Buckets"]] == ["buckets-one"]
    assert c.head_bucket(Bucket="buckets-two")["BucketRegion"] == "eu-west-1"
    fails("AccessDenied", 403, c.list_objects_v2, Bucket=b, ExpectedBucketOwner="999999999999")


def raw_refusal(sim, method, path, **more):
    from botocore.exceptions import ClientError
    import re
    status, headers, body = raw(sim, method, path, **more)
    code = re.search(rb"<Code>(.*?)</Code>", body)
    assert headers["x-amz-request-id"] and headers["x-amz-id-2"], headers
    raise ClientError({"Error": {"Code": code[1].decode() if code else ""},
                       "ResponseMetadata": {"HTTPStatusCode": status}}, path)


@suite.test
def keys(sim):
    c = s3(sim)
    b = bucket(c, "keys")
    names = ["a", "../x", "a//b", "/lead", "trail/", "sp ace", "plus+", "pct%20", "ü/é", "😀", "k" * 1024, "a&b<c>", "./.", "q?x=1", "h#t"]
    for name in names:
        c.put_object(Bucket=b, Key=name, Body=name.encode())
    for name in names:
        assert c.get_object(Bucket=b, Key=name)["Body"].read() == name.encode(), name
    listed = [o["Key"] for o in c.list_objects_v2(Bucket=b)["Contents"]]
    assert listed == sorted(names, key=lambda n: n.encode()), listed
    fails("KeyTooLongError", 400, c.put_object, Bucket=b, Key="k" * 1025, Body=b"")
    assert not [p for p in pathlib.Path(sim.dir).rglob("x")], "a key must not become a path"


@suite.test
def ranges_and_conditions(sim):
    c = s3(sim)
    b = bucket(c, "ranges")
    for key, size in (("small", 1000), ("large", MIB)):
        body = os.urandom(size)
        etag = c.put_object(Bucket=b, Key=key, Body=body)["ETag"]
        for text, part in (("bytes=0-9", body[:10]), ("bytes=990-", body[990:]), ("bytes=-7", body[-7:]),
                           ("bytes=5-99999999", body[5:])):
            got = c.get_object(Bucket=b, Key=key, Range=text)
            assert got["Body"].read() == part and got["ResponseMetadata"]["HTTPStatusCode"] == 206, text
            assert got["ContentRange"].endswith(f"/{size}")
        fails("InvalidRange", 416, c.get_object, Bucket=b, Key=key, Range=f"bytes={size}-")
        assert c.head_object(Bucket=b, Key=key, Range="bytes=0-9")["ContentLength"] == 10
        assert c.get_object(Bucket=b, Key=key, IfMatch=etag)["ETag"] == etag
        fails("PreconditionFailed", 412, c.get_object, Bucket=b, Key=key, IfMatch='"x"')
        fails("304", 304, c.get_object, Bucket=b, Key=key, IfNoneMatch=etag)
        now = datetime.datetime.now(datetime.timezone.utc)
        fails("304", 304, c.get_object, Bucket=b, Key=key, IfModifiedSince=now)
        fails("PreconditionFailed", 412, c.get_object, Bucket=b, Key=key,
              IfUnmodifiedSince=now - datetime.timedelta(days=1))
        fails("PreconditionFailed", 412, c.put_object, Bucket=b, Key=key, IfNoneMatch="*", Body=b"")
        fails("PreconditionFailed", 412, c.put_object, Bucket=b, Key=key, IfMatch='"x"', Body=b"")
        got = c.get_object(Bucket=b, Key=key, ResponseContentType="a/b", ResponseCacheControl="no")
        assert got["ContentType"] == "a/b" and got["CacheControl"] == "no"
    c.put_object(Bucket=b, Key="new", IfNoneMatch="*", Body=b"1")


@suite.test
def versions(sim):
    c = s3(sim)
    b = bucket(c, "versions")
    c.put_object(Bucket=b, Key="k", Body=b"null version")
    c.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    one = c.put_object(Bucket=b, Key="k", Body=b"1")["VersionId"]
    two = c.put_object(Bucket=b, Key="k", Body=b"2")["VersionId"]
    assert c.get_object(Bucket=b, Key="k")["VersionId"] == two
    assert c.get_object(Bucket=b, Key="k", VersionId=one)["Body"].read() == b"1"
    assert c.get_object(Bucket=b, Key="k", VersionId="null")["Body"].read() == b"null version"
    marker = c.delete_object(Bucket=b, Key="k")
    assert marker["DeleteMarker"] and marker["VersionId"]
    fails("NoSuchKey", 404, c.get_object, Bucket=b, Key="k")
    fails("MethodNotAllowed", 405, c.get_object, Bucket=b, Key="k", VersionId=marker["VersionId"])
    listed = c.list_object_versions(Bucket=b)
    assert [v["VersionId"] for v in listed["Versions"]] == [two, one, "null"], listed
    assert listed["DeleteMarkers"][0]["IsLatest"] and not listed["Versions"][0]["IsLatest"]
    assert "Contents" not in c.list_objects_v2(Bucket=b)
    gone = c.delete_object(Bucket=b, Key="k", VersionId=marker["VersionId"])
    assert gone["DeleteMarker"], gone
    assert c.get_object(Bucket=b, Key="k")["Body"].read() == b"2"
    c.delete_object(Bucket=b, Key="k", VersionId=two)
    assert c.get_object(Bucket=b, Key="k")["Body"].read() == b"1"
    c.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Suspended"})
    assert c.put_object(Bucket=b, Key="k", Body=b"again")["VersionId"] == "null"
    listed = c.list_object_versions(Bucket=b)
    assert [v["VersionId"] for v in listed["Versions"]] == ["null", one]
    fails("NoSuchVersion", 404, c.get_object, Bucket=b, Key="k", VersionId="x" * 32)
    page = c.list_object_versions(Bucket=b, MaxKeys=1)
    assert page["IsTruncated"]
    rest = c.list_object_versions(Bucket=b, KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"])
    assert [v["VersionId"] for v in rest["Versions"]] == [one]


@suite.test
def lists(sim):
    c = s3(sim)
    b = bucket(c, "lists")
    names = [f"{d}/{i:03}" for d in ("a", "b", "c") for i in range(5)] + ["top1", "top2"]
    for name in names:
        c.put_object(Bucket=b, Key=name, Body=b"")
    answer = c.list_objects_v2(Bucket=b, Delimiter="/")
    assert [p["Prefix"] for p in answer["CommonPrefixes"]] == ["a/", "b/", "c/"]
    assert [o["Key"] for o in answer["Contents"]] == ["top1", "top2"] and answer["KeyCount"] == 5
    for size in (1, 2, 3):
        found, token = [], {}
        while True:
            page = c.list_objects_v2(Bucket=b, Delimiter="/", MaxKeys=size, **token)
            found += [p["Prefix"] for p in page.get("CommonPrefixes", [])] + [o["Key"] for o in page.get("Contents", [])]
            if not page["IsTruncated"]:
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        assert found == ["a/", "b/", "c/", "top1", "top2"], found
    assert [o["Key"] for o in c.list_objects_v2(Bucket=b, Prefix="b/", StartAfter="b/002")["Contents"]] == ["b/003", "b/004"]
    old = c.list_objects(Bucket=b, Delimiter="/", MaxKeys=2)
    assert old["NextMarker"] == "b/" and c.list_objects(Bucket=b, Delimiter="/", Marker="b/")["CommonPrefixes"] == [{"Prefix": "c/"}]
    assert c.list_objects_v2(Bucket=b, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert not c.list_objects_v2(Bucket=b, MaxKeys=0)["IsTruncated"]
    fails("InvalidArgument", 400, c.list_objects_v2, Bucket=b, ContinuationToken="rubbish")
    pages = c.get_paginator("list_objects_v2").paginate(Bucket=b, PaginationConfig={"PageSize": 4})
    assert [o["Key"] for page in pages for o in page["Contents"]] == sorted(names)


@suite.test
def checksums(sim):
    c = s3(sim)
    b = bucket(c, "checksums")
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        for size in (10, MIB):
            body = os.urandom(size)
            c.put_object(Bucket=b, Key="k", Body=body, ChecksumAlgorithm=algorithm)
            got = c.get_object(Bucket=b, Key="k", ChecksumMode="ENABLED")
            assert got[f"Checksum{algorithm}"] and got["Body"].read() == body, algorithm
    crc = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    assert c.put_object(Bucket=b, Key="k", Body=b"hello", ChecksumCRC32=crc)["ChecksumCRC32"] == crc
    fails("BadDigest", 400, c.put_object, Bucket=b, Key="k", Body=b"hello!", ChecksumCRC32=crc)
    fails("InvalidRequest", 400, c.put_object, Bucket=b, Key="k", Body=b"hello", ChecksumCRC32="AAAA")
    fails("BadDigest", 400, c.put_object, Bucket=b, Key="k", Body=b"x", ContentMD5=base64.b64encode(b"0" * 16).decode())
    fails("InvalidDigest", 400, c.put_object, Bucket=b, Key="k", Body=b"x", ContentMD5="AA==")
    known = {"crc32c": b"\xe3\x06\x92\x83", "crc64nvme": b"\xae\x8b\x14\x86\x0a\x79\x98\x88"}
    for name, value in known.items():
        header = {f"x-amz-checksum-{name}": base64.b64encode(value).decode()}
        status, _, body = raw(sim, "PUT", "/checksums/n", b"123456789", header)
        assert status == 200, (name, body)
    fails("XAmzContentSHA256Mismatch", 400,
          lambda: raw_refusal(sim, "PUT", "/checksums/k", body=b"x", headers={"x-amz-content-sha256": "0" * 64}))
    attributes = c.get_object_attributes(Bucket=b, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"])
    assert attributes["Checksum"]["ChecksumCRC32"] == crc and attributes["ObjectSize"] == 5


def chunked(body, size, trailers=b"", extension=b""):
    parts = [body[i:i + size] for i in range(0, len(body), size)] + [b""]
    out = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in parts[:-1])
    return out + b"0" + extension + b"\r\n" + trailers + b"\r\n"


@suite.test
def aws_chunked(sim):
    c = s3(sim)
    b = bucket(c, "chunked")
    for size in (5, 100_000, 3 * MIB):
        body = os.urandom(size)
        trailer = b"x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(body).to_bytes(4, "big")) + b"\r\n"
        head = {"Content-Encoding": "aws-chunked,gzip", "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x-amz-decoded-content-length": str(size), "x-amz-trailer": "x-amz-checksum-crc32"}
        status, _, text = raw(sim, "PUT", f"/{b}/k", chunked(body, 65536, trailer), head)
        assert status == 200, text
        got = c.get_object(Bucket=b, Key="k")
        assert got["Body"].read() == body and got["ContentEncoding"] == "gzip" and got["ChecksumCRC32"]
        status, _, text = raw(sim, "PUT", f"/{b}/k", chunked(body, 8192, trailer, b";chunk-signature=" + b"a" * 64), head)
        assert status == 200, text
        bad = b"x-amz-checksum-crc32:AAAAAA==\r\n"
        fails("BadDigest", 400, lambda: raw_refusal(sim, "PUT", f"/{b}/k", body=chunked(body, 65536, bad), headers=head))
        head["x-amz-decoded-content-length"] = str(size + 1)
        fails("IncompleteBody", 400, lambda: raw_refusal(sim, "PUT", f"/{b}/k", body=chunked(body, 65536, trailer), headers=head))
        fails("IncompleteBody", 400, lambda: raw_refusal(sim, "PUT", f"/{b}/k", body=chunked(body, 65536)[:-9], headers=head))
    assert not list(pathlib.Path(sim.state_dir, "spool").glob("body-*"))


@suite.test
def multipart(sim):
    c = s3(sim)
    b = bucket(c, "multipart")
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB + 1), b"ends\0with" + os.urandom(100)]
    for algorithm, kind in ((None, None), ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE")):
        fields = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}
        upload = c.create_multipart_upload(Bucket=b, Key="k", Metadata={"m": "1"}, **fields)["UploadId"]
        done = []
        for number, body in enumerate(parts, 1):
            part = c.upload_part(Bucket=b, Key="k", UploadId=upload, PartNumber=number, Body=body,
                                 **({"ChecksumAlgorithm": algorithm} if algorithm else {}))
            one = {"PartNumber": number, "ETag": part["ETag"]}
            if algorithm:
                one[f"Checksum{algorithm}"] = part[f"Checksum{algorithm}"]
            done.append(one)
        listed = c.list_parts(Bucket=b, Key="k", UploadId=upload)
        assert [p["Size"] for p in listed["Parts"]] == [len(p) for p in parts]
        assert [u["Key"] for u in c.list_multipart_uploads(Bucket=b)["Uploads"]] == ["k"]
        complete = c.complete_multipart_upload(Bucket=b, Key="k", UploadId=upload, MultipartUpload={"Parts": done})
        md5s = b"".join(hashlib.md5(p).digest() for p in parts)
        assert complete["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
        got = c.get_object(Bucket=b, Key="k", ChecksumMode="ENABLED")
        assert got["Body"].read() == b"".join(parts) and got["Metadata"] == {"m": "1"}
        if kind == "FULL_OBJECT":
            whole = base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode()
            assert got["ChecksumCRC32"] == whole and got["ChecksumType"] == kind, got
        elif kind:
            assert got[f"Checksum{algorithm}"].endswith("-3")
        two = c.get_object(Bucket=b, Key="k", PartNumber=2)
        assert two["Body"].read() == parts[1] and two["PartsCount"] == 3
    upload = c.create_multipart_upload(Bucket=b, Key="e")["UploadId"]
    tags = [c.upload_part(Bucket=b, Key="e", UploadId=upload, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
    one, two = ({"PartNumber": n, "ETag": t} for n, t in zip((1, 2), tags))
    complete = lambda chosen: c.complete_multipart_upload(Bucket=b, Key="e", UploadId=upload, MultipartUpload={"Parts": chosen})
    fails("EntityTooSmall", 400, lambda: complete([one, two]))
    fails("InvalidPartOrder", 400, lambda: complete([two, one]))
    fails("InvalidPart", 400, lambda: complete([{"PartNumber": 3, "ETag": tags[0]}]))
    fails("InvalidArgument", 400, c.upload_part, Bucket=b, Key="e", UploadId=upload, PartNumber=10001, Body=b"")
    c.abort_multipart_upload(Bucket=b, Key="e", UploadId=upload)
    fails("NoSuchUpload", 404, c.list_parts, Bucket=b, Key="e", UploadId=upload)
    upload = c.create_multipart_upload(Bucket=b, Key="copy")["UploadId"]
    first = c.upload_part_copy(Bucket=b, Key="copy", UploadId=upload, PartNumber=1, CopySource=f"{b}/k",
                               CopySourceRange=f"bytes=0-{5 * MIB - 1}")["CopyPartResult"]["ETag"]
    last = c.upload_part_copy(Bucket=b, Key="copy", UploadId=upload, PartNumber=2, CopySource=f"{b}/k",
                              CopySourceRange="bytes=0-9")["CopyPartResult"]["ETag"]
    c.complete_multipart_upload(Bucket=b, Key="copy", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": last}]})
    assert c.get_object(Bucket=b, Key="copy")["Body"].read() == parts[0] + parts[0][:10]


@suite.test
def transfers(sim):
    body = os.urandom(20 * MIB + 7)
    for setting in ("when_supported", "when_required"):
        c = s3(sim, request_checksum_calculation=setting, response_checksum_validation=setting)
        b = bucket(c, "transfers")
        c.upload_fileobj(io.BytesIO(body), b, setting)
        out = io.BytesIO()
        c.download_fileobj(b, setting, out)
        assert out.getvalue() == body
        assert c.head_object(Bucket=b, Key=setting)["ETag"].endswith('-3"')


@suite.test
def refusals(sim):
    """What S3 does not take, in its words."""
    c = s3(sim)
    b = bucket(c, "refusals")
    for name in "sthree-mine", "amzn-s3-demo-mine", "a.-b", "a-.b", "mine--x-s3", "mine.mrap":
        assert raw(sim, "PUT", f"/{name}")[0] == 400, name
    fails("InvalidLocationConstraint", 400, c.create_bucket, Bucket="refused",
          CreateBucketConfiguration={"LocationConstraint": "nowhere-1"})
    c.put_object(Bucket=b, Key="k", Body=b"abc")
    fails("InvalidPartNumber", 416, c.get_object, Bucket=b, Key="k", PartNumber=2)
    fails("InvalidArgument", 400, c.put_object, Bucket=b, Key="k", Tagging="a=1&a=2")
    upload = c.create_multipart_upload(Bucket=b, Key="to", ChecksumAlgorithm="SHA256")["UploadId"]
    for range_ in "bytes=0-3", "bytes=3-3":
        error = fails("InvalidArgument", 400, c.upload_part_copy, Bucket=b, Key="to", UploadId=upload, PartNumber=1,
                      CopySource=f"{b}/k", CopySourceRange=range_)
        assert error["Message"] == "Range specified is not valid for source object of size: 3", error
    part = c.upload_part(Bucket=b, Key="to", UploadId=upload, PartNumber=1, Body=b"abc", ChecksumAlgorithm="SHA256")
    done = {"PartNumber": 1, "ETag": part["ETag"]}
    fails("InvalidRequest", 400, c.complete_multipart_upload, Bucket=b, Key="to", UploadId=upload,
          MultipartUpload={"Parts": [done]})
    c.complete_multipart_upload(Bucket=b, Key="to", UploadId=upload, MultipartUpload={
        "Parts": [{**done, "ChecksumSHA256": part["ChecksumSHA256"]}]})
    c.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    marker = c.delete_object(Bucket=b, Key="k")["VersionId"]
    fails("InvalidRequest", 400, c.copy_object, Bucket=b, Key="x",
          CopySource={"Bucket": b, "Key": "k", "VersionId": marker})
    fails("InvalidRequest", 400, c.put_bucket_cors, Bucket=b, CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["GET"], "AllowedOrigins": ["http://*.a.*"]}]})
    for grant, name in (('id="mine"', "id"), ('uri="http://nowhere"', "uri")):
        error = fails("InvalidArgument", 400, c.put_bucket_acl, Bucket=b, GrantRead=grant)
        assert error["ArgumentName"] == name, error
    kms = {"x-amz-server-side-encryption": "AES256", "x-amz-server-side-encryption-aws-kms-key-id": "k"}
    assert raw(sim, "PUT", f"/{b}/k", b"", kms)[0] == 400


@suite.test
def lifecycle_rules(sim):
    c = s3(sim)
    b = bucket(c, "lifecycle-rules")

    def put(**rule):
        c.put_bucket_lifecycle_configuration(Bucket=b, LifecycleConfiguration={
            "Rules": [{"ID": "a b", "Status": "Enabled", "Filter": {"Prefix": "old/"}, **rule}]})

    tag = {"Tag": {"Key": "a", "Value": "b"}}
    soon = {"Days": 29, "StorageClass": "STANDARD_IA"}
    for code, rule in (("InvalidRequest", {"Filter": tag, "Expiration": {"ExpiredObjectDeleteMarker": True}}),
                       ("InvalidRequest", {"Filter": tag, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}),
                       ("InvalidArgument", {"Transitions": [soon]}),
                       ("InvalidArgument", {"Transitions": [{**soon, "Days": 60}], "Expiration": {"Days": 60}})):
        fails(code, 400, put, **rule)
    put(Expiration={"Days": 3})
    told = c.put_object(Bucket=b, Key="old/k")["Expiration"]
    midnight = c.head_object(Bucket=b, Key="old/k")["LastModified"].replace(hour=0, minute=0, second=0)
    day = (midnight + datetime.timedelta(days=4)).strftime("%a, %d %b %Y 00:00:00 GMT")
    assert told == f'expiry-date="{day}", rule-id="a%20b"', told
    assert c.head_object(Bucket=b, Key="old/k")["Expiration"] == c.get_object(Bucket=b, Key="old/k")["Expiration"] == told
    assert "Expiration" not in c.put_object(Bucket=b, Key="k")


@suite.test
def default_checksum(sim):
    """What comes without a checksum gets CRC64NVME, small and large, plain and copied."""
    c = s3(sim, request_checksum_calculation="when_required")
    b = bucket(c, "default-checksum")
    sums = {}
    for key, body in (("check", b"123456789"), ("large", b"x" * (3 * MIB))):
        put = c.put_object(Bucket=b, Key=key, Body=body)
        sums[key] = put["ChecksumCRC64NVME"]
        assert put["ChecksumType"] == "FULL_OBJECT", put
        assert c.head_object(Bucket=b, Key=key, ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == sums[key]
        assert "ChecksumCRC64NVME" not in c.head_object(Bucket=b, Key=key)
        copy = c.copy_object(Bucket=b, Key="copy", CopySource=f"{b}/{key}")["CopyObjectResult"]
        assert copy["ChecksumCRC64NVME"] == sums[key], copy
    assert base64.b64decode(sums["check"]).hex() == "ae8b14860a799888", sums
    c.put_object(Bucket=b, Key="source", Body=b"y" * MIB)
    upload = c.create_multipart_upload(Bucket=b, Key="parts")["UploadId"]
    parts = [c.upload_part(Bucket=b, Key="parts", UploadId=upload, PartNumber=1, Body=b"x" * (5 * MIB)),
             c.upload_part_copy(Bucket=b, Key="parts", UploadId=upload, PartNumber=2, CopySource=f"{b}/source")["CopyPartResult"]]
    assert all("ChecksumCRC64NVME" not in p for p in parts + c.list_parts(Bucket=b, Key="parts", UploadId=upload)["Parts"])
    made = c.complete_multipart_upload(Bucket=b, Key="parts", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": n, "ETag": p["ETag"]} for n, p in enumerate(parts, 1)]})
    whole = c.put_object(Bucket=b, Key="whole", Body=b"x" * (5 * MIB) + b"y" * MIB)["ChecksumCRC64NVME"]
    assert (made["ChecksumCRC64NVME"], made["ChecksumType"]) == (whole, "FULL_OBJECT"), made
    raw(sim, "PUT", f"/{b}/a%20b+~", b"")
    assert b"<Key>a+b%2B~</Key>" in raw(sim, "GET", f"/{b}?encoding-type=url&prefix=a")[2]


@suite.test
def large_copies(sim):
    """Copies of large objects are hashed and written beside the requests of others; a copy is one piece."""
    c = s3(sim)
    b = bucket(c, "large-copies")
    body = os.urandom(MIB) * 192
    c.put_object(Bucket=b, Key="small", Body=b"s")
    upload = c.create_multipart_upload(Bucket=b, Key="large", ChecksumAlgorithm="SHA256")["UploadId"]
    done = []
    for number, part in enumerate((body[:100 * MIB], body[100 * MIB:]), 1):
        one = c.upload_part(Bucket=b, Key="large", UploadId=upload, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256")
        done.append({"PartNumber": number, "ETag": one["ETag"], "ChecksumSHA256": one["ChecksumSHA256"]})
    c.complete_multipart_upload(Bucket=b, Key="large", UploadId=upload, MultipartUpload={"Parts": done})
    upload = c.create_multipart_upload(Bucket=b, Key="to")["UploadId"]
    md5 = f'"{hashlib.md5(body).hexdigest()}"'
    sha256 = base64.b64encode(hashlib.sha256(body).digest()).decode()

    def part_copy():
        return s3(sim).upload_part_copy(Bucket=b, Key="to", UploadId=upload, PartNumber=1,
                                        CopySource=f"{b}/large")["CopyPartResult"]["ETag"]

    def object_copy():
        answer = s3(sim).copy_object(Bucket=b, Key="copy", CopySource=f"{b}/large")["CopyObjectResult"]
        assert answer["ChecksumSHA256"] == sha256 and answer["ChecksumType"] == "FULL_OBJECT", answer
        return answer["ETag"]

    for copy in part_copy, object_copy:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(copy()))
        thread.start()
        reads = 0
        while thread.is_alive():
            assert c.get_object(Bucket=b, Key="small")["Body"].read() == b"s"
            reads += 1
        thread.join()
        assert answers == [md5] and reads >= 5, (answers, reads)
    c.complete_multipart_upload(Bucket=b, Key="to", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": md5}]})
    for key in "to", "copy":
        got = hashlib.md5()
        for piece in c.get_object(Bucket=b, Key=key)["Body"].iter_chunks(MIB):
            got.update(piece)
        assert f'"{got.hexdigest()}"' == md5
    answer = c.copy_object(Bucket=b, Key="crc", CopySource=f"{b}/copy", ChecksumAlgorithm="CRC32")["CopyObjectResult"]
    assert answer["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(), answer
    assert answer["ETag"] == md5


@suite.test
def copies(sim):
    c = s3(sim)
    b = bucket(c, "copies")
    for size in (100, MIB):
        body = os.urandom(size)
        c.put_object(Bucket=b, Key="from ü", Body=body, Metadata={"a": "1"}, Tagging="t=1", ContentType="x/y")
        c.copy_object(Bucket=b, Key="to", CopySource={"Bucket": b, "Key": "from ü"})
        got = c.get_object(Bucket=b, Key="to")
        assert got["Body"].read() == body and got["Metadata"] == {"a": "1"} and got["ContentType"] == "x/y"
        assert c.get_object_tagging(Bucket=b, Key="to")["TagSet"] == [{"Key": "t", "Value": "1"}]
        c.copy_object(Bucket=b, Key="to", CopySource={"Bucket": b, "Key": "from ü"}, MetadataDirective="REPLACE",
                      Metadata={"b": "2"}, TaggingDirective="REPLACE", Tagging="u=2")
        assert c.head_object(Bucket=b, Key="to")["Metadata"] == {"b": "2"}
        c.copy_object(Bucket=b, Key="to", CopySource={"Bucket": b, "Key": "from ü"}, ChecksumAlgorithm="SHA256")
        head = c.head_object(Bucket=b, Key="to", ChecksumMode="ENABLED")
        sha256 = base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256, "FULL_OBJECT"), head
        fails("InvalidRequest", 400, c.copy_object, Bucket=b, Key="to", CopySource=f"{b}/to")
        c.copy_object(Bucket=b, Key="to", CopySource=f"{b}/to", StorageClass="STANDARD_IA")
        assert c.head_object(Bucket=b, Key="to")["StorageClass"] == "STANDARD_IA"
        fails("PreconditionFailed", 412, c.copy_object, Bucket=b, Key="n", CopySource=f"{b}/to", CopySourceIfMatch='"x"')
        c.delete_object(Bucket=b, Key="from ü")
        assert c.get_object(Bucket=b, Key="to")["Body"].read() == body
    fails("NoSuchKey", 404, c.copy_object, Bucket=b, Key="n", CopySource=f"{b}/none")


@suite.test
def presigned(sim):
    for version in ("s3", "s3v4"):
        c = s3(sim, signature_version=version)
        b = bucket(c, "presigned")
        put = c.generate_presigned_url("put_object", {"Bucket": b, "Key": "k y"})
        status, _, text = fetch(sim, put, "PUT", b"content")
        assert status == 200, text
        get = c.generate_presigned_url("get_object", {"Bucket": b, "Key": "k y"})
        assert fetch(sim, get)[::2] == (200, b"content")
        late = c.generate_presigned_url("get_object", {"Bucket": b, "Key": "k y"}, ExpiresIn=-10)
        status, _, text = fetch(sim, late)
        assert (status, b"Request has expired" in text) == (403, True) or b"non-negative" in text, text


@suite.test
def forms(sim):
    c = s3(sim)
    b = bucket(c, "forms")

    def send(fields, content, name="f.txt"):
        boundary = "xyzzy"
        body = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items())
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'.encode()
        body += content + f"\r\n--{boundary}--\r\n".encode()
        return raw(sim, "POST", f"/{b}", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    post = c.generate_presigned_post(b, "up/${filename}", Fields={"Content-Type": "a/b", "success_action_status": "201"},
                                     Conditions=[{"Content-Type": "a/b"}, {"success_action_status": "201"},
                                                 ["content-length-range", 1, 2 * MIB]])
    for content in (b"hello", os.urandom(MIB)):
        status, headers, text = send(post["fields"], content)
        assert status == 201 and b"<Key>up/f.txt</Key>" in text, (status, text)
        got = c.get_object(Bucket=b, Key="up/f.txt")
        assert got["Body"].read() == content and got["ContentType"] == "a/b"
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert send({"key": "tagged", "tagging": tagging}, b"x")[0] == 204
    assert c.get_object_tagging(Bucket=b, Key="tagged")["TagSet"] == [{"Key": "a", "Value": "b"}]
    status, _, text = send({"key": "badly", "tagging": "<Tagging>"}, b"x")
    assert status == 400 and b"MalformedXML" in text, text
    fails("404", 404, c.head_object, Bucket=b, Key="badly")
    status, _, text = send(post["fields"], b"")
    assert status == 400 and b"EntityTooSmall" in text, text
    status, _, text = send({**post["fields"], "x-amz-meta-a": "1"}, b"x")
    assert status == 403 and b"Extra input fields" in text, text
    status, _, text = send({**post["fields"], "key": "other"}, b"x")
    assert status == 403 and b"Policy Condition failed" in text, text


@suite.test
def tags_and_acls(sim):
    c = s3(sim)
    b = bucket(c, "tags")
    c.put_object(Bucket=b, Key="k", Body=b"", Tagging="a=1&b=2")
    assert c.get_object(Bucket=b, Key="k")["TagCount"] == 2
    assert len(c.get_object_tagging(Bucket=b, Key="k")["TagSet"]) == 2
    c.put_object_tagging(Bucket=b, Key="k", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
    assert c.get_object_tagging(Bucket=b, Key="k")["TagSet"] == [{"Key": "x", "Value": "y"}]
    c.delete_object_tagging(Bucket=b, Key="k")
    assert c.get_object_tagging(Bucket=b, Key="k")["TagSet"] == []
    fails("InvalidTag", 400, c.put_object_tagging, Bucket=b, Key="k",
          Tagging={"TagSet": [{"Key": "x", "Value": "y"}, {"Key": "x", "Value": "y"}]})
    fails("NoSuchTagSet", 404, c.get_bucket_tagging, Bucket=b)
    c.put_bucket_tagging(Bucket=b, Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
    assert c.get_bucket_tagging(Bucket=b)["TagSet"] == [{"Key": "x", "Value": "y"}]
    arn = urllib.parse.quote(f"arn:aws:s3:::{b}", safe="")
    status, _, text = raw(sim, "GET", f"/v20180820/tags/{arn}", headers={"x-amz-account-id": "123456789012"})
    assert status == 200 and b"<Key>x</Key>" in text, text
    assert len(c.get_bucket_acl(Bucket=b)["Grants"]) == 1
    fails("AccessControlListNotSupported", 400, c.put_bucket_acl, Bucket=b, ACL="public-read")
    c.put_bucket_ownership_controls(Bucket=b, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    fails("AccessDenied", 403, c.put_bucket_acl, Bucket=b, ACL="public-read")
    c.delete_public_access_block(Bucket=b)
    c.put_bucket_acl(Bucket=b, ACL="public-read")
    assert len(c.get_bucket_acl(Bucket=b)["Grants"]) == 2
    c.put_object_acl(Bucket=b, Key="k", ACL="public-read")
    assert c.get_object_acl(Bucket=b, Key="k")["Grants"][1]["Permission"] == "READ"


@suite.test
def configurations(sim):
    c = s3(sim)
    b = bucket(c, "configs")
    for code, call in (("NoSuchBucketPolicy", c.get_bucket_policy), ("NoSuchCORSConfiguration", c.get_bucket_cors),
                       ("NoSuchWebsiteConfiguration", c.get_bucket_website),
                       ("NoSuchLifecycleConfiguration", c.get_bucket_lifecycle_configuration),
                       ("ReplicationConfigurationNotFoundError", c.get_bucket_replication),
                       ("ObjectLockConfigurationNotFoundError", c.get_object_lock_configuration)):
        fails(code, 404, call, Bucket=b)
    for call in (c.get_bucket_versioning, c.get_bucket_accelerate_configuration, c.get_bucket_logging,
                 c.get_bucket_notification_configuration):
        assert set(call(Bucket=b)) == {"ResponseMetadata"}, call
    assert c.get_bucket_request_payment(Bucket=b)["Payer"] == "BucketOwner"
    rule = c.get_bucket_encryption(Bucket=b)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                                                     "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{b}/*"}]}
    c.put_bucket_policy(Bucket=b, Policy=json.dumps(policy))
    assert json.loads(c.get_bucket_policy(Bucket=b)["Policy"]) == policy
    assert not c.get_bucket_policy_status(Bucket=b)["PolicyStatus"]["IsPublic"]
    fails("MalformedPolicy", 400, c.put_bucket_policy, Bucket=b, Policy="{}")
    policy["Statement"][0]["Principal"] = "*"
    fails("AccessDenied", 403, c.put_bucket_policy, Bucket=b, Policy=json.dumps(policy))
    c.delete_bucket_policy(Bucket=b)
    lifecycle = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 1}}]}
    c.put_bucket_lifecycle_configuration(Bucket=b, LifecycleConfiguration=lifecycle)
    assert c.get_bucket_lifecycle_configuration(Bucket=b)["Rules"] == lifecycle["Rules"]
    function = {"LambdaFunctionConfigurations": [{"Id": "f", "LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                                                  "Events": ["s3:ObjectCreated:*"],
                                                  "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "in/"}]}}}]}
    fails("InvalidArgument", 400, c.put_bucket_notification_configuration, Bucket=b, NotificationConfiguration=function)
    c.put_bucket_notification_configuration(Bucket=b, NotificationConfiguration=function, SkipDestinationValidation=True)
    got = c.get_bucket_notification_configuration(Bucket=b)
    assert got["LambdaFunctionConfigurations"] == function["LambdaFunctionConfigurations"], got
    website = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    c.put_bucket_website(Bucket=b, WebsiteConfiguration=website)
    got = c.get_bucket_website(Bucket=b)
    assert got["IndexDocument"] == website["IndexDocument"]
    c.put_object(Bucket=b, Key="index.html", Body=b"welcome", ContentType="text/html")
    host = {"Host": f"{b}.s3-website.localhost"}
    status, headers, content = raw(sim, "GET", "/", headers=host)
    assert (status, content) == (200, b"welcome") and headers["last-modified"] and headers["accept-ranges"] == "bytes"
    assert raw(sim, "GET", "/", headers={**host, "If-None-Match": headers["etag"]})[0] == 304
    assert raw(sim, "GET", "/", headers={**host, "If-Match": '"x"'})[0] == 412
    status, headers, content = raw(sim, "GET", "/", headers={**host, "Range": "bytes=1-3"})
    assert (status, content, headers["content-range"]) == (206, b"elc", "bytes 1-3/7"), headers
    assert raw(sim, "GET", "/", headers={**host, "Range": "bytes=9-"})[0] == 416
    assert raw(sim, "GET", "/none", headers=host)[0] == 404
    c.delete_bucket_website(Bucket=b)


@suite.test
def cors(sim):
    c = s3(sim)
    b = bucket(c, "cors-rules")
    ask = {"Origin": "http://page", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-A"}
    assert raw(sim, "OPTIONS", f"/{b}/k", headers=ask)[0] == 403
    c.put_bucket_cors(Bucket=b, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["*"],
                                                                  "AllowedOrigins": ["http://p*"], "MaxAgeSeconds": 9}]})
    status, headers, _ = raw(sim, "OPTIONS", f"/{b}/k", headers=ask)
    assert status == 200 and headers["access-control-allow-origin"] == "http://page" and headers["access-control-max-age"] == "9"
    assert raw(sim, "OPTIONS", f"/{b}/k", headers={**ask, "Origin": "http://other"})[0] == 403
    c.put_object(Bucket=b, Key="k", Body=b"")
    headers = raw(sim, "GET", f"/{b}/k", headers={"Origin": "http://page"})[1]
    assert headers["access-control-allow-origin"] == "http://page", headers
    assert "access-control-allow-origin" not in raw(sim, "GET", f"/{b}/k", headers={"Origin": "http://other"})[1]


@suite.test
def locks(sim):
    c = s3(sim)
    b = bucket(c, "locks", ObjectLockEnabledForBucket=True)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    one = c.put_object(Bucket=b, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    fails("AccessDenied", 403, c.delete_object, Bucket=b, Key="k", VersionId=one)
    assert c.get_object_retention(Bucket=b, Key="k")["Retention"]["Mode"] == "GOVERNANCE"
    c.delete_object(Bucket=b, Key="k", VersionId=one, BypassGovernanceRetention=True)
    two = c.put_object(Bucket=b, Key="k", Body=b"2")["VersionId"]
    c.put_object_legal_hold(Bucket=b, Key="k", LegalHold={"Status": "ON"})
    assert c.get_object_legal_hold(Bucket=b, Key="k")["LegalHold"]["Status"] == "ON"
    fails("AccessDenied", 403, c.delete_object, Bucket=b, Key="k", VersionId=two)
    c.put_object_legal_hold(Bucket=b, Key="k", LegalHold={"Status": "OFF"})
    c.delete_object(Bucket=b, Key="k", VersionId=two)
    c.put_object_lock_configuration(Bucket=b, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    three = c.put_object(Bucket=b, Key="k", Body=b"3")["VersionId"]
    fails("AccessDenied", 403, c.delete_object, Bucket=b, Key="k", VersionId=three, BypassGovernanceRetention=True)
    fails("InvalidBucketState", 409, c.put_bucket_versioning, Bucket=b, VersioningConfiguration={"Status": "Suspended"})


@suite.test
def encryption(sim):
    c = s3(sim)
    b = bucket(c, "encryption")
    key, other = os.urandom(32), os.urandom(32)
    # boto3 refuses SSE-C over http only in its documentation.
    given = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    assert c.put_object(Bucket=b, Key="c", Body=b"secret", **given)["SSECustomerAlgorithm"] == "AES256"
    assert c.get_object(Bucket=b, Key="c", **given)["Body"].read() == b"secret"
    fails("InvalidRequest", 400, c.get_object, Bucket=b, Key="c")
    fails("AccessDenied", 403, c.get_object, Bucket=b, Key="c", SSECustomerAlgorithm="AES256", SSECustomerKey=other)
    assert c.put_object(Bucket=b, Key="k", Body=b"", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]


@suite.test
def virtual_hosts(sim):
    c = s3(sim)
    b = bucket(c, "vhost.bucket")
    c.put_object(Bucket=b, Key="k", Body=b"v")
    for host in ("localhost", "s3.localhost", "s3.us-east-1.amazonaws.com", "s3.amazonaws.com", "localhost.localstack.cloud"):
        assert raw(sim, "GET", "/k", headers={"Host": f"{b}.{host}:{sim.port}"})[::2] == (200, b"v"), host
    assert raw(sim, "GET", f"/s3/{b}/k")[::2] == (200, b"v")


@suite.test
def archive(sim):
    c = s3(sim)
    b = bucket(c, "archive")
    c.put_object(Bucket=b, Key="k", Body=b"cold", StorageClass="GLACIER")
    fails("InvalidObjectState", 403, c.get_object, Bucket=b, Key="k")
    c.restore_object(Bucket=b, Key="k", RestoreRequest={"Days": 1})
    assert "ongoing-request=\"false\"" in c.head_object(Bucket=b, Key="k")["Restore"]
    assert c.get_object(Bucket=b, Key="k")["Body"].read() == b"cold"
    fails("InvalidStorageClass", 400, c.put_object, Bucket=b, Key="x", Body=b"", StorageClass="NONE")


@suite.test
def restarts(sim):
    c = s3(sim)
    b = bucket(c, "restarts")
    body = os.urandom(MIB)
    c.put_object(Bucket=b, Key="k", Body=body)
    orphan = pathlib.Path(sim.state_dir, "s3", "0" * 32)
    orphan.write_bytes(b"left over")
    os.kill(sim.pids()["s3"], 9)
    assert c.get_object(Bucket=b, Key="k")["Body"].read() == body
    assert not orphan.exists()


@suite.test
def command_line(sim):
    if not shutil.which("aws"):
        print("skipped: no AWS CLI")
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder, "tree", "sub")
        tree.mkdir(parents=True)
        (tree / "large").write_bytes(os.urandom(9 * MIB))
        (tree.parent / "small ü").write_bytes(b"small")
        env = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8",
               "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}

        def aws(*words):
            done = subprocess.run(["aws", "--endpoint-url", sim.endpoint, "s3", *words], env=env, capture_output=True, text=True,
                                  timeout=120)
            assert done.returncode == 0, (words, done.stdout, done.stderr)
            return done.stdout

        aws("mb", "s3://cli-bucket")
        aws("sync", f"{folder}/tree", "s3://cli-bucket/t")
        assert "large" in aws("ls", "--recursive", "s3://cli-bucket")
        aws("cp", "s3://cli-bucket/t/sub/large", f"{folder}/back")
        assert pathlib.Path(folder, "back").read_bytes() == (tree / "large").read_bytes()
        aws("mv", "s3://cli-bucket/t/small ü", "s3://cli-bucket/moved")
        assert fetch(sim, aws("presign", "s3://cli-bucket/moved").strip())[2] == b"small"
        aws("sync", "s3://cli-bucket/t", f"{folder}/down")
        aws("rm", "--recursive", "s3://cli-bucket/t")
        aws("rb", "--force", "s3://cli-bucket")


@suite.test
def broken_uploads(sim):
    c = s3(sim)
    b = bucket(c, "broken")
    spool = pathlib.Path(sim.state_dir, "spool")
    for head in (f"Content-Length: {2 * MIB}", "Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", sim.port)) as client:
            client.sendall(f"PUT /{b}/k HTTP/1.1\r\nHost: h\r\n{head}\r\n\r\n".encode())
            client.sendall((b"100000\r\n" if "chunked" in head else b"") + b"x" * MIB)
            wait_until(lambda: list(spool.glob("body-*")), what="the spool file")
        wait_until(lambda: not list(spool.glob("body-*")), what="the spool to be empty")
    fails("NoSuchKey", 404, c.get_object, Bucket=b, Key="k")
    with socket.create_connection(("127.0.0.1", sim.port)) as client:
        client.sendall(f"PUT /{b}/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                       f"Content-Length: {6 * 1024 * MIB}\r\n\r\n".encode())
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"EntityTooLarge" in answer, answer
    # Writers of one key never mix.
    bodies = [bytes([i]) * (MIB + i) for i in range(4)]
    in_threads(4, lambda i: s3(sim).put_object(Bucket=b, Key="k", Body=bodies[i]))
    assert c.get_object(Bucket=b, Key="k")["Body"].read() in bodies


def say(sim, *pieces):
    """(status, body) for bytes that no HTTP client would send; the sender's direction is shut down behind them."""
    with socket.create_connection(("127.0.0.1", sim.port), timeout=30) as client:
        client.sendall(b"".join(p if isinstance(p, bytes) else p.encode() for p in pieces))
        client.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return answer.status, answer.read()


@suite.test
def lying_bodies(sim):
    """Lengths that are not true, in each way of giving them; what was stored before stays."""
    c = s3(sim)
    b = bucket(c, "lies")
    c.put_object(Bucket=b, Key="k", Body=b"before")
    start = f"PUT /{b}/k HTTP/1.1\r\nHost: h\r\n"
    for size in (10, 3 * MIB):
        for head, body in ((f"Content-Length: {size}", b"x" * (size - 1)),
                           ("Transfer-Encoding: chunked", b"%x\r\n" % size + b"x" * (size - 1)),
                           ("Transfer-Encoding: chunked", b"%x\r\n" % size + b"x" * size + b"\r\n")):
            status, text = say(sim, start, head, "\r\n\r\n", body)
            assert status == 400 and b"<Code>IncompleteBody</Code>" in text, (head, text)
    for head, body in (("Content-Length: -1", b""), ("Content-Length: 1e3", b""), ("Content-Length: 99999999999999999999", b""),
                       ("Content-Length: 3\r\nContent-Length: 4", b"abcd"),
                       ("Content-Length: 3\r\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
                       ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n"),
                       ("Transfer-Encoding: chunked", b"3\r\nabcd\r\n0\r\n\r\n"),
                       ("Transfer-Encoding: chunked", b"ffffffffffffffffff\r\nabc"),
                       ("Transfer-Encoding: chunked", b"-3\r\nabc\r\n0\r\n\r\n")):
        status, text = say(sim, start, head, "\r\n\r\n", body)
        assert status in (400, 413), (head, body, text)
    assert c.get_object(Bucket=b, Key="k")["Body"].read() == b"before"
    status, text = say(sim, start, "Content-Length: 3\r\n\r\nabcdefg\r\n\r\n")
    assert status == 200 and c.get_object(Bucket=b, Key="k")["Body"].read() == b"abc", text
    assert not list(pathlib.Path(sim.state_dir, "spool").glob("body-*"))


@suite.test
def impossible_keys(sim):
    b = bucket(s3(sim), "impossible")
    for method in ("PUT", "GET", "HEAD", "DELETE"):
        for key in ("%ff%fe", "%zz", "%", "a%c3"):
            assert raw(sim, method, f"/{b}/{key}", b"")[0] == 400, (method, key)
    for code, key in (("InvalidURI", "a%00b"), ("InvalidURI", "%ff"), ("InvalidURI", "%zz"),
                      ("KeyTooLongError", "%F0%9F%98%80" * 257), ("KeyTooLongError", "k" * 1025)):
        fails(code, 400, lambda: raw_refusal(sim, "PUT", f"/{b}/{key}", body=b"x"))
    for path, key in (("%F0%9F%98%80" * 256, "😀" * 256), ("../../up", "../../up"), ("%2e%2e/%2e%2e/up", "../../up"),
                      ("//two//", "//two//"), ("./.", "./."), ("a%0Ab", "a\nb")):
        status, _, text = raw(sim, "PUT", f"/{b}/{path}", key.encode())
        assert status == 200, (path, text)
        assert s3(sim).get_object(Bucket=b, Key=key)["Body"].read() == key.encode(), path
    assert not [p for p in pathlib.Path(sim.dir).rglob("up*") if p.name == "up"], "a key must not become a path"


@suite.test
def documents(sim):
    """XML that is too much, lies or is none."""
    c = s3(sim)
    b = bucket(c, "documents")
    tags = "<Tagging><TagSet><Tag><Key>{}</Key><Value>v</Value></Tag></TagSet></Tagging>"
    entities = '<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    for text in (f"<!DOCTYPE t [{entities}]>" + tags.format("&e9;"),
                 '<!DOCTYPE t [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + tags.format("&e;"),
                 "<Tagging><TagSet>" + "<Tag><Key>k</Key><Value>v</Value></Tag>" * 270_000 + "</TagSet></Tagging>",
                 "<a>" * 200_000, tags.format("k")[:-3], tags.format("k") + "<", "{}", "", tags.format("k").encode() + b"\xff",
                 tags.format("\0"), "<Other/>"):
        fails("MalformedXML", 400, lambda: raw_refusal(sim, "PUT", f"/{b}?tagging", body=text))
    fails("NoSuchTagSet", 404, c.get_bucket_tagging, Bucket=b)
    for count, code in ((1000, None), (1001, "MalformedXML")):
        text = "<Delete>" + "".join(f"<Object><Key>{i}</Key></Object>" for i in range(count)) + "</Delete>"
        md5 = {"Content-MD5": base64.b64encode(hashlib.md5(text.encode()).digest()).decode()}
        if code:
            fails(code, 400, lambda: raw_refusal(sim, "POST", f"/{b}?delete", body=text, headers=md5))
        else:
            assert raw(sim, "POST", f"/{b}?delete", text, md5)[0] == 200
    upload = c.create_multipart_upload(Bucket=b, Key="k")["UploadId"]
    tag = c.upload_part(Bucket=b, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    for count, code in ((10_000, "InvalidPart"), (10_001, "MalformedXML")):
        parts = "".join(f"<Part><PartNumber>{i}</PartNumber><ETag>{tag}</ETag></Part>" for i in range(1, count + 1))
        text = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        fails(code, 400, lambda: raw_refusal(sim, "POST", f"/{b}/k?uploadId={upload}", body=text))
    for number in (0, 10_001, -1, "x"):
        fails("InvalidArgument", 400, lambda: raw_refusal(sim, "PUT", f"/{b}/k?uploadId={upload}&partNumber={number}", body=b"x"))
    c.complete_multipart_upload(Bucket=b, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})


@suite.test
def secure(_):
    with secure_awssim() as (sim, certificate):
        body = os.urandom(18 * MIB)
        for algorithm in (None, "CRC32", "SHA256"):
            c = s3(sim, endpoint=f"https://localhost:{sim.port}", verify=certificate)
            b = bucket(c, "secure")
            extra = {"ChecksumAlgorithm": algorithm} if algorithm else {}
            for size in (0, 100, 3 * MIB):
                c.put_object(Bucket=b, Key="k", Body=io.BytesIO(body[:size]), **extra)
                got = c.get_object(Bucket=b, Key="k", ChecksumMode="ENABLED")
                assert got["Body"].read() == body[:size] and got.get("ContentEncoding", "") == "", got
                assert got[f"Checksum{algorithm or 'CRC32'}"]
            c.upload_fileobj(io.BytesIO(body), b, "big", ExtraArgs=extra)
            out = io.BytesIO()
            c.download_fileobj(b, "big", out)
            assert out.getvalue() == body


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
