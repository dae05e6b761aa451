#!/usr/bin/env python3
"""Presigned URLs that carry headers in their query, as the SDKs for JavaScript, Go and Ruby make them.

usage: test_presigned.py [TEST…]
"""

import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import functions  # noqa: E402
from awssim import Awssim, Suite  # noqa: E402

suite = Suite()


def presigned(sim, method, path, service="s3", version=4, **query):
    """The path and query of a URL that is signed with these parameters; underscores in names are hyphens."""
    from botocore.auth import HmacV1QueryAuth, S3SigV4QueryAuth, SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    fields = {name.replace("_", "-"): value for name, value in query.items()}
    text = urllib.parse.urlencode(fields, quote_via=urllib.parse.quote)
    request = AWSRequest(method, f"{sim.endpoint}{path}{'&' if '?' in path else '?'}{text}")
    credentials = Credentials("test", "test")
    if version == 2:
        request = AWSRequest(method, sim.endpoint + path, headers=fields)
        HmacV1QueryAuth(credentials, expires=60).add_auth(request)  # moves the headers into the query
    elif service == "s3":
        S3SigV4QueryAuth(credentials, service, "us-east-1", expires=60).add_auth(request)
    else:
        SigV4QueryAuth(credentials, service, "us-east-1", expires=60).add_auth(request)
    url = urllib.parse.urlsplit(request.url)
    return f"{url.path}?{url.query}"


def send(sim, method, path, body=None, headers=None, **query):
    return sim.http(method, presigned(sim, method, path, **query), body, headers)


def bucket(sim, name, **fields):
    sim.client("s3").create_bucket(Bucket=name, **fields)
    return sim.client("s3")


@suite.test
def put_object(sim):
    s3 = bucket(sim, "put")
    status, _, body = send(
        sim, "PUT", "/put/k", "content", x_amz_meta_who="me & you", x_amz_meta_Other="ä", x_amz_storage_class="STANDARD_IA",
        x_amz_tagging="a=b&c=d", x_amz_server_side_encryption="AES256", x_amz_website_redirect_location="/there",
        Cache_Control="no-store", Content_Type="image/png", Content_Disposition="inline", x_id="PutObject")
    assert status == 200, body
    head = s3.head_object(Bucket="put", Key="k")
    assert head["Metadata"]["who"] == "me & you" and "other" in head["Metadata"], head
    assert (head["StorageClass"], head["ServerSideEncryption"]) == ("STANDARD_IA", "AES256")
    assert (head["CacheControl"], head["ContentType"], head["ContentDisposition"]) == ("no-store", "image/png", "inline")
    assert head["WebsiteRedirectLocation"] == "/there"
    tags = s3.get_object_tagging(Bucket="put", Key="k")["TagSet"]
    assert {t["Key"]: t["Value"] for t in tags} == {"a": "b", "c": "d"}


@suite.test
def put_object_acl(sim):
    s3 = bucket(sim, "acl", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="acl")
    assert send(sim, "PUT", "/acl/k", "x", x_amz_acl="public-read")[0] == 200
    grants = s3.get_object_acl(Bucket="acl", Key="k")["Grants"]
    assert any(g["Grantee"].get("URI", "").endswith("AllUsers") and g["Permission"] == "READ" for g in grants), grants


@suite.test
def conditions(sim):
    s3 = bucket(sim, "conditions")
    assert send(sim, "PUT", "/conditions/k", "one", If_None_Match="*")[0] == 200
    assert send(sim, "PUT", "/conditions/k", "two", If_None_Match="*")[0] == 412
    etag = s3.head_object(Bucket="conditions", Key="k")["ETag"]
    assert send(sim, "GET", "/conditions/k", If_None_Match=etag)[0] == 304
    status, headers, body = send(sim, "GET", "/conditions/k", Range="bytes=1-2")
    assert (status, body) == (206, b"ne") and headers["content-range"] == "bytes 1-2/3"
    assert send(sim, "HEAD", "/conditions/k", If_Match='"0"')[0] == 412


@suite.test
def uploads_in_parts(sim):
    s3 = bucket(sim, "parts")
    status, _, body = send(sim, "POST", "/parts/k?uploads", x_amz_meta_who="me", x_amz_tagging="a=b")
    assert status == 200, body
    upload = body.decode().split("<UploadId>")[1].split("<")[0]
    s3.put_object(Bucket="parts", Key="source", Body=b"0123456789")
    status, _, body = send(sim, "PUT", f"/parts/k?partNumber=1&uploadId={upload}", x_amz_copy_source="parts/source",
                           x_amz_copy_source_range="bytes=0-3")
    assert status == 200, body
    etag = body.decode().split("<ETag>")[1].split("<")[0].replace("&quot;", '"')
    s3.complete_multipart_upload(Bucket="parts", Key="k", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    got = s3.get_object(Bucket="parts", Key="k")
    assert got["Metadata"] == {"who": "me"} and got["Body"].read() == b"0123"
    assert s3.get_object_tagging(Bucket="parts", Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]


@suite.test
def copies(sim):
    s3 = bucket(sim, "copies")
    s3.put_object(Bucket="copies", Key="a", Body=b"content", Metadata={"old": "1"})
    status, _, body = send(sim, "PUT", "/copies/b", x_amz_copy_source="/copies/a", x_amz_metadata_directive="REPLACE", x_amz_meta_new="2")
    assert status == 200 and b"CopyObjectResult" in body, body
    got = s3.get_object(Bucket="copies", Key="b")
    assert got["Body"].read() == b"content" and got["Metadata"] == {"new": "2"}


@suite.test
def version_2(sim):
    s3 = bucket(sim, "second")
    assert send(sim, "PUT", "/second/k", "x", version=2, x_amz_meta_who="me")[0] == 200
    head = s3.head_object(Bucket="second", Key="k")
    assert head["Metadata"] == {"who": "me"} and "Expires" not in head, head


@suite.test
def checksums_are_no_headers(sim):
    """An SDK that signs a URL has no body yet, and puts an empty one's checksum into it."""
    s3 = bucket(sim, "checksums")
    status, _, body = send(sim, "PUT", "/checksums/k", "content", x_amz_checksum_crc32="AAAAAA==",
                           x_amz_sdk_checksum_algorithm="CRC32", X_Amz_Content_Sha256="UNSIGNED-PAYLOAD")
    assert status == 200, body
    assert s3.get_object(Bucket="checksums", Key="k")["Body"].read() == b"content"


@suite.test
def who_signs_decides(sim):
    s3 = bucket(sim, "signs")
    # A header that is sent counts.
    assert send(sim, "PUT", "/signs/sent", "x", {"x-amz-meta-who": "header"}, x_amz_meta_who="query")[0] == 200
    assert s3.head_object(Bucket="signs", Key="sent")["Metadata"] == {"who": "header"}
    # A query that signs nothing is only a query.
    assert sim.http("PUT", "/signs/plain?x-amz-meta-who=me", "x")[0] == 200
    assert s3.head_object(Bucket="signs", Key="plain")["Metadata"] == {}
    # A value is one header, whatever it holds.
    assert send(sim, "PUT", "/signs/lines", "x", x_amz_meta_who="me\r\nx-amz-storage-class: GLACIER")[0] == 200
    assert "StorageClass" not in s3.head_object(Bucket="signs", Key="lines")


@suite.test
def other_services(sim):
    functions.make_role(sim)
    functions.create(sim, "quick", functions.archive(app__py="def handler(event, context): return 1\n"))
    path = "/2015-03-31/functions/quick/invocations"
    assert send(sim, "POST", path, "{}", service="lambda", X_Amz_Invocation_Type="DryRun")[0] == 204
    assert send(sim, "POST", path, "{}", service="lambda", X_Amz_Invocation_Type="Event")[0] == 202


@suite.test
def verified(sim):
    """The same when signatures are checked: what is signed has its effect, and what was put in later is found out."""
    with Awssim("--verify-signatures") as strict:
        s3 = bucket(strict, "strict")
        url = presigned(strict, "PUT", "/strict/k", x_amz_meta_who="me", x_amz_storage_class="GLACIER_IR")
        assert strict.http("PUT", url, "x")[0] == 200
        head = s3.head_object(Bucket="strict", Key="k")
        assert (head["Metadata"], head["StorageClass"]) == ({"who": "me"}, "GLACIER_IR")
        assert strict.http("PUT", url + "&x-amz-acl=public-read", "x")[0] == 403
        assert strict.http("PUT", presigned(strict, "PUT", "/strict/v2", version=2, x_amz_meta_who="me"), "x")[0] == 200
        assert s3.head_object(Bucket="strict", Key="v2")["Metadata"] == {"who": "me"}


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
