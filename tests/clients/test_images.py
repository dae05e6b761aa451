#!/usr/bin/env python3
"""Image clients against ECR's registry: crane, skopeo, buildah, podman and the conformance suite of the distribution
specification. Copies of one image by skopeo and podman are in the end-to-end tests; here are their other ways."""

import base64
import json
import os
import pathlib
import re
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, secure_awssim  # noqa: E402
from clients import debian, go_install, run  # noqa: E402

suite = Suite()
CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.20.3"
CONFORMANCE = "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111"


def password(sim):
    token = sim.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2]


def repository(sim, name, **options):
    """The repository's address, as image clients name it."""
    return sim.client("ecr").create_repository(repositoryName=name, **options)["repository"]["repositoryUri"]


def layer(sim, name, size=1 << 20):
    folder = pathlib.Path(sim.dir, f"{name}-content")
    folder.mkdir()
    (folder / "payload").write_bytes(os.urandom(size))
    path = pathlib.Path(sim.dir, f"{name}.tar")
    with tarfile.open(path, "w") as archive:
        archive.add(folder, "opt")
    return path


@suite.test
def crane(sim):
    program = go_install(CRANE)

    def cr(*arguments, **options):
        return run(sim, program, *arguments, "--insecure", DOCKER_CONFIG=f"{sim.dir}/crane", **options)

    one, two = repository(sim, "crane/one"), repository(sim, "crane/two")
    cr("auth", "login", f"127.0.0.1:{sim.port}", "-u", "AWS", "-p", password(sim))
    cr("append", "-f", layer(sim, "crane"), "-t", f"{one}:v1", "--oci-empty-base")
    digest = cr("digest", f"{one}:v1").strip()
    assert json.loads(cr("manifest", f"{one}:v1"))["layers"], one
    cr("mutate", f"{one}:v1", "--entrypoint", "/opt/payload", "--env", "A=b", "-t", f"{one}:v2")
    assert json.loads(cr("config", f"{one}:v2"))["config"]["Env"] == ["A=b"]
    assert cr("ls", one).split() == ["v1", "v2"]
    assert {"crane/one", "crane/two"} <= set(cr("catalog", f"127.0.0.1:{sim.port}").split())
    cr("copy", f"{one}:v1", f"{two}:copied")
    assert cr("digest", f"{two}:copied").strip() == digest
    cr("tag", f"{two}:copied", "again")
    cr("index", "append", "-m", f"{one}:v1", "-m", f"{one}:v2", "-t", f"{one}:both")
    assert len(json.loads(cr("manifest", f"{one}:both"))["manifests"]) == 2
    cr("pull", f"{one}:v2", pathlib.Path(sim.dir, "crane-pulled.tar"))
    cr("pull", "--format", "oci", f"{one}:v2", pathlib.Path(sim.dir, "crane-layout"))
    cr("push", pathlib.Path(sim.dir, "crane-layout"), f"{two}:layout")
    cr("validate", "--remote", f"{two}:layout")
    cr("export", f"{two}:layout", pathlib.Path(sim.dir, "crane-files.tar"))
    with tarfile.open(pathlib.Path(sim.dir, "crane-files.tar")) as files:
        assert "opt/payload" in files.getnames()
    cr("delete", f"{two}@{digest}")
    assert "MANIFEST_UNKNOWN" in cr("manifest", f"{two}:copied", fails=True)
    assert "NAME_UNKNOWN" in cr("append", "-f", pathlib.Path(sim.dir, "crane.tar"), "--oci-empty-base", "-t",
                                f"127.0.0.1:{sim.port}/crane/none:v1", fails=True)


def write_policy(sim):
    policy = pathlib.Path(sim.dir, ".config", "containers", "policy.json")
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')


def manifest_of(sim, name, tag):
    images = sim.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"]
    return json.loads(images[0]["imageManifest"])


@suite.test
def buildah_and_podman(sim):
    """An image of two platforms as a manifest list, built, pushed, pulled and searched."""
    debian("buildah", "podman")
    write_policy(sim)
    image = repository(sim, "pods/both")
    where = ["--storage-driver", "vfs", "--root", f"{sim.dir}/storage", "--runroot", f"{sim.dir}/storage-run"]
    login = ["--tls-verify=false", "--creds", f"AWS:{password(sim)}"]
    context = pathlib.Path(sim.dir, "context")
    context.mkdir()
    (context / "payload").write_bytes(os.urandom(1 << 20))
    (context / "Containerfile").write_text("FROM scratch\nCOPY payload /\nLABEL made=here\nENV A=b\nCMD [\"/payload\"]\n")
    for machine in ("amd64", "arm64"):
        run(sim, "buildah", *where, "build", "--isolation=chroot", "--arch", machine, "--manifest", "both", str(context))
    run(sim, "buildah", *where, "manifest", "push", "--all", *login, "both", f"docker://{image}:v1")
    index = manifest_of(sim, "pods/both", "v1")
    assert {m["platform"]["architecture"] for m in index["manifests"]} == {"amd64", "arm64"}, index
    copied = repository(sim, "pods/copied")
    debian("skopeo")
    both_ways = ["--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", login[2], "--dest-creds", login[2]]
    run(sim, "skopeo", "copy", "--all", *both_ways, f"docker://{image}:v1", f"docker://{copied}:v1")
    assert manifest_of(sim, "pods/copied", "v1") == manifest_of(sim, "pods/both", "v1")
    run(sim, "podman", *where, "rmi", "--all", "--force")
    run(sim, "podman", *where, "pull", *login, "--arch", "arm64", f"{image}:v1")
    told = json.loads(run(sim, "podman", *where, "image", "inspect", f"{image}:v1"))[0]
    assert (told["Architecture"], told["Labels"]["made"]) == ("arm64", "here"), told
    run(sim, "podman", *where, "login", "--tls-verify=false", "-u", "AWS", "-p", password(sim), f"127.0.0.1:{sim.port}")
    listed = run(sim, "podman", *where, "search", "--tls-verify=false", "--list-tags", image)
    assert "v1" in listed, listed
    run(sim, "podman", *where, "logout", f"127.0.0.1:{sim.port}")
    run(sim, "podman", *where, "push", *login, "--format", "docker", f"{image}:v1", f"docker://{image}:docker")
    kinds = {d["imageTags"][0]: d["imageManifestMediaType"] for d in
             sim.client("ecr").describe_images(repositoryName="pods/both")["imageDetails"] if d.get("imageTags")}
    assert kinds["docker"] == "application/vnd.docker.distribution.manifest.v2+json", kinds


@suite.test
def skopeo(sim):
    """Inspection, lists of tags and synchronization between repositories."""
    debian("skopeo", "buildah")
    write_policy(sim)
    one, two = repository(sim, "skopeo/one"), repository(sim, "skopeo/two")
    run(sim, "skopeo", "login", "--tls-verify=false", "-u", "AWS", "-p", password(sim), f"127.0.0.1:{sim.port}")
    where = ["--storage-driver", "vfs", "--root", f"{sim.dir}/skopeo", "--runroot", f"{sim.dir}/skopeo-run"]
    container = run(sim, "buildah", *where, "from", "scratch").strip()
    run(sim, "buildah", *where, "add", container, layer(sim, "skopeo"), "/")
    layout = f"oci:{sim.dir}/skopeo-layout:v1"
    run(sim, "buildah", *where, "commit", container, layout)
    run(sim, "skopeo", "copy", "--dest-tls-verify=false", layout, f"docker://{one}:v1")
    told = json.loads(run(sim, "skopeo", "inspect", "--tls-verify=false", f"docker://{one}:v1"))
    assert told["RepoTags"] == ["v1"] and told["Layers"], told
    tags = json.loads(run(sim, "skopeo", "list-tags", "--tls-verify=false", f"docker://{one}"))
    assert tags["Tags"] == ["v1"], tags
    run(sim, "skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--format", "v2s2",
        f"docker://{one}:v1", f"docker://{two}:docker")
    run(sim, "skopeo", "sync", "--src-tls-verify=false", "--src", "docker", "--dest", "dir", one, f"{sim.dir}/synced")
    assert list(pathlib.Path(sim.dir, "synced").rglob("manifest.json"))
    run(sim, "skopeo", "delete", "--tls-verify=false", f"docker://{one}:v1")
    assert not sim.client("ecr").list_images(repositoryName="skopeo/one")["imageIds"]
    run(sim, "skopeo", "logout", f"127.0.0.1:{sim.port}")
    assert "unauthorized" in run(sim, "skopeo", "list-tags", "--tls-verify=false", f"docker://{one}", fails=True).lower()


@suite.test
def secure(_):
    """The same image by https with skopeo, podman and crane, from one to the next."""
    debian("skopeo", "buildah", "podman")
    program = go_install(CRANE)
    with secure_awssim() as (sim, certificate):
        write_policy(sim)
        trusted = pathlib.Path(sim.dir, "trusted")
        trusted.mkdir()
        (trusted / "ca.crt").write_bytes(pathlib.Path(certificate).read_bytes())
        image, login = repository(sim, "secure/image"), f"AWS:{password(sim)}"
        known = {"SSL_CERT_FILE": certificate, "DOCKER_CONFIG": f"{sim.dir}/crane"}
        run(sim, program, "auth", "login", f"127.0.0.1:{sim.port}", "-u", "AWS", "-p", password(sim), **known)
        run(sim, program, "append", "-f", layer(sim, "secure"), "-t", f"{image}:crane", "--oci-empty-base", **known)
        run(sim, "skopeo", "copy", "--src-cert-dir", trusted, "--dest-cert-dir", trusted, "--src-creds", login, "--dest-creds",
            login, f"docker://{image}:crane", f"docker://{image}:skopeo")
        where = ["--storage-driver", "vfs", "--root", f"{sim.dir}/secure", "--runroot", f"{sim.dir}/secure-run"]
        run(sim, "podman", *where, "pull", "--cert-dir", trusted, "--creds", login, f"{image}:skopeo")
        run(sim, "podman", *where, "push", "--cert-dir", trusted, "--creds", login, f"{image}:skopeo", f"{image}:podman")
        run(sim, program, "validate", "--remote", f"{image}:podman", **known)
        assert "certificate" in run(sim, "skopeo", "inspect", "--creds", login, f"docker://{image}:podman", fails=True)


@suite.test
def conformance(sim):
    """All workflows of the specification's own suite: pull, push, content discovery, content management."""
    program = go_install(CONFORMANCE)
    results = pathlib.Path(sim.dir, "results")
    for name in ("conformance/one", "conformance/two"):
        repository(sim, name)
    run(sim, program, OCI_REGISTRY=f"127.0.0.1:{sim.port}", OCI_TLS="disabled", OCI_REPO1="conformance/one",
        OCI_REPO2="conformance/two", OCI_USERNAME="AWS", OCI_PASSWORD=password(sim), OCI_RESULTS_DIR=str(results),
        OCI_API_BLOBS_DIGEST_HEADER="true", OCI_API_BLOBS_UPLOAD_CANCEL="true", OCI_API_MANIFESTS_DIGEST_HEADER="true")
    report = (results / "results.yaml").read_text()
    assert report.count("Pass") > 40 and not re.search("fail|error|skip", report, re.IGNORECASE), report


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
