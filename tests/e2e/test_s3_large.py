#!/usr/bin/env python3
"""S3's large objects: parts become objects and copies share their files, clients that give up find what was done for
them, readers read to the end."""

import base64
import hashlib
import http.client
import io
import os
import pathlib
import socket
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, fails, wait_until  # noqa: E402

suite = Suite()
MIB = 1024 * 1024


def upload(c, bucket, key, parts, **fields):
    """The upload's id and CompleteMultipartUpload's list of parts."""
    identity = c.create_multipart_upload(Bucket=bucket, Key=key, **fields)["UploadId"]
    tags = []
    for number, part in enumerate(parts, 1):
        answer = c.upload_part(Bucket=bucket, Key=key, UploadId=identity, PartNumber=number, Body=part, **fields)
        tags.append({"PartNumber": number, **{k: v for k, v in answer.items() if k == "ETag" or k.startswith("ChecksumSHA256")}})
    return identity, {"Parts": tags}


def files(sim):
    return [p for p in pathlib.Path(sim.state_dir, "s3").iterdir() if p.name[0] != "."]


def used(sim):
    """Bytes on the disk."""
    return sum(512 * p.stat().st_blocks for p in files(sim))


@suite.test
def parts_stay(sim):
    c = sim.client("s3")
    c.create_bucket(Bucket="stay")
    parts = [os.urandom(8 * MIB), os.urandom(5 * MIB + 1), os.urandom(6 * MIB), b"the last, which is small"]
    whole = b"".join(parts)
    identity, document = upload(c, "stay", "k", parts)
    before = used(sim)
    done = c.complete_multipart_upload(Bucket="stay", Key="k", UploadId=identity, MultipartUpload=document)
    assert used(sim) <= before + 4096, "the parts were copied"
    assert c.complete_multipart_upload(Bucket="stay", Key="k", UploadId=identity, MultipartUpload=document)["ETag"] == done["ETag"]
    assert c.get_object(Bucket="stay", Key="k")["Body"].read() == whole
    edge = 8 * MIB
    for first, last in ((0, 0), (edge - 1, edge), (edge, edge), (1, len(whole) - 2), (len(whole) - 30, len(whole) - 1)):
        got = c.get_object(Bucket="stay", Key="k", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == whole[first:last + 1] and got["ContentRange"] == f"bytes {first}-{last}/{len(whole)}"
    for number, part in enumerate(parts, 1):
        got = c.get_object(Bucket="stay", Key="k", PartNumber=number)
        assert got["Body"].read() == part and got["PartsCount"] == 4
    assert c.head_object(Bucket="stay", Key="k")["ContentLength"] == len(whole)
    # Copies, whole and in ranges.
    copied = c.copy_object(Bucket="stay", Key="copy", CopySource="stay/k")["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(whole).hexdigest()}"'
    identity = c.create_multipart_upload(Bucket="stay", Key="ranges")["UploadId"]
    tags = []
    for number, (first, last) in enumerate(((100, edge + 100), (edge - 5, len(whole) - 1)), 1):
        part = c.upload_part_copy(Bucket="stay", Key="ranges", UploadId=identity, PartNumber=number, CopySource="stay/copy",
                                  CopySourceRange=f"bytes={first}-{last}")["CopyPartResult"]
        assert part["ETag"] == f'"{hashlib.md5(whole[first:last + 1]).hexdigest()}"'
        tags.append({"PartNumber": number, "ETag": part["ETag"]})
    c.complete_multipart_upload(Bucket="stay", Key="ranges", UploadId=identity, MultipartUpload={"Parts": tags})
    assert used(sim) <= before + 4096, "a copy was made"
    for key in ("k", "copy"):
        c.delete_object(Bucket="stay", Key=key)
    assert c.get_object(Bucket="stay", Key="ranges")["Body"].read() == whole[100:edge + 101] + whole[edge - 5:]
    c.delete_object(Bucket="stay", Key="ranges")
    wait_until(lambda: not files(sim), 40, "the end of the files")


@suite.test
def checksums_of_parts(sim):
    c = sim.client("s3")
    c.create_bucket(Bucket="sums")
    parts = [os.urandom(5 * MIB), b"end"]
    identity, document = upload(c, "sums", "k", parts, ChecksumAlgorithm="SHA256")
    for part, tag in zip(parts, document["Parts"]):
        tag["ChecksumSHA256"] = base64.b64encode(hashlib.sha256(part).digest()).decode()
    done = c.complete_multipart_upload(Bucket="sums", Key="k", UploadId=identity, MultipartUpload=document)
    assert done["ChecksumSHA256"].endswith("-2")
    got = c.get_object_attributes(Bucket="sums", Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert got["Checksum"]["ChecksumSHA256"] == done["ChecksumSHA256"][:-2], got
    assert [(p["Size"], p["ChecksumSHA256"]) for p in got["ObjectParts"]["Parts"]] == [
        (len(part), tag["ChecksumSHA256"]) for part, tag in zip(parts, document["Parts"])]
    c.delete_object(Bucket="sums", Key="k")


@suite.test
def impatient_copies(sim):
    """A copy that takes longer than its client waits is done all the same, once, and found by the client's next try."""
    c = sim.client("s3")
    c.create_bucket(Bucket="patience")
    piece = os.urandom(32 * MIB)
    c.put_object(Bucket="patience", Key="piece", Body=piece)
    identity = c.create_multipart_upload(Bucket="patience", Key="large")["UploadId"]
    tags = [{"PartNumber": n, "ETag": c.upload_part_copy(
        Bucket="patience", Key="large", UploadId=identity, PartNumber=n, CopySource="patience/piece")["CopyPartResult"]["ETag"]}
        for n in range(1, 17)]
    c.complete_multipart_upload(Bucket="patience", Key="large", UploadId=identity, MultipartUpload={"Parts": tags})

    def copy():
        connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=0.1)
        try:
            connection.request("PUT", "/patience/copy", headers={"x-amz-copy-source": "/patience/large", "Content-Length": "0"})
            return connection.getresponse().status
        except TimeoutError:
            return 0
        finally:
            connection.close()

    tried = []
    wait_until(lambda: tried.append(copy()) or tried[-1], 60, "a copy")
    assert tried[-1] == 200 and 0 in tried, f"{tried}: 512 MiB were hashed in 0.1 s?"
    whole = hashlib.md5()
    for _ in range(16):
        whole.update(piece)
    assert c.head_object(Bucket="patience", Key="copy")["ETag"] == f'"{whole.hexdigest()}"'
    for key in ("piece", "large", "copy"):
        c.delete_object(Bucket="patience", Key=key)


@suite.test
def given_up(sim):
    """A client that has gone before the answer finds the upload completed, or can complete it; nothing is left behind."""
    c = sim.client("s3")
    c.create_bucket(Bucket="given-up")
    identity, document = upload(c, "given-up", "k", [b"x" * 5 * MIB, b"tail"])
    body = "".join(f"<Part><PartNumber>{p['PartNumber']}</PartNumber><ETag>{p['ETag']}</ETag></Part>" for p in document["Parts"])
    body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", sim.port)) as client:
            client.sendall(f"POST /given-up/k?uploadId={identity} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    done = c.complete_multipart_upload(Bucket="given-up", Key="k", UploadId=identity, MultipartUpload=document)
    assert c.head_object(Bucket="given-up", Key="k")["ETag"] == done["ETag"]
    identity, _ = upload(c, "given-up", "never", [b"x" * 5 * MIB, b"tail"])
    c.delete_object(Bucket="given-up", Key="k")
    c.delete_bucket(Bucket="given-up")  # AWS does not mind the unfinished upload
    fails("NoSuchBucket", 404, c.list_parts, Bucket="given-up", Key="never", UploadId=identity)
    wait_until(lambda: not files(sim), 40, "the end of the files")


@suite.test
def slow_readers(sim):
    """What is being read is read to its end although it is deleted meanwhile, and goes then."""
    c = sim.client("s3")
    c.create_bucket(Bucket="slow")
    parts = [os.urandom(6 * MIB) for _ in range(6)]
    identity, document = upload(c, "slow", "k", parts)
    c.complete_multipart_upload(Bucket="slow", Key="k", UploadId=identity, MultipartUpload=document)
    with socket.create_connection(("127.0.0.1", sim.port), timeout=60) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(b"GET /slow/k HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        c.delete_object(Bucket="slow", Key="k")
        # When this has gone, so would have the others, were they not read.
        others = set(files(sim))
        c.put_object(Bucket="slow", Key="mark", Body=b"x" * MIB)
        mark = (set(files(sim)) - others).pop()
        c.delete_object(Bucket="slow", Key="mark")
        wait_until(lambda: not mark.exists(), 40, "the end of a later file")
        assert answer.read() == b"".join(parts)
    wait_until(lambda: not files(sim), 40, "the end of the files")


@suite.test
def code_in_parts(sim):
    """A function's archive that was uploaded in parts."""
    c, functions = sim.client("s3"), sim.client("lambda")
    c.create_bucket(Bucket="code")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("main.py", "import os\ndef handler(event, context):\n    return os.path.getsize('data')\n")
        z.writestr("data", os.urandom(6 * MIB))
    data = archive.getvalue()
    identity, document = upload(c, "code", "f.zip", [data[:5 * MIB], data[5 * MIB:]])
    c.complete_multipart_upload(Bucket="code", Key="f.zip", UploadId=identity, MultipartUpload=document)
    role = sim.client("iam").create_role(RoleName="code", AssumeRolePolicyDocument=(
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
        '"Principal": {"Service": "lambda.amazonaws.com"}}]}'))["Role"]["Arn"]
    made = functions.create_function(FunctionName="parts", Runtime="python3.11", Role=role, Handler="main.handler",
                                     Code={"S3Bucket": "code", "S3Key": "f.zip"})
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(data).digest()).decode() and made["CodeSize"] == len(data)
    functions.delete_function(FunctionName="parts")


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
