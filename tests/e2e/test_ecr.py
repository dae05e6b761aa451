#!/usr/bin/env python3
"""The registry: the API through boto3 and the AWS CLI, the distribution protocol as clients speak it, and images pushed
and pulled by skopeo, buildah and podman where these are installed."""

import base64
import gzip
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Suite, wait_until  # noqa: E402

suite = Suite()
OCI = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def password(sim):
    data = sim.client("ecr").get_authorization_token()["authorizationData"][0]
    return base64.b64decode(data["authorizationToken"]).decode().split(":", 1)[1]


def registry(sim, method, path, body=None, headers=None, status=None):
    """One request below /v2/ as AWS:<token>; answers headers and body."""
    basic = base64.b64encode(f"AWS:{password(sim)}".encode()).decode()
    got, found, answer = sim.http(method, path, body, {"Authorization": f"Basic {basic}", **(headers or {})})
    assert status is None or got == status, f"{method} {path}: {got} {answer[:300]}"
    return found, answer


def make_repository(sim, name, **options):
    return sim.client("ecr").create_repository(repositoryName=name, **options)["repository"]


def push_blob(sim, name, data):
    registry(sim, "POST", f"/v2/{name}/blobs/uploads/?digest={digest_of(data)}", data, status=201)
    return {"digest": digest_of(data), "size": len(data)}


def push_image(sim, name, tag, layer):
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": OCI,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **push_blob(sim, name, b"{}")},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **push_blob(sim, name, layer)}]}).encode()
    registry(sim, "PUT", f"/v2/{name}/manifests/{tag}", manifest, {"Content-Type": OCI}, 201)
    return digest_of(manifest)


def refused(code, function, **arguments):
    try:
        function(**arguments)
    except Exception as failure:
        assert failure.response["Error"]["Code"] == code, failure
        return str(failure)
    raise AssertionError(f"{code} did not come")


@suite.test
def repositories(sim):
    ecr = sim.client("ecr")
    made = make_repository(sim, "one/two/three", tags=[{"Key": "k", "Value": "v"}])
    assert made["repositoryUri"] == f"127.0.0.1:{sim.port}/one/two/three", made
    refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="one/two/three")
    names = {r["repositoryName"] for page in ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1})
             for r in page["repositories"]}
    assert "one/two/three" in names
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "k", "Value": "v"}]
    assert not sim.client("ecr", account="210987654321").describe_repositories()["repositories"]
    assert not sim.client("ecr", region="eu-west-1").describe_repositories()["repositories"]
    ecr.delete_repository(repositoryName="one/two/three")
    refused("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["one/two/three"])


@suite.test
def api_and_registry_show_the_same(sim):
    ecr = sim.client("ecr")
    make_repository(sim, "same", imageTagMutability="IMMUTABLE")
    digest = push_image(sim, "same", "v1", b"layer")
    details = ecr.describe_images(repositoryName="same")["imageDetails"]
    assert details[0]["imageDigest"] == digest and details[0]["imageTags"] == ["v1"], details
    image = ecr.batch_get_image(repositoryName="same", imageIds=[{"imageTag": "v1"}])["images"][0]
    ecr.put_image(repositoryName="same", imageManifest=image["imageManifest"], imageTag="v2")
    _, tags = registry(sim, "GET", "/v2/same/tags/list", status=200)
    assert json.loads(tags) == {"name": "same", "tags": ["v1", "v2"]}
    other = image["imageManifest"].replace("schemaVersion", "schemaVersion", 1) + " "
    refused("ImageTagAlreadyExistsException", ecr.put_image, repositoryName="same", imageManifest=other, imageTag="v1")
    url = ecr.get_download_url_for_layer(repositoryName="same", layerDigest=digest_of(b"layer"))["downloadUrl"]
    assert urllib.request.urlopen(url, timeout=20).read() == b"layer"
    ecr.batch_delete_image(repositoryName="same", imageIds=[{"imageDigest": digest}])
    registry(sim, "GET", "/v2/same/manifests/v2", status=404)


@suite.test
def credentials(sim):
    status, headers, _ = sim.http("GET", "/v2/")
    assert status == 401 and headers["www-authenticate"].startswith("Basic realm="), headers
    status, _, _ = sim.http("GET", "/v2/", headers={"Authorization": f"Bearer {password(sim)}"})
    assert status == 401
    headers, _ = registry(sim, "GET", "/v2/", status=200)
    assert headers["docker-distribution-api-version"] == "registry/2.0"


@suite.test
def host_of_aws(sim):
    """The host name says which registry is meant; without a way to it the uri can still be AWS's own."""
    host = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
    there = sim.client("ecr", account="210987654321", region="eu-west-1")
    there.create_repository(repositoryName="there")
    registry(sim, "GET", "/v2/there/tags/list", status=404)
    registry(sim, "GET", "/v2/there/tags/list", headers={"Host": host}, status=200)
    with Awssim("--ecr-uri", "aws") as other:
        uri = make_repository(other, "named")["repositoryUri"]
        assert uri == "123456789012.dkr.ecr.us-east-1.amazonaws.com/named", uri


@suite.test
def large_blobs_in_chunks(sim):
    """An upload survives the worker's restart in its middle."""
    make_repository(sim, "large")
    data = os.urandom(1 << 20) * 24
    headers, _ = registry(sim, "POST", "/v2/large/blobs/uploads/", status=202)
    location, half = headers["location"], len(data) // 2
    headers, _ = registry(sim, "PATCH", location, data[:half], {"Content-Range": f"0-{half - 1}"}, 202)
    assert headers["range"] == f"0-{half - 1}"
    os.kill(sim.pids()["ecr"], 9)
    headers, _ = registry(sim, "GET", location, status=204)
    assert headers["range"] == f"0-{half - 1}", headers
    headers, _ = registry(sim, "PATCH", location, data[:9], {"Content-Range": "3-11"}, 416)
    registry(sim, "PATCH", location, data[half:], {"Content-Range": f"{half}-{len(data) - 1}"}, 202)
    registry(sim, "PUT", f"{location}?digest={digest_of(data)}", status=201)
    blob = f"/v2/large/blobs/{digest_of(data)}"
    assert registry(sim, "GET", blob, status=200)[1] == data
    assert registry(sim, "GET", blob, headers={"Range": "bytes=5-9"}, status=206)[1] == data[5:10]
    headers, body = registry(sim, "HEAD", blob, status=200)
    assert int(headers["content-length"]) == len(data) and not body
    data = os.urandom(3 << 20)
    headers, _ = registry(sim, "POST", "/v2/large/blobs/uploads/", status=202)
    registry(sim, "PUT", f"{headers['location']}?digest={digest_of(data[1:])}", data, status=400)
    registry(sim, "POST", f"/v2/large/blobs/uploads/?digest={digest_of(data)}", data, status=201)
    assert registry(sim, "GET", f"/v2/large/blobs/{digest_of(data)}", status=200)[1] == data
    assert wait_until(lambda: not os.listdir(os.path.join(sim.state_dir, "ecr", "uploads")), what="uploads are removed")


@suite.test
def layers_by_the_api(sim):
    ecr = sim.client("ecr")
    make_repository(sim, "layers")
    data = os.urandom(6 << 20)
    upload = ecr.initiate_layer_upload(repositoryName="layers")["uploadId"]
    common = {"repositoryName": "layers", "uploadId": upload}
    ecr.upload_layer_part(**common, partFirstByte=0, partLastByte=(5 << 20) - 1, layerPartBlob=data[:5 << 20])
    refused("InvalidLayerPartException", ecr.upload_layer_part, **common, partFirstByte=9, partLastByte=9, layerPartBlob=b"x")
    ecr.upload_layer_part(**common, partFirstByte=5 << 20, partLastByte=len(data) - 1, layerPartBlob=data[5 << 20:])
    refused("InvalidLayerException", ecr.complete_layer_upload, **common, layerDigests=[digest_of(b"")])
    ecr.complete_layer_upload(**common, layerDigests=[digest_of(data)])
    assert registry(sim, "GET", f"/v2/layers/blobs/{digest_of(data)}", status=200)[1] == data


@suite.test
def long_parts_delay_nobody(sim):
    """A part of 20 MiB, the longest there is, is taken out of its request beside the loop: no step of the loop is long."""
    ecr = sim.client("ecr")
    make_repository(sim, "long-parts")
    data = os.urandom(20 << 20)
    upload = ecr.initiate_layer_upload(repositoryName="long-parts")["uploadId"]
    common = {"repositoryName": "long-parts", "uploadId": upload}
    done, served = threading.Event(), []

    def describe():
        other = sim.client("ecr")
        while not done.is_set():
            served.append(other.describe_repositories(repositoryNames=["long-parts"])["repositories"][0])

    others = threading.Thread(target=describe)
    others.start()
    try:
        ecr.upload_layer_part(**common, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data)
        refused("InvalidParameterException", ecr.upload_layer_part, **common, partFirstByte=len(data),
                partLastByte=2 * len(data), layerPartBlob=data + b"x")
        ecr.complete_layer_upload(**common, layerDigests=[digest_of(data)])
    finally:
        done.set()
        others.join()
    assert served
    assert registry(sim, "GET", f"/v2/long-parts/blobs/{digest_of(data)}", status=200)[1] == data
    assert not [name for name in os.listdir(os.path.join(sim.state_dir, "ecr", "uploads")) if name.startswith("taken-")]
    found = [line for line in sim.loop_faults("ecr") if "LayerPart" in line or "DescribeRepositories" in line]
    assert not found, found


@suite.test
def lifecycle_policies_expire(sim):
    ecr = sim.client("ecr")
    make_repository(sim, "expiring")
    for n in range(3):
        push_image(sim, "expiring", f"v{n}", f"layer {n}".encode())
    rule = {"rulePriority": 1, "description": "keep one", "selection": {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}
    ecr.put_lifecycle_policy(repositoryName="expiring", lifecyclePolicyText=json.dumps({"rules": [rule]}))
    ecr.start_lifecycle_policy_preview(repositoryName="expiring")
    preview = ecr.get_lifecycle_policy_preview(repositoryName="expiring")
    assert preview["status"] == "COMPLETE" and len(preview["previewResults"]) == 2, preview
    left = wait_until(lambda: (lambda ids: ids if len(ids) == 1 else None)(
        ecr.list_images(repositoryName="expiring")["imageIds"]), what="images expire")
    assert left[0]["imageTag"] == "v2", left


class Upstream(http.server.BaseHTTPRequestHandler):
    """A registry that wants a token first, with one image."""
    blobs, manifests = {}, {}

    def do_GET(self):
        if self.path.startswith("/token"):
            assert "scope=repository%3Alibrary%2Fhello%3Apull" in self.path, self.path
            self.answer(200, b'{"token": "sesame"}', "application/json")
        elif self.headers.get("Authorization") != "Bearer sesame":
            self.answer(401, b"", "application/json", {"WWW-Authenticate": (
                f'Bearer realm="http://127.0.0.1:{self.server.server_port}/token",service="registry"')})
        else:
            kind, reference = self.path.split("/")[-2:]
            found = (self.blobs if kind == "blobs" else self.manifests).get(reference)
            self.answer(200 if found else 404, found or b"", OCI)

    def answer(self, status, body, content_type, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@suite.test
def pull_through_cache(sim):
    ecr = sim.client("ecr")
    layer, config = os.urandom(1 << 20), b"{}"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": 2}, "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(layer), "size": len(layer)}]}).encode()
    Upstream.blobs = {digest_of(layer): layer, digest_of(config): config}
    Upstream.manifests = {"1": manifest}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="hub", upstreamRegistryUrl=f"127.0.0.1:{server.server_port}")
    assert ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="hub")["isValid"]
    headers, body = registry(sim, "GET", "/v2/hub/library/hello/manifests/1", status=200)
    assert body == manifest and headers["docker-content-digest"] == digest_of(manifest)
    assert registry(sim, "GET", f"/v2/hub/library/hello/blobs/{digest_of(layer)}", status=200)[1] == layer
    registry(sim, "GET", "/v2/hub/library/hello/manifests/2", status=404)
    server.shutdown()
    server.server_close()
    registry(sim, "GET", "/v2/hub/library/hello/manifests/1", status=200)
    assert ecr.describe_images(repositoryName="hub/library/hello")["imageDetails"][0]["imageTags"] == ["1"]
    text = refused("UnableToGetUpstreamImageException", ecr.batch_get_image, repositoryName="hub/library/other",
                   imageIds=[{"imageTag": "1"}])
    assert "Unable to get the image from the upstream registry" in text
    assert not ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="hub")["isValid"]
    ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="hub")


def manifest_bytes(config, layers, media_type=OCI):
    return json.dumps({
        "schemaVersion": 2, "mediaType": media_type,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer} for layer in layers]}).encode()


def told(sim, code, status, method, path, body=None, headers=None):
    """The request is refused with that code of the distribution protocol."""
    _, answer = registry(sim, method, path, body, headers, status)
    assert json.loads(answer)["errors"][0]["code"] == code, answer


@suite.test
def lying_manifests(sim):
    """Sizes, digests and types that are not true; none leaves an image behind."""
    make_repository(sim, "lies")
    config, layer = push_blob(sim, "lies", b"{}"), push_blob(sim, "lies", b"layer")
    index_type = "application/vnd.oci.image.index.v1+json"
    cases = [("MANIFEST_BLOB_UNKNOWN", 404, manifest_bytes(config, [{**layer, "size": 999}])),
             ("MANIFEST_BLOB_UNKNOWN", 404, manifest_bytes({**config, "size": 1}, [layer])),
             ("MANIFEST_BLOB_UNKNOWN", 404, manifest_bytes(config, [{"digest": digest_of(b"other"), "size": 5}])),
             ("MANIFEST_INVALID", 400, manifest_bytes(config, [layer], index_type)),
             ("MANIFEST_INVALID", 400, manifest_bytes(config, [layer] * 10_000)),
             ("SIZE_INVALID", 400, manifest_bytes(config, [layer]) + b" " * (5 << 20)),
             ("MANIFEST_INVALID", 400, b'{"schemaVersion": 2, "a": ' + b'{"a":' * 10_000)]
    cases += [("MANIFEST_INVALID", 400, manifest_bytes(config, [{**layer, **lie}])) for lie in (
        {"size": -5}, {"size": "5"}, {"size": None}, {"size": 1 << 70}, {"digest": "sha256:../../../etc/passwd"},
        {"digest": "sha256:xyz"}, {"digest": None}, {"mediaType": 5})]
    cases += [("MANIFEST_INVALID", 400, text) for text in (b"", b"{", b"[]", b"null", b'{"schemaVersion": 1}', b"\xff")]
    for code, status, text in cases:
        told(sim, code, status, "PUT", "/v2/lies/manifests/v", text, {"Content-Type": OCI})
    true = manifest_bytes(config, [layer])
    told(sim, "DIGEST_INVALID", 400, "PUT", f"/v2/lies/manifests/{digest_of(b'other')}", true, {"Content-Type": OCI})
    told(sim, "MANIFEST_INVALID", 400, "PUT", "/v2/lies/manifests/v", true, {"Content-Type": index_type})
    told(sim, "NAME_UNKNOWN", 404, "PUT", "/v2/lies/manifests/a%2f..%2fb", true, {"Content-Type": OCI})
    for tag in ("-bad", "a" * 129, ".."):
        told(sim, "MANIFEST_INVALID", 400, "PUT", f"/v2/lies/manifests/{tag}", true, {"Content-Type": OCI})
    assert not sim.client("ecr").describe_images(repositoryName="lies")["imageDetails"]
    registry(sim, "PUT", "/v2/lies/manifests/v", true, {"Content-Type": OCI}, 201)
    long = manifest_bytes(config, [layer] * 1000)  # is read beside the loop
    told(sim, "DIGEST_INVALID", 400, "PUT", f"/v2/lies/manifests/{digest_of(true)}", long, {"Content-Type": OCI})
    registry(sim, "PUT", "/v2/lies/manifests/long", long, {"Content-Type": OCI}, 201)
    assert registry(sim, "GET", f"/v2/lies/manifests/{digest_of(long)}", status=200)[1] == long
    found = [line for line in sim.loop_faults("ecr") if "/manifests/" in line]
    assert not found, found
    for size in (len(true) + 1, len(true)):
        text = json.dumps({"schemaVersion": 2, "mediaType": index_type, "manifests": [
            {"mediaType": OCI, "digest": digest_of(true), "size": size}]}).encode()
        if size != len(true):
            told(sim, "MANIFEST_BLOB_UNKNOWN", 404, "PUT", "/v2/lies/manifests/i", text, {"Content-Type": index_type})
        else:
            registry(sim, "PUT", "/v2/lies/manifests/i", text, {"Content-Type": index_type}, 201)


@suite.test
def lying_uploads(sim):
    make_repository(sim, "uploads")
    start = "/v2/uploads/blobs/uploads/"
    told(sim, "DIGEST_INVALID", 400, "POST", f"{start}?digest={digest_of(b'other')}", b"x")
    told(sim, "DIGEST_INVALID", 400, "POST", f"{start}?digest=nonsense", b"x")
    location = registry(sim, "POST", start, status=202)[0]["location"]
    for code, status, lie in (("SIZE_INVALID", 400, "0-9"), ("RANGE_INVALID", 416, "5-7"), ("BLOB_UPLOAD_INVALID", 400, "2-0"),
                              ("BLOB_UPLOAD_INVALID", 400, "x"), ("BLOB_UPLOAD_INVALID", 400, "-1-1")):
        told(sim, code, status, "PATCH", location, b"abc", {"Content-Range": lie})
    told(sim, "DIGEST_INVALID", 400, "PUT", location, b"abc")
    told(sim, "BLOB_UPLOAD_UNKNOWN", 404, "PATCH", f"{start}none", b"abc")
    told(sim, "NAME_INVALID", 400, "GET", f"/v2/../../etc/blobs/{digest_of(b'')}")
    told(sim, "BLOB_UNKNOWN", 404, "GET", f"/v2/uploads/blobs/{digest_of(b'other')}")
    registry(sim, "PATCH", location, b"abc", {"Content-Range": "0-2"}, 202)
    registry(sim, "PUT", f"{location}?digest={digest_of(b'abc')}", status=201)
    assert registry(sim, "GET", f"/v2/uploads/blobs/{digest_of(b'abc')}", status=200)[1] == b"abc"


@suite.test
def nothing_is_lost(sim):
    make_repository(sim, "kept")
    digest = push_image(sim, "kept", "v1", b"kept layer")
    sim.kill()
    sim.start()
    assert registry(sim, "HEAD", "/v2/kept/manifests/v1", status=200)[0]["docker-content-digest"] == digest
    assert registry(sim, "GET", f"/v2/kept/blobs/{digest_of(b'kept layer')}", status=200)[1] == b"kept layer"


@suite.test
def reset_empties_it(sim):
    with Awssim() as other:
        make_repository(other, "gone")
        push_blob(other, "gone", b"gone")
        other.ctl("reset", "ecr")
        assert not other.client("ecr").describe_repositories()["repositories"]
        assert not [f for _, _, files in os.walk(os.path.join(other.state_dir, "ecr")) for f in files]
        make_repository(other, "gone")
        push_blob(other, "gone", b"gone")


def missing(*programs):
    absent = [p for p in programs if not shutil.which(p)]
    if absent:
        print(f"skipped: {', '.join(absent)} not installed", flush=True)
    return absent


def run(sim, *command, fails=False):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=sim.dir,
                          env={"PATH": os.environ["PATH"], "HOME": sim.dir, **sim.env()})
    assert (done.returncode != 0) == fails, f"{command}: {done.stdout}{done.stderr}"
    return done.stderr if fails else done.stdout


def write_policy(sim):
    policy = pathlib.Path(sim.dir) / ".config" / "containers" / "policy.json"
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')


@suite.test
def aws_cli_login(sim):
    if missing("aws"):
        return
    token = run(sim, "aws", "--endpoint-url", sim.endpoint, "ecr", "get-login-password").strip()
    basic = base64.b64encode(f"AWS:{token}".encode()).decode()
    assert sim.http("GET", "/v2/", headers={"Authorization": f"Basic {basic}"})[0] == 200


@suite.test
def skopeo_copies(sim):
    if missing("skopeo"):
        return
    write_policy(sim)
    make_repository(sim, "team/skopeo")
    layout = pathlib.Path(sim.dir) / "layout"
    source = layout / "source"
    source.mkdir(parents=True)
    content = os.urandom(1 << 20)
    layer = gzip.compress(content)
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": [digest_of(content)]}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest_of(layer),
                    "size": len(layer)}]})
    for data in (layer, config):
        (source / hashlib.sha256(data).hexdigest()).write_bytes(data)
    (source / "manifest.json").write_text(manifest)
    (source / "version").write_text("Directory Transport Version: 1.1\n")
    login = f"AWS:{password(sim)}"
    image = f"docker://127.0.0.1:{sim.port}/team/skopeo:v1"
    run(sim, "skopeo", "copy", "--dest-tls-verify=false", f"--dest-creds={login}", f"dir:{source}", image)
    run(sim, "skopeo", "copy", "--src-tls-verify=false", f"--src-creds={login}", image, f"dir:{layout / 'back'}")
    found = [p.read_bytes() for p in (layout / "back").iterdir()]
    assert layer in found
    told = run(sim, "skopeo", "copy", "--dest-tls-verify=false", f"--dest-creds={login}", f"dir:{source}",
               f"docker://127.0.0.1:{sim.port}/nowhere:v1", fails=True)
    assert "The repository with name 'nowhere' does not exist" in told, told
    run(sim, "skopeo", "delete", "--tls-verify=false", f"--creds={login}", image)


@suite.test
def podman_pushes_and_pulls(sim):
    if missing("podman", "buildah"):
        return
    write_policy(sim)
    make_repository(sim, "team/podman")
    image = f"127.0.0.1:{sim.port}/team/podman:v1"
    with tempfile.TemporaryDirectory() as storage:
        where = ["--storage-driver", "vfs", "--root", f"{storage}/root", "--runroot", f"{storage}/run"]
        container = run(sim, "buildah", *where, "from", "scratch").strip()
        payload = pathlib.Path(sim.dir) / "payload"
        payload.write_bytes(os.urandom(1 << 20))
        run(sim, "buildah", *where, "add", container, str(payload), "/payload")
        run(sim, "buildah", *where, "commit", container, image)
        run(sim, "podman", *where, "login", "--tls-verify=false", "-u", "AWS", "-p", password(sim), f"127.0.0.1:{sim.port}")
        run(sim, "podman", *where, "push", "--tls-verify=false", image)
        run(sim, "buildah", *where, "rm", "--all")
        run(sim, "podman", *where, "rmi", "-f", image)
        run(sim, "podman", *where, "pull", "--tls-verify=false", image)
    assert sim.client("ecr").describe_images(repositoryName="team/podman")["imageDetails"][0]["imageTags"] == ["v1"]


@suite.test
def the_example(sim):
    if missing("aws", "buildah", "podman", "skopeo") or not os.path.exists("/bin/busybox"):
        return
    told = run(sim, str(ROOT / "examples" / "images" / "build_and_push.sh"), "demo/hello")
    image = json.loads(told[told.index("["):])[0]
    assert sorted(image[1]) == ["podman", "skopeo"], told


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
