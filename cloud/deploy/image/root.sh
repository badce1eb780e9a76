#!/bin/bash
# An image's root file system: packages of Debian's unpacked without running anything of them, programs, one user, and the
# authorities that Debian trusts.  No shell gets in.
#   root.sh FOLDER ARCHITECTURE [--programs DIR] [PACKAGE...]
# With --programs its programs are put into usr/bin, and the packages that its packages.txt names are taken, too; in
# any case with all that they depend on.  var/lib/dpkg/status.d holds a file for each package: where scanners look in
# images without dpkg.
# Exit codes: 0 done, 1 a package could not be had, 2 wrong usage.
set -euo pipefail
(($# >= 2)) || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1 architecture=$2 programs=
shift 2
if [[ ${1:-} == --programs ]]; then programs=$2; shift 2; fi
readonly user=10001

# Lists and packages of the architecture, beside this system's own.
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
# Asks questions when a package is installed, which nobody does here; it would bring a shell and Perl.
cat >"$apt/status" <<'TEXT'
Package: debconf
Status: install ok installed
Architecture: all
Version: 9999
Provides: debconf-2.0
Maintainer: none
Description: not there

TEXT
options=(-q -o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture" -o "Dir::State=$apt"
  -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
  -o "Debug::NoLocking=true" -o "APT::Sandbox::User=root" -o "APT::Install-Recommends=false"
  -o "APT::Keep-Downloaded-Packages=true")
fetch() {
  if ! apt-get "${options[@]}" "$@" >"$apt/log" 2>&1; then
    tail -n 5 "$apt/log" >&2
    echo "root.sh: apt-get $1 failed" >&2
    exit 1
  fi
}
fetch update
wanted=("$@")
if [[ -n $programs ]]; then mapfile -t -O "${#wanted[@]}" wanted <"$programs/packages.txt"; fi
fetch install -y --download-only "${wanted[@]}"
(cd "$apt" && fetch download ca-certificates)

mkdir -p "$folder"/{etc/ssl/certs,tmp,usr/bin,usr/share/starling,var/lib/dpkg/status.d,var/lib/starling}
for package in "$apt"/cache/archives/*.deb; do
  dpkg-deb -f "$package" >"$folder/var/lib/dpkg/status.d/$(dpkg-deb -f "$package" Package)"
  dpkg-deb -x "$package" "$folder"
done
# Where /lib and /lib64 are links, only base-files has them; the loader's path goes through them.
for name in lib lib64; do
  [[ -e $folder/$name || ! -d $folder/usr/$name ]] || ln -s "usr/$name" "$folder/$name"
done
dpkg-deb -f "$apt"/ca-certificates_*.deb >"$folder/var/lib/dpkg/status.d/ca-certificates"
dpkg-deb -x "$apt"/ca-certificates_*.deb "$apt/authorities"
find "$apt/authorities/usr/share/ca-certificates" -name '*.crt' -print0 | sort -z | xargs -0 cat \
  >"$folder/etc/ssl/certs/ca-certificates.crt"
# Pages for people; what is known of copyright stays.
rm -rf "$folder"/usr/share/{man,info,locale,lintian,bug}
if [[ -d $folder/usr/share/doc ]]; then
  find "$folder/usr/share/doc" -type f ! -name copyright -delete
  find "$folder/usr/share/doc" -depth -type d -empty -delete
fi

if [[ -n $programs ]]; then
  find "$programs" -maxdepth 1 -type f ! -name '*.txt' -exec install -m 755 -t "$folder/usr/bin" {} +
fi
cat >"$folder/etc/passwd" <<TEXT
root:x:0:0:root:/nonexistent:/usr/sbin/nologin
starling:x:$user:$user:starling:/var/lib/starling:/usr/sbin/nologin
TEXT
printf 'root:x:0:\nstarling:x:%s:\n' "$user" >"$folder/etc/group"
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$folder/etc/nsswitch.conf"
. /etc/os-release
printf 'PRETTY_NAME="Starling, of packages of %s"\nID=debian\nVERSION_ID="%s"\nVERSION_CODENAME=%s\n' "$PRETTY_NAME" \
  "${VERSION_ID:-}" "${VERSION_CODENAME:-}" >"$folder/etc/os-release"
chmod 1777 "$folder/tmp"
chown -R "$user:$user" "$folder/var/lib/starling"
