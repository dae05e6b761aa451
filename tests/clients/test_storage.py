#!/usr/bin/env python3
"""Storage clients from Debian against S3: s3cmd, rclone, restic."""

import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, secure_awssim  # noqa: E402
from clients import debian, run, trees_equal  # noqa: E402

suite = Suite()
MIB = 1024 * 1024


def make_tree(sim, name):
    """A folder of small, empty, large and oddly named files."""
    tree = pathlib.Path(sim.dir, name)
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "large.bin").write_bytes(os.urandom(20 * MIB))
    (tree / "empty").write_bytes(b"")
    (tree / "deep" / "a b+c&d=e%20.txt").write_bytes(b"odd")
    (tree / "deep" / "er" / "grüße 😀").write_bytes(b"names")
    for i in range(40):
        (tree / "deep" / f"{i}.txt").write_bytes(os.urandom(i * 100))
    return tree


@suite.test
def s3cmd(sim):
    debian("s3cmd")
    configuration = write_s3cfg(sim, f"127.0.0.1:{sim.port}")

    def s3(*arguments, **options):
        return run(sim, "s3cmd", "-c", configuration, "--no-progress", *arguments, **options)

    tree = make_tree(sim, "s3cmd-tree")
    s3("mb", "s3://s3cmd")
    assert "s3://s3cmd" in s3("ls")
    s3("sync", f"{tree}/", "s3://s3cmd/tree/")
    assert len(s3("ls", "--recursive", "s3://s3cmd").splitlines()) == 44
    (tree / "deep" / "0.txt").write_bytes(b"changed")
    (tree / "deep" / "1.txt").unlink()
    told = s3("sync", "--delete-removed", f"{tree}/", "s3://s3cmd/tree/")
    assert "1.txt" in told and "0.txt" in told and "2.txt" not in told, told
    back = pathlib.Path(sim.dir, "s3cmd-back")
    back.mkdir()
    s3("sync", "s3://s3cmd/tree/", f"{back}/")
    assert trees_equal(tree, back)
    s3("put", "--add-header=x-amz-meta-color: green", "--acl-private", tree / "large.bin", "s3://s3cmd/one")
    assert "green" in s3("info", "s3://s3cmd/one")
    s3("cp", "s3://s3cmd/one", "s3://s3cmd/two")
    s3("mv", "s3://s3cmd/two", "s3://s3cmd/three")
    s3("modify", "--add-header=Content-Type: text/odd", "s3://s3cmd/three")
    assert "text/odd" in s3("info", "s3://s3cmd/three")
    s3("get", "s3://s3cmd/three", back / "three")
    assert (back / "three").read_bytes() == (tree / "large.bin").read_bytes()
    assert "does not exist" in s3("get", "s3://s3cmd/none", back / "none", fails=True)
    assert str(20 * MIB) in s3("du", "s3://s3cmd/one")
    s3("setpolicy", policy(sim), "s3://s3cmd")
    assert "policy-of-s3cmd" in s3("info", "s3://s3cmd")
    s3("delpolicy", "s3://s3cmd")
    s3cmd_settings(sim, s3)
    url = s3("signurl", "s3://s3cmd/one", "+600").strip()
    assert len(run(sim, "curl", "-sf", "-o", back / "signed", url)) == 0
    assert (back / "signed").stat().st_size == 20 * MIB
    assert not s3("multipart", "s3://s3cmd").splitlines()[2:]
    s3("del", "--recursive", "--force", "s3://s3cmd")
    assert not s3("ls", "--recursive", "s3://s3cmd").strip()


def s3cmd_settings(sim, s3):
    """Access lists, and what else a bucket has: rules, a website, unfinished uploads."""
    client = sim.client("s3")
    assert "ACL" in s3("setacl", "--acl-public", "s3://s3cmd/one", fails=True), "new buckets have no ACLs"
    client.put_bucket_ownership_controls(Bucket="s3cmd", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    client.delete_public_access_block(Bucket="s3cmd")
    assert "set to Public" in s3("setacl", "--acl-public", "s3://s3cmd/one") and "anon" in s3("info", "s3://s3cmd/one")
    s3("setacl", "--acl-private", "s3://s3cmd/one")
    assert "anon" not in s3("info", "s3://s3cmd/one")
    s3("ws-create", "--ws-index=index.html", "--ws-error=error.html", "s3://s3cmd")
    assert "index.html" in s3("ws-info", "s3://s3cmd")
    s3("ws-delete", "s3://s3cmd")
    s3("expire", "--expiry-days=3", "--expiry-prefix=old/", "s3://s3cmd")
    assert "<Days>3</Days>" in s3("getlifecycle", "s3://s3cmd")
    s3("dellifecycle", "s3://s3cmd")
    rules = pathlib.Path(sim.dir, "cors.xml")
    rules.write_text("<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://page</AllowedOrigin>"
                     "</CORSRule></CORSConfiguration>")
    s3("setcors", rules, "s3://s3cmd")
    assert "http://page" in s3("info", "s3://s3cmd")
    s3("delcors", "s3://s3cmd")
    upload = client.create_multipart_upload(Bucket="s3cmd", Key="unfinished")["UploadId"]
    client.upload_part(Bucket="s3cmd", Key="unfinished", UploadId=upload, PartNumber=1, Body=b"part")
    assert upload in s3("multipart", "s3://s3cmd") and "\t4\n" in s3("listmp", "s3://s3cmd/unfinished", upload)
    s3("abortmp", "s3://s3cmd/unfinished", upload)


def write_s3cfg(sim, host, **settings):
    path = pathlib.Path(sim.dir, "s3cfg")
    common = {"access_key": "test", "secret_key": "test", "host_base": host, "host_bucket": host, "use_https": False,
              "bucket_location": "us-east-1", "multipart_chunk_size_mb": 5}
    path.write_text("\n".join(["[default]", *(f"{k} = {v}" for k, v in {**common, **settings}.items()), ""]))
    return path


def policy(sim):
    path = pathlib.Path(sim.dir, "policy.json")
    path.write_text('{"Version": "2012-10-17", "Statement": [{"Sid": "policy-of-s3cmd", "Effect": "Allow", "Principal": '
                    '{"AWS": "arn:aws:iam::123456789012:root"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::s3cmd/*"}]}')
    return path


def rclone_remote(endpoint):
    return {f"RCLONE_CONFIG_SIM_{k}": v for k, v in {
        "TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "REGION": "us-east-1",
        "ENDPOINT": endpoint, "FORCE_PATH_STYLE": "true", "CHUNK_SIZE": "5Mi", "UPLOAD_CUTOFF": "5Mi"}.items()}


@suite.test
def rclone(sim):
    debian("rclone")
    remote = rclone_remote(sim.endpoint)

    def rc(*arguments, **options):
        return run(sim, "rclone", "--config", "/dev/null", "--retries", "1", *arguments, **remote, **options)

    tree = make_tree(sim, "rclone-tree")
    rc("mkdir", "sim:rclone")
    rc("sync", tree, "sim:rclone/tree")
    rc("check", "--download", tree, "sim:rclone/tree")
    rc("check", tree, "sim:rclone/tree")
    (tree / "deep" / "0.txt").write_bytes(b"changed")
    (tree / "deep" / "1.txt").unlink()
    rc("sync", tree, "sim:rclone/tree")
    assert sorted(rc("lsf", "-R", "--files-only", "sim:rclone/tree").splitlines()) == sorted(
        str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file())
    rc("copyto", "sim:rclone/tree/large.bin", "sim:rclone/copy.bin")
    rc("moveto", "sim:rclone/copy.bin", "sim:rclone/moved.bin")
    assert rc("size", "--json", "sim:rclone/moved.bin").startswith(f'{{"count":1,"bytes":{20 * MIB}')
    assert rc("cat", "--offset", "0", "--count", "3", "sim:rclone/tree/deep/a b+c&d=e%20.txt") == "odd"
    rc("rcat", "sim:rclone/streamed", stdin="streamed" * MIB)
    assert rc("size", "--json", "sim:rclone/streamed").startswith(f'{{"count":1,"bytes":{8 * MIB}')
    back = pathlib.Path(sim.dir, "rclone-back")
    rc("copy", "--multi-thread-streams", "4", "--multi-thread-cutoff", "5Mi", "sim:rclone/tree", back)
    assert trees_equal(tree, back)
    url = rc("link", "sim:rclone/moved.bin").strip()
    run(sim, "curl", "-sf", "-o", back / "signed", url)
    assert (back / "signed").read_bytes() == (tree / "large.bin").read_bytes()
    rc("backend", "versioning", "sim:rclone", "Enabled")
    rc("backend", "list-multipart-uploads", "sim:rclone")
    rc("delete", "sim:rclone/tree")
    assert rc("lsf", "--s3-versions", "sim:rclone/tree/deep").count("-v20") == 40
    rc("backend", "cleanup-hidden", "sim:rclone")
    rc("purge", "sim:rclone")
    assert "directory not found" in rc("lsf", "sim:rclone", fails=True)


@suite.test
def restic(sim):
    debian("restic")
    repository = {"RESTIC_REPOSITORY": f"s3:{sim.endpoint}/restic/backups", "RESTIC_PASSWORD": "secret"}

    def rs(*arguments, **options):
        return run(sim, "restic", "--no-cache", *arguments, **repository, **options)

    tree = make_tree(sim, "restic-tree")
    rs("init")
    rs("backup", str(tree))
    first = set(os.listdir(tree))
    (tree / "second.bin").write_bytes(os.urandom(6 * MIB))
    shutil.rmtree(tree / "deep" / "er")
    rs("backup", str(tree))
    rs("check", "--read-data")
    back = pathlib.Path(sim.dir, "restic-back")
    rs("restore", "latest", "--target", str(back))
    assert trees_equal(tree, back / tree.relative_to("/")) and set(os.listdir(tree)) == first | {"second.bin"}
    assert "second.bin" in rs("diff", *rs_snapshots(rs))
    before = stored(sim)
    rs("forget", "--keep-last", "1")
    (tree / "large.bin").unlink()
    rs("backup", str(tree))
    rs("forget", "--keep-last", "1", "--prune", "--max-unused", "0")
    assert stored(sim) < before - 15 * MIB
    rs("check")
    assert "already" in rs("init", fails=True)
    rs("unlock")


def rs_snapshots(rs):
    return [s["id"] for s in json.loads(rs("snapshots", "--json"))]


def stored(sim):
    pages = sim.client("s3").get_paginator("list_objects_v2").paginate(Bucket="restic")
    return sum(o["Size"] for page in pages for o in page.get("Contents", []))


@suite.test
def secure(_):
    """What one of them stores by https the others find."""
    debian("s3cmd", "rclone", "restic")
    with secure_awssim() as (sim, certificate):
        host, tree, back = f"localhost:{sim.port}", make_tree(sim, "secure-tree"), pathlib.Path(sim.dir, "secure-back")
        configuration = write_s3cfg(sim, host, use_https=True, ca_certs_file=certificate)
        run(sim, "s3cmd", "-c", configuration, "mb", "s3://secure")
        run(sim, "s3cmd", "-c", configuration, "sync", f"{tree}/", "s3://secure/tree/")
        rclone_options = ["--config", "/dev/null", "--retries", "1", "--ca-cert", certificate]
        remote = rclone_remote(f"https://{host}")
        run(sim, "rclone", *rclone_options, "check", "--download", tree, "sim:secure/tree", **remote)
        run(sim, "rclone", *rclone_options, "copy", "sim:secure/tree", back, **remote)
        assert trees_equal(tree, back)
        repository = {"RESTIC_REPOSITORY": f"s3:https://{host}/secure/backups", "RESTIC_PASSWORD": "secret"}
        for command in (["init"], ["backup", str(tree)], ["check", "--read-data"]):
            run(sim, "restic", "--no-cache", "--cacert", certificate, *command, **repository)
        assert "certificate" in run(sim, "curl", "-sS", f"https://{host}/", fails=True)


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
