#!/usr/bin/env bash
# Debian's packages of another architecture, unpacked in a folder; nothing of the host
# is changed.
#   cross/sysroot.sh ARCHITECTURE FOLDER PACKAGE...       e.g. arm64 out/sysroot/arm64 libssl-dev
# What the packages depend on comes with them, from the sources that the host uses.
# Exit codes: 0 done, 2 cannot.
set -euo pipefail
(($# >= 3)) || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
architecture=$1 folder=$2
shift 2
mkdir -p "$folder"
folder=$(realpath "$folder")
if [[ -f $folder/.packages && "$(cat "$folder/.packages")" == "$*" ]]; then exit 0; fi
apt=$folder/.apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
options=(-q -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture"
  -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
  -o "Debug::NoLocking=true" -o "APT::Sandbox::User=root" -o "APT::Install-Recommends=false")
log=$apt/log
if ! apt-get "${options[@]}" update >"$log" 2>&1 ||
    ! apt-get "${options[@]}" install -y --download-only "$@" >>"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "sysroot.sh: the packages of $architecture could not be fetched (whole output in $log)" >&2
  exit 2
fi
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$apt/cache" "$apt/state"
echo "$*" >"$folder/.packages"
