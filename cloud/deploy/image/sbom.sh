#!/bin/bash
# What is in an image, as SPDX 2.3 in JSON on standard output: Debian's packages by var/lib/dpkg/status.d, the programs of
# usr/bin by their sums, and what was compiled into them.
#   sbom.sh ROOT ARCHITECTURE VERSION REVISION [BUILT_WITH]
# BUILT_WITH has lines "PACKAGE VERSION": libraries of which headers alone are used, and the compiler.  The time is
# SOURCE_DATE_EPOCH's if that is set: the same content then gives the same document.
set -euo pipefail
(($# >= 4)) || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$1 architecture=$2 version=$3 revision=$4 built_with=${5:-/dev/null}
. "$root/etc/os-release"
now=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
content=$(cat "$root"/var/lib/dpkg/status.d/* "$built_with" | sha256sum | cut -c1-16)

# One line for each thing: KIND NAME VERSION ARCHITECTURE SOURCE SUM, parted by tabs.
{
  for file in "$root"/var/lib/dpkg/status.d/*; do
    awk -v OFS='\t' '/^Package: /{n=$2} /^Version: /{v=$2} /^Architecture: /{a=$2} /^Source: /{s=$2}
      END { print "package", n, v, a, s == "" ? n : s, "-" }' "$file"
  done
  for file in "$root"/usr/bin/starling*; do
    [[ -f $file ]] || continue
    printf 'program\t%s\t%s\t%s\tstarling\t%s\n' "${file##*/}" "$version" "$architecture" "$(sha256sum <"$file" | cut -d' ' -f1)"
  done
  awk -v OFS='\t' 'NF >= 2 { print "built", $1, $2, "-", $1, "-" }' "$built_with"
} | awk -F '\t' -v now="$now" -v version="$version" -v revision="$revision" -v arch="$architecture" \
    -v release="${VERSION_ID:-unknown}" -v content="$content" '
  function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
  function id(s) { gsub(/[^A-Za-z0-9.-]/, "-", s); return s }
  # Of the characters that versions have, those that a package URL does not.
  function url(s) { gsub(/%/, "%25", s); gsub(/\+/, "%2B", s); gsub(/:/, "%3A", s); gsub(/~/, "%7E", s); return s }
  function relation(from, how, to) {
    relations = relations (relations == "" ? "" : ",\n    ") \
      "{\"spdxElementId\": " text(from) ", \"relationshipType\": " text(how) ", \"relatedSpdxElement\": " text(to) "}"
  }
  BEGIN {
    print "{\n  \"spdxVersion\": \"SPDX-2.3\",\n  \"dataLicense\": \"CC0-1.0\",\n  \"SPDXID\": \"SPDXRef-DOCUMENT\","
    print "  \"name\": \"starling-" version "-" arch "\","
    print "  \"documentNamespace\": \"https://starling.invalid/sbom/" id(version) "/" id(revision) "/" arch "/" content "\","
    print "  \"creationInfo\": {\"created\": \"" now "\", \"creators\": [\"Tool: starling-sbom\"]},"
    print "  \"packages\": ["
    printf "    {\"SPDXID\": \"SPDXRef-image\", \"name\": \"starling\", \"versionInfo\": %s, \"downloadLocation\": \"NOASSERTION\"", text(version)
    printf ", \"filesAnalyzed\": false, \"primaryPackagePurpose\": \"CONTAINER\", \"sourceInfo\": %s}", text("revision " revision)
    relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image")
  }
  {
    ref = "SPDXRef-" $1 "-" id($2)
    printf ",\n    {\"SPDXID\": %s, \"name\": %s, \"versionInfo\": %s, \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false", \
      text(ref), text($2), text($3)
    if ($1 == "program") {
      printf ", \"primaryPackagePurpose\": \"APPLICATION\", \"checksums\": [{\"algorithm\": \"SHA256\", \"checksumValue\": %s}]}", text($6)
      relation("SPDXRef-image", "CONTAINS", ref)
      next
    }
    printf ", \"supplier\": \"Organization: Debian\", \"externalRefs\": [{\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\""
    printf ", \"referenceLocator\": %s}]}", text("pkg:deb/debian/" url($2) "@" url($3) "?" ($4 == "-" ? "" : "arch=" $4 "&") \
      "distro=debian-" release)
    if ($1 == "package") relation("SPDXRef-image", "CONTAINS", ref)
    else relation(ref, "BUILD_DEPENDENCY_OF", "SPDXRef-image")
  }
  END { print "\n  ],\n  \"relationships\": [\n    " relations "\n  ]\n}" }'
