#!/usr/bin/env bash
# The same partition, the same bytes: here, here without the processor's FMA units and
# wide vectors, and on arm64 under qemu.
#   check.sh PROGRAM SOURCE_FOLDER BUILD_FOLDER SOURCES_FILE
# SOURCES_FILE has the program's sources, one a line.  A build for arm64 that contracts
# multiplications and additions has to differ, or this check could not fail.
# Exit codes: 0 equal, 1 not, 2 a tool is missing.
set -euo pipefail
program=$1 source=$2 build=$3 sources=$4
for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$tool" >/dev/null ||
    { echo "check.sh: $tool is missing: apt-get install g++-aarch64-linux-gnu qemu-user" >&2; exit 2; }
done
scratch=$build/determinism
mkdir -p "$scratch/include"
"$program" record "$scratch/partition"
"$program" replay "$scratch/partition" >"$scratch/native"
GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX,-AVX512F,-AVX512VL,-BMI2 \
  "$program" replay "$scratch/partition" >"$scratch/without_fma"

"$source/cross/sysroot.sh" arm64 "$scratch/arm64" libssl-dev
ln -sfn "$(dirname "$(find /usr/include /usr/local/include -path '*flatbuffers/flatbuffers.h' | head -n 1)")" \
  "$scratch/include/flatbuffers"
# arm64 NAME FLAG PATTERN: the files that match PATTERN are compiled with FLAG, the others
# are those of the program before.
arm64() {
  local name=$1 flag=$2 pattern=$3 file object objects=()
  mkdir -p "$scratch/$name"
  while read -r file; do
    object=$(tr '/' '_' <<<"${file#"$source"/}").o
    if [[ ! $file =~ $pattern ]]; then
      objects+=("$scratch/arm64_program/$object")
      continue
    fi
    objects+=("$scratch/$name/$object")
    echo "aarch64-linux-gnu-g++ -std=c++20 -O2 $flag -I$source -I$build/generated -isystem $scratch/include \
-isystem $scratch/arm64/usr/include -isystem $scratch/arm64/usr/include/aarch64-linux-gnu -c $file -o ${objects[-1]}"
  done <"$sources" >"$scratch/$name/commands"
  xargs -d '\n' -P "$(nproc)" -I{} sh -c '{}' <"$scratch/$name/commands"
  aarch64-linux-gnu-g++ -static -o "$scratch/$name/program" "${objects[@]}" \
    "$scratch/arm64/usr/lib/aarch64-linux-gnu/libcrypto.a" -pthread 2>"$scratch/$name/link.log" ||
    { cat "$scratch/$name/link.log" >&2; exit 2; }
  qemu-aarch64 "$scratch/$name/program" replay "$scratch/partition" >"$scratch/$name.out"
}
arm64 arm64_program -ffp-contract=off .
arm64 arm64_contracting -ffp-contract=fast '/common/motion/|/common/geo/|/shard/(track|encounter)'

failed=0
# expect same|different NAME FILE
expect() {
  local is=same
  cmp -s "$scratch/native" "$3" || is=different
  printf '%-52s %s\n' "$2" "$is"
  [[ $is == "$1" ]] || { echo "  wanted: $1" >&2; diff "$scratch/native" "$3" | head -n 4 >&2; failed=1; }
}
tail -n 1 "$scratch/native"
expect same 'without FMA and wide vectors' "$scratch/without_fma"
expect same 'on arm64 under qemu' "$scratch/arm64_program.out"
expect different 'on arm64, contracting (a fault that has to show)' "$scratch/arm64_contracting.out"
exit "$failed"
