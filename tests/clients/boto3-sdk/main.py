"""boto3 against awssim, as another Python has it: the first argument names a part, the second an authority's certificate or
nothing. The endpoint and the credentials come from the environment; ends with a traceback at the first thing that is not as it
should be."""

import hashlib
import io
import os
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

try:
    import awscrt  # noqa: F401
    HAS_CRT = True
except ImportError:
    HAS_CRT = False

MIB = 1024 * 1024
COMPUTED = ("CRC32", "SHA1", "SHA256")  # by botocore itself
COMPUTED_BY_CRT = ("CRC32C", "CRC64NVME", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128")
FULL = ("CRC32", "CRC32C", "CRC64NVME")
SETTINGS = ("when_supported", "when_required")


def client(service, **config):
    verify = sys.argv[2] if len(sys.argv) > 2 else None
    # Old versions know nothing of AWS_ENDPOINT_URL.
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-east-1", verify=verify,
                        config=Config(retries={"max_attempts": 0}, **config))


def refused(code, call, **fields):
    try:
        call(**fields)
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == code, failure.response
        return
    raise AssertionError(f"{code} did not come")


def knows_settings():
    return "request_checksum_calculation" in Config.OPTION_DEFAULTS


def algorithms(s3):
    known = s3.meta.service_model.shape_for("ChecksumAlgorithm").enum
    return [a for a in COMPUTED + (COMPUTED_BY_CRT if HAS_CRT else ()) if a in known]


def settings():
    """Clients with each setting of checksums, or the one client of versions without them."""
    if not knows_settings():
        return [("none", client("s3"))]
    return [(f"{ask}-{judge}", client("s3", request_checksum_calculation=ask, response_checksum_validation=judge))
            for ask in SETTINGS for judge in SETTINGS]


def objects():
    """Each size and setting, with and without each checksum; bodies that can and cannot be read twice."""
    for name, s3 in settings():
        bucket = f"boto3-{name}".replace("_", "-")
        s3.create_bucket(Bucket=bucket)
        for algorithm in (None, *algorithms(s3)):
            extra = {"ChecksumAlgorithm": algorithm} if algorithm else {}
            for size in (0, 1, 70_000, 3 * MIB):
                content = os.urandom(size)
                for body in (content, io.BytesIO(content)):
                    s3.put_object(Bucket=bucket, Key="k/ü +%", Body=body, **extra)
                    got = s3.get_object(Bucket=bucket, Key="k/ü +%", ChecksumMode="ENABLED")
                    assert got["Body"].read() == content, (name, algorithm, size)
                    assert not algorithm or got[f"Checksum{algorithm}"], (name, algorithm, size)
        refused("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32="AAAAAA==")


def transfers():
    """Managed uploads and downloads of a few parts with each setting and checksum."""
    content, small = os.urandom(17 * MIB + 3), os.urandom(100)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    for name, s3 in settings():
        bucket = f"boto3-transfers-{name}".replace("_", "-")
        s3.create_bucket(Bucket=bucket)
        for algorithm in (None, *algorithms(s3)):
            extra = {"ChecksumAlgorithm": algorithm} if algorithm else {}
            for body in (content, small):
                s3.upload_fileobj(io.BytesIO(body), bucket, "k", ExtraArgs=extra, Config=config)
                out = io.BytesIO()
                s3.download_fileobj(bucket, "k", out, Config=config)
                assert out.getvalue() == body, (name, algorithm, len(body))
                head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
                assert head["ETag"].endswith('-4"') == (body is content), head
                assert not algorithm or head[f"Checksum{algorithm}"], head
        s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy")
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == small


def parts():
    """Uploads in parts with each algorithm and each type that it has, and the checksum of the whole object."""
    s3, pieces = client("s3"), [os.urandom(5 * MIB), os.urandom(10)]
    s3.create_bucket(Bucket="boto3-parts")
    for algorithm in algorithms(s3):
        kinds = [k for k, has in (("FULL_OBJECT", algorithm in FULL), ("COMPOSITE", algorithm != "CRC64NVME")) if has]
        for kind in kinds if knows_settings() else [None]:
            where = {"Bucket": "boto3-parts", "Key": f"{algorithm}-{kind}"}
            typed = {"ChecksumType": kind} if kind else {}
            upload = s3.create_multipart_upload(**where, ChecksumAlgorithm=algorithm, **typed)["UploadId"]
            done, named = [], f"Checksum{algorithm}"
            for number, piece in enumerate(pieces, 1):
                sent = s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
                done.append({"PartNumber": number, "ETag": sent["ETag"], named: sent[named]})
            whole = s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": done}, **typed)
            assert whole[named].endswith("-2") == (kind != "FULL_OBJECT"), whole
            got = s3.get_object(**where, ChecksumMode="ENABLED")
            assert got["Body"].read() == b"".join(pieces) and got[named] == whole[named], where
            listed = s3.list_objects_v2(Bucket="boto3-parts", Prefix=where["Key"])["Contents"][0]
            assert listed["ChecksumAlgorithm"] == [algorithm], listed


def presigned():
    s3 = client("s3", signature_version="s3v4")
    s3.create_bucket(Bucket="boto3-presigned")
    where = {"Bucket": "boto3-presigned", "Key": "k ü"}
    put = s3.generate_presigned_url("put_object", where)
    urllib.request.urlopen(urllib.request.Request(put, b"by url", method="PUT"), timeout=60).close()
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", where), timeout=60) as answer:
        assert answer.read() == b"by url"


def registry():
    """An image's blobs and manifest by the API."""
    ecr, content = client("ecr"), os.urandom(6 * MIB)
    name = {"repositoryName": "boto3/images"}
    ecr.create_repository(**name)
    upload = ecr.initiate_layer_upload(**name)["uploadId"]
    for at in range(0, len(content), 5 * MIB):
        piece = content[at:at + 5 * MIB]
        ecr.upload_layer_part(**name, uploadId=upload, partFirstByte=at, partLastByte=at + len(piece) - 1, layerPartBlob=piece)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert ecr.complete_layer_upload(**name, uploadId=upload, layerDigests=[digest])["layerDigest"] == digest
    assert ecr.batch_check_layer_availability(**name, layerDigests=[digest])["layers"][0]["layerSize"] == len(content)
    refused("ImageNotFoundException", ecr.describe_images, **name, imageIds=[{"imageTag": "none"}])
    ecr.delete_repository(**name, force=True)


if __name__ == "__main__":
    {f.__name__: f for f in (objects, transfers, parts, presigned, registry)}[sys.argv[1]]()
