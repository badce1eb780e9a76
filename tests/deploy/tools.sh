#!/usr/bin/env bash
# What the tests of this folder run with and Debian has not: helm, built as a Go module, and kubernetes-validate, from PyPI.
#   tools.sh FOLDER        prints nothing; FOLDER/helm and FOLDER/venv/bin/python3 are there afterwards
# A helm that is here already is taken as it is.
# Exit codes: 0 done, 1 it could not be had.
set -euo pipefail
(($# == 1)) || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 1; }
mkdir -p "$1"
folder=$(realpath "$1")
fail() { echo "tools.sh: $*" >&2; exit 1; }
readonly validator=kubernetes-validate==1.31.0

if [[ ! -x $folder/helm ]]; then
  if command -v helm >/dev/null; then
    ln -s "$(command -v helm)" "$folder/helm"
  else
    command -v go >/dev/null || fail "no helm here, and no go to build it with; on Debian: apt-get install golang-go"
    # The newest that the compiler takes: Debian 12's is 1.19.
    version=v3.16.4
    [[ "$(printf '%s\n' go1.22 "$(go env GOVERSION)" | sort -V | head -n 1)" == go1.22 ]] || version=v3.11.3
    echo "building helm $version, once" >&2
    began=$SECONDS
    GOBIN="$folder" GOFLAGS=-trimpath CGO_ENABLED=0 go install -ldflags='-s -w' "helm.sh/helm/v3/cmd/helm@$version" \
      >"$folder/helm.log" 2>&1 || { tail -n 5 "$folder/helm.log" >&2; fail "helm could not be built"; }
    echo "helm $version in $((SECONDS - began)) s" >&2
  fi
fi

if [[ "$(cat "$folder/validator" 2>/dev/null)" != "$validator" ]]; then
  rm -rf "$folder/venv"
  python3 -m venv "$folder/venv" || fail "python3 cannot make an environment; on Debian: apt-get install python3-venv"
  "$folder/venv/bin/pip" -q install "$validator" pyyaml >"$folder/pip.log" 2>&1 ||
    { tail -n 5 "$folder/pip.log" >&2; fail "$validator could not be installed"; }
  echo "$validator" >"$folder/validator"
fi
