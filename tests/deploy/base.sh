#!/usr/bin/env bash
# A base image without a registry: this machine's Debian by debootstrap, minimal, with this machine's sources.
#   base.sh FILE           writes FILE, an archive of a root file system
# One that is there is kept as long as release and packages are the same (FILE.key).
# Exit codes: 0 done, 1 it could not be made, 2 wrong usage.
set -euo pipefail
(($# == 1)) || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
file=$1
. /etc/os-release
release=${VERSION_CODENAME:?not Debian}
packages=ca-certificates
key="$release minbase $packages"
if [[ -f $file && "$(cat "$file.key" 2>/dev/null)" == "$key" ]]; then exit 0; fi
((EUID == 0)) || { echo "base.sh: debootstrap needs root" >&2; exit 1; }
mkdir -p "$(dirname "$file")"
folder=$(mktemp -d "$(realpath "$(dirname "$file")")/base.XXXXXX")
trap 'rm -rf "$folder"' EXIT
began=$SECONDS
debootstrap --variant=minbase --include="$packages" "$release" "$folder/root" >"$file.log" 2>&1 ||
  { tail -n 5 "$file.log" >&2; echo "base.sh: debootstrap failed (whole output in $file.log)" >&2; exit 1; }
# With the corrections that this machine has: programs that were linked here may need them.
rm -f "$folder/root/etc/apt/sources.list"
for list in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
  if [[ -f $list ]] && grep -qE '/debian(-security)?/?([[:space:]]|$)' "$list"; then cp "$list" "$folder/root/etc/apt/sources.list.d/"; fi
done
apt-config dump | grep -E '^Acquire::(Check-|http::Proxy|https::Proxy)' >"$folder/root/etc/apt/apt.conf.d/99host" || true
[[ ! -f /etc/apt/sources.list ]] || cp /etc/apt/sources.list "$folder/root/etc/apt/"
rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/*
tar -C "$folder/root" -cf "$file.part" .
mv "$file.part" "$file"
echo "$key" >"$file.key"
echo "base.sh: $release in $((SECONDS - began)) s" >&2
