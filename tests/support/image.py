"""Makes container images out of nothing and pushes them over the registry's HTTP API. For Python suites."""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(entries):
    """A gzipped tar. entries: (name, content) with bytes for a file, "-> target" for a link, None for a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content.removeprefix("-> ")
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def busybox():
    """The program, or None when this machine has no statically linked one."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            with open(path, "rb") as file:
                return file.read()
    return None


def busybox_layer():
    names = ("sh", "echo", "cat", "id", "pwd", "env", "ls", "sleep", "touch", "hostname", "mount", "dd", "ps", "head", "test", "grep")
    entries = [("bin", None), ("etc", None), ("tmp", None), ("bin/busybox", busybox())]
    entries += [(f"bin/{name}", "-> busybox") for name in names]
    entries += [("etc/passwd", b"root:x:0:0::/:/bin/sh\napp:x:1234:2345::/home:/bin/sh\n"), ("etc/group", b"root:x:0:\napp:x:2345:\n")]
    return layer(entries)


class Registry:
    """The /v2/ API of a running awssim."""

    def __init__(self, sim, region="us-east-1"):
        token = sim.client("ecr", region=region).get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self.sim = sim
        self.headers = {"Authorization": "Basic " + token}
        assert base64.b64decode(token).startswith(b"AWS:")

    def push_blob(self, repository, content):
        name = digest(content)
        status, headers, _ = self.sim.http("POST", f"/v2/{repository}/blobs/uploads/", b"", self.headers)
        assert status == 202, status
        place = headers["location"].split("://", 1)[-1]
        place = place[place.index("/"):]
        place += ("&" if "?" in place else "?") + "digest=" + name
        status, _, body = self.sim.http("PUT", place, content, {**self.headers, "Content-Type": "application/octet-stream"})
        assert status == 201, (status, body)
        return {"digest": name, "size": len(content)}

    def push_manifest(self, repository, reference, document):
        kind = document["mediaType"]
        status, headers, body = self.sim.http("PUT", f"/v2/{repository}/manifests/{reference}", json.dumps(document),
                                              {**self.headers, "Content-Type": kind})
        assert status == 201, (status, body)
        return headers["docker-content-digest"]

    def push(self, repository, tag, layers, architecture=None, **config):
        """An image of these layers; config as in the image specification (Cmd, Entrypoint, Env, User, WorkingDir). Its digest."""
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
        text = json.dumps({"architecture": architecture or machine, "os": "linux", "config": config,
                           "rootfs": {"type": "layers", "diff_ids": [digest(gzip.decompress(one)) for one in layers]}}).encode()
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **self.push_blob(repository, text)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **self.push_blob(repository, one)} for one in layers]}
        return self.push_manifest(repository, tag, manifest)
