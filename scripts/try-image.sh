#!/usr/bin/env bash
# Builds and runs the image without Docker: as root on Debian, with buildah and debootstrap installed.
#
#   scripts/try-image.sh FOLDER
#
# FOLDER keeps large files, such as the base image, for the next run. The base is a minimal Debian with its own Python
# instead of python:3.11-slim. run_image.py runs the built image. This does not test compose.yaml.
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
buildah=(buildah --root "$folder/storage" --runroot "$folder/run" --storage-driver vfs)
base=localhost/python:bookworm

if ! "${buildah[@]}" inspect --type image "$base" >/dev/null 2>&1; then
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$folder/base" "$mirror"
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" add --quiet "$container" "$folder/base" /
  "${buildah[@]}" commit --quiet --rm "$container" "$base"
  rm -r "$folder/base"
fi

# Certificates and pip settings of this machine, for the package registry.
volumes=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
if [ -e /etc/pip.conf ]; then volumes+=(--volume /etc/pip.conf:/etc/pip.conf:ro); fi
"${buildah[@]}" bud --isolation chroot --format docker --build-arg "BASE=$base" "${volumes[@]}" --tag tried .
container=$("${buildah[@]}" from tried)
trap '"${buildah[@]}" rm "$container" >/dev/null' EXIT
root=$("${buildah[@]}" mount "$container")
"${buildah[@]}" inspect --type image tried >"$folder/config.json"

if compgen -G "$root/usr/bin/*gcc*" || compgen -G "$root/usr/bin/*-ld*"; then
  echo "The image has a compiler." >&2
  exit 1
fi

unshare --mount --pid --net --fork --kill-child python3 scripts/run_image.py "$root" "$folder/config.json"
