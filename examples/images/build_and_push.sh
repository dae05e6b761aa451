#!/bin/sh
# Builds a small image from Debian's busybox-static, without network, and pushes it to the registry of a running awssim:
# with podman under the tag `podman`, with skopeo under `skopeo`. Prints what the registry has then.
# usage: eval "$(awssimctl env)"; examples/images/build_and_push.sh [REPOSITORY]
# Needs buildah, podman, skopeo, busybox-static and an AWS CLI.
set -eu
aws() { command aws --endpoint-url "${AWS_ENDPOINT_URL:?run: eval \"\$(awssimctl env)\"}" "$@"; }

repository=${1:-demo/hello}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
storage="--storage-driver vfs --root $work/root --runroot $work/run"
export HOME="$work" XDG_RUNTIME_DIR="$work"
mkdir -p "$work/.config/containers"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/.config/containers/policy.json"

# The repository must exist: ECR makes none on a push.
uri=$(aws ecr describe-repositories --repository-names "$repository" --query 'repositories[0].repositoryUri' --output text \
    2>"$work/why") ||
    uri=$(aws ecr create-repository --repository-name "$repository" --query repository.repositoryUri --output text)

container=$(buildah $storage from scratch)
buildah $storage add --quiet "$container" /bin/busybox /bin/busybox
buildah $storage config --cmd '["/bin/busybox", "echo", "hello from an image"]' --env GREETING=hello \
    --workingdir / "$container"
buildah $storage commit --quiet "$container" "$uri:podman" >"$work/id"

# Plain HTTP: the registry is on this machine.
aws ecr get-login-password | podman $storage login --tls-verify=false --username AWS --password-stdin "${uri%%/*}"
podman $storage push --quiet --tls-verify=false "$uri:podman"
skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false --authfile "$work/containers/auth.json" \
    "docker://$uri:podman" "docker://$uri:skopeo"

aws ecr describe-images --repository-name "$repository" --query 'imageDetails[].[imageDigest, imageTags, imageSizeInBytes]'
