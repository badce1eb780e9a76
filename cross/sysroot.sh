#!/usr/bin/env bash
# Debian's packages of another architecture, unpacked in a folder; nothing of the host
# is changed.
#   cross/sysroot.sh ARCHITECTURE FOLDER PACKAGE...       e.g. arm64 out/sysroot/arm64 libssl-dev
# What the packages depend on comes with them, from the sources that the host uses, or
# those of the file that STARLING_APT_SOURCES names (sources.list(5), or .sources): for
# vehicles with another release, or another mirror.
# FOLDER/.symbols says from which version of which package on a library has a symbol, .shlibs
# which package has a library at all: deb-symbols(5), deb-shlibs(5).
# Exit codes: 0 done, 2 cannot.
set -euo pipefail
(($# >= 3)) || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
architecture=$1 folder=$2
shift 2
mkdir -p "$folder"
folder=$(realpath "$folder")
if [[ -f $folder/.symbols && -f $folder/.packages && "$(cat "$folder/.packages")" == "$*" ]]; then exit 0; fi
apt=$folder/.apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
options=(-q -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture"
  -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
  -o "Debug::NoLocking=true" -o "APT::Sandbox::User=root" -o "APT::Install-Recommends=false")
if [[ -n ${STARLING_APT_SOURCES:-} ]]; then
  options+=(-o "Dir::Etc::SourceList=$(realpath "$STARLING_APT_SOURCES")" -o "Dir::Etc::SourceParts=-")
fi
log=$apt/log
if ! apt-get "${options[@]}" update >"$log" 2>&1 ||
    ! apt-get "${options[@]}" install -y --download-only "$@" >>"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "sysroot.sh: the packages of $architecture could not be fetched (whole output in $log)" >&2
  exit 2
fi
rm -f "$folder/.shlibs" "$folder/.symbols"
for package in "$apt"/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$folder"
  # A package without libraries has no such file.
  for file in symbols shlibs; do
    dpkg-deb --ctrl-tarfile "$package" | tar -xO "./$file" 2>/dev/null >>"$folder/.$file" || true
  done
done
# Where /lib is a link, no package has it; loader and linker look for it.
[[ -e $folder/lib ]] || ln -s usr/lib "$folder/lib"
# Links that mean the root of that system, not of this one.
while IFS= read -r -d '' link; do
  ln -sfn "$(realpath -m --relative-to "$(dirname "$link")" "$folder$(readlink "$link")")" "$link"
done < <(find "$folder" -path "$apt" -prune -o -type l -lname '/*' -print0)
rm -rf "$apt/cache" "$apt/state"
echo "$*" >"$folder/.packages"
