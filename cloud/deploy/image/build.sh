#!/usr/bin/env bash
# Builds the image with docker, podman or buildah, whichever is there.  ./run image calls it; usage is below.
set -euo pipefail
root=$(dirname "$(readlink -f "$0")")/../../..
root=$(readlink -f "$root")

say() { printf 'image: %s\n' "$*" >&2; }
fail() { local code=$1; shift; say "$@"; exit "$code"; }

usage() {
  cat <<'TEXT'
usage: build.sh ARCHITECTURE OUT TAG compiled|given [BASE]

Builds cloud/deploy/Dockerfile for amd64 or arm64, tags it TAG, and writes it to OUT, an archive that `podman load`
and `docker load` read, with its SBOM (SPDX 2.3) in OUT.spdx.json.  BASE: the image that its stages build on, instead
of Debian's from a registry.
STARLING_IMAGE_BUILDER names one of docker, podman and buildah.
TEXT
}

(($# == 4 || $# == 5)) || { usage >&2; exit 2; }
architecture=$1 out=$2 tag=$3 programs=$4 base=${5:-}

# Docker's command without its daemon builds nothing.
usable() {
  command -v "$1" >/dev/null || return 1
  [[ $1 != docker ]] || docker version >/dev/null 2>&1
}
builder=${STARLING_IMAGE_BUILDER:-}
if [[ -z $builder ]]; then
  for candidate in docker podman buildah; do
    if usable "$candidate"; then builder=$candidate; break; fi
  done
fi
[[ -n $builder ]] || fail 2 "building the image needs docker, podman or buildah; on Debian: apt-get install buildah"
usable "$builder" || fail 2 "$builder is not here, or its daemon does not answer"

version=$(sed -n 's/^project(starling VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
[[ -n $version ]] || fail 1 "no version in CMakeLists.txt"
revision=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
here=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
arguments=(--file "$root/cloud/deploy/Dockerfile" --tag "$tag" --build-arg "PROGRAMS=$programs"
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
[[ -z $base ]] || arguments+=(--build-arg "BASE=$base")

mkdir -p "$(dirname "$out")"
rm -f "$out" "$out.spdx.json"
say "$tag for $architecture with $builder"
case "$builder" in
  docker)
    DOCKER_BUILDKIT=1 docker build "${arguments[@]}" --platform "linux/$architecture" "$root" >&2
    docker save --output "$out" "$tag" ;;
  podman | buildah)
    # Known to Docker's builder by themselves.
    arguments+=(--build-arg "TARGETARCH=$architecture" --build-arg "BUILDPLATFORM=linux/$here"
      --platform "linux/$architecture" --format docker --ignorefile "$root/cloud/deploy/Dockerfile.dockerignore")
    [[ -z ${SOURCE_DATE_EPOCH:-} ]] || arguments+=(--timestamp "$SOURCE_DATE_EPOCH")
    [[ -z $base ]] || arguments+=(--pull=never)
    "$builder" build "${arguments[@]}" "$root" >&2
    if [[ $builder == podman ]]; then
      podman save --quiet --format docker-archive --output "$out" "$tag" >&2
    else
      buildah push --quiet "$tag" "docker-archive:$out:$tag" >&2
    fi ;;
esac

# The SBOM lies in one of the layers, which are archives in the archive.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -xf "$out" -C "$folder"
found=
while IFS= read -r -d '' layer; do
  if tar -xOf "$layer" usr/share/starling/sbom.spdx.json >"$out.spdx.json.part" 2>/dev/null; then
    mv "$out.spdx.json.part" "$out.spdx.json"
    found=yes
    break
  fi
done < <(find "$folder" -type f -size +100k -print0)
rm -f "$out.spdx.json.part"
[[ -n $found ]] || fail 1 "the image has no SBOM"
say "$out, $(stat -c %s "$out") bytes; $out.spdx.json"
