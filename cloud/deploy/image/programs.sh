#!/usr/bin/env bash
# What the image takes of a build: the programs, stripped, and what is to be known of them.
#   programs.sh ARCHITECTURE BIN FOLDER SHLIBS [PACKAGE...]
# SHLIBS: deb-shlibs(5) of the system that they were linked against.  Writes FOLDER/starling and starling-cloud,
# packages.txt (Debian's packages with the libraries that they name) and built-with.txt ("PACKAGE VERSION" of the given
# packages, as they are installed here).
# Exit codes: 0 done, 1 no package is known for a library, 2 wrong usage.
set -euo pipefail
(($# >= 4)) || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
architecture=$1 bin=$2 folder=$3 shlibs=$4
shift 4
case "$architecture" in
  amd64) triplet=x86_64-linux-gnu ;;
  arm64) triplet=aarch64-linux-gnu ;;
  *) echo "programs.sh: the architecture is '$architecture', must be amd64 or arm64" >&2; exit 2 ;;
esac
tool() { if command -v "$triplet-$1" >/dev/null; then echo "$triplet-$1"; else echo "$1"; fi; }

rm -rf "$folder"
mkdir -p "$folder"
for program in starling-cloud starling; do "$(tool strip)" -o "$folder/$program" "$bin/$program"; done
for library in $("$(tool readelf)" -d "$folder"/starling* | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
  # libssl.so.3 stands there as "libssl 3 PACKAGE ...", libfoo-1.2.so as "libfoo 1.2 PACKAGE ..."; what a cross compiler
  # brings, as "... PACKAGE:ARCHITECTURE".
  if [[ $library =~ ^(.+)\.so\.(.+)$ || $library =~ ^(.+)-([0-9.]+)\.so$ ]]; then
    package=$(awk -v name="${BASH_REMATCH[1]}" -v version="${BASH_REMATCH[2]}" \
      '$1 == name && $2 == version && $3 !~ /:/ { print $3; exit }' "$shlibs")
  fi
  [[ -n ${package:-} ]] || { echo "programs.sh: no package of Debian's has $library" >&2; exit 1; }
  echo "$package"
  package=
done | sort -u >"$folder/packages.txt"
for package in "$@"; do
  dpkg-query -W -f='${Package} ${Version}\n' "$package" 2>/dev/null || true
done >"$folder/built-with.txt"
