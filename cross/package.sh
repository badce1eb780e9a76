#!/usr/bin/env bash
# Makes a vehicle's package of a program that was built for it.
#   cross/package.sh ARCHITECTURE PROGRAM SYSROOT FOLDER
#                e.g. arm64 build/arm64/bin/starling-edge out/sysroot/arm64 out/edge
# Writes FOLDER/starling-edge_VERSION_ARCHITECTURE.deb, and FOLDER/ARCHITECTURE/starling-edge, which is
# the stripped program in it; prints the package's name.  What it depends on is computed from the
# libraries that it is linked with.  The same program gives the same bytes, for SOURCE_DATE_EPOCH or the
# date of the last commit.
# Exit codes: 0 done, 1 it could not be made.
set -euo pipefail
(($# == 4)) || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 1; }
architecture=$1 program=$2 sysroot=$3 folder=$4
source=$(dirname "$(dirname "$(readlink -f "$0")")")
fail() { echo "package.sh: $*" >&2; exit 1; }

case "$architecture" in
  arm64) triplet=aarch64-linux-gnu ;;
  armhf) triplet=arm-linux-gnueabihf ;;
  amd64) triplet=x86_64-linux-gnu ;;
  *) fail "the architecture is '$architecture', must be arm64, armhf or amd64" ;;
esac
version=$(sed -n 's/^project(starling VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
[[ -n $version ]] || fail "no version in CMakeLists.txt"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$source" log -1 --format=%ct 2>/dev/null || date +%s)}

# Of each library the oldest version that has all symbols which the program uses; where its package does
# not say, the one that is in the sysroot.
symbols=$("$triplet-readelf" -W --dyn-syms "$program" |
  awk '$7 == "UND" && $8 != "" { print $8 ~ /@/ ? $8 : $8 "@Base" }')
# oldest LIBRARY: "PACKAGE VERSION" for each version that one of the symbols needs.
oldest() {
  awk -v library="$1" '
    NR == FNR { used[$1]; next }
    /^[^ |*]/ { inside = $1 == library; package = $2; if (inside && !/#MINVER#/) exit; next }
    inside && /^ / && $1 in used { print package, $2 }' <(echo "$symbols") "$sysroot/.symbols"
}
declare -A versions=()
for library in $("$triplet-readelf" -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
  needed=$(oldest "$library" | sort -u)
  if [[ -z $needed ]]; then
    # libssl.so.3 stands there as "libssl 3 PACKAGE (>= VERSION)".
    [[ $library =~ ^(.+)\.so\.(.+)$ ]] || fail "what version $library has cannot be told from its name"
    needed=$(awk -v wanted="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" \
      '$1 " " $2 == wanted { gsub(/[()>=]/, ""); print $3, $4; exit }' "$sysroot/.shlibs")
  fi
  [[ -n $needed ]] || fail "no package of $sysroot has $library"
  while read -r package oldest; do
    if [[ -z ${versions[$package]:-} ]] || dpkg --compare-versions "$oldest" gt "${versions[$package]}"; then
      versions[$package]=${oldest:-0}
    fi
  done <<<"$needed"
done
depends=
for package in $(printf '%s\n' "${!versions[@]}" | sort); do
  depends+="${depends:+, }$package (>= ${versions[$package]})"
done

mkdir -p "$folder/$architecture"
staging=$(mktemp -d "$folder/staging.XXXXXX")
trap 'rm -rf "$staging"' EXIT
chmod 0755 "$staging"
from=$source/cross/package
# put MODE FILE PLACE
put() { install -D -m "$1" "$2" "$staging/$3"; }
"$triplet-strip" -o "$folder/$architecture/starling-edge" "$program"
put 0755 "$folder/$architecture/starling-edge" usr/bin/starling-edge
put 0644 "$from/starling-edge.toml" etc/starling/edge.toml
put 0644 "$from/starling-edge.service" lib/systemd/system/starling-edge.service
put 0644 "$from/sysusers.conf" usr/lib/sysusers.d/starling-edge.conf
put 0644 "$from/tmpfiles.conf" usr/lib/tmpfiles.d/starling-edge.conf
for page in vehicle sources formats/sample_json; do
  put 0644 "$source/docs/$page.md" "usr/share/doc/starling-edge/$(basename "$page").md"
done
put 0644 "$source/LICENSE" usr/share/doc/starling-edge/copyright
for script in postinst prerm postrm; do put 0755 "$from/$script" "DEBIAN/$script"; done
echo /etc/starling/edge.toml >"$staging/DEBIAN/conffiles"
cat >"$staging/DEBIAN/control" <<TEXT
Package: starling-edge
Version: $version
Architecture: $architecture
Maintainer: Starling <starling@localhost>
Section: net
Priority: optional
Installed-Size: $(du -sk --apparent-size --exclude DEBIAN "$staging" | cut -f1)
Depends: $depends, systemd | systemd-standalone-sysusers
Suggests: gpsd
Description: agent of a vehicle for Starling's telemetry pipeline
 Watches the vehicle's position ten times a second, from gpsd, NMEA 0183 and CAN
 or as lines of JSON, sends what the cloud could not predict over mutual TLS, keeps
 every sample until the cloud has it, and hands commands back to the vehicle.
TEXT
(cd "$staging" && find etc usr lib -type f -print0 | sort -z | xargs -0 md5sum) >"$staging/DEBIAN/md5sums"
chmod 0644 "$staging"/DEBIAN/{conffiles,control,md5sums}
find "$staging" -print0 | xargs -0 touch --no-dereference --date "@$SOURCE_DATE_EPOCH"
package=$folder/starling-edge_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$staging" "$package" >/dev/null || fail "dpkg-deb could not make $package"
echo "$package"
