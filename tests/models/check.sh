#!/usr/bin/env bash
# Checks the models with spin: each has to hold, and each of its mutations has to fail.
#   tests/models/check.sh [MODEL.pml...]
# Exit codes: 0 all as it has to be, 1 not, 2 a tool is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in spin gcc; do
  command -v "$tool" >/dev/null || { echo "check.sh: $tool is missing: apt-get install $tool" >&2; exit 2; }
done
models=("$@")
((${#models[@]} > 0)) || models=("$here"/*.pml)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# verify MODEL [-DMUTATION_...]: prints the number of errors and of states.
verify() {
  local model=$1; shift
  cd "$scratch"
  spin -a "$@" "$model" >spin.log 2>&1 || { cat spin.log >&2; exit 2; }
  gcc -O2 -DSAFETY -DVECTORSZ=2048 -o pan pan.c 2>gcc.log || { cat gcc.log >&2; exit 2; }
  ./pan -m400000 >pan.log
  # A search that was cut short has proved nothing.
  ! grep -q 'max search depth too small\|out of memory' pan.log || { cat pan.log >&2; exit 2; }
  sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
  awk '/states, stored/ {print $1; exit}' pan.log
}

failed=0
for model in "${models[@]}"; do
  model=$(realpath "$model")
  name=$(basename "$model" .pml)
  { read -r errors; read -r states; } < <(verify "$model")
  verdict=holds
  ((errors == 0)) || { verdict='DOES NOT HOLD'; failed=1; }
  printf '%-12s %-44s %-16s %9d states\n' "$name" 'as it is' "$verdict" "$states"
  mutations=$(grep -o 'MUTATION_[A-Z_]*' "$model" | sort -u)
  [[ -n $mutations ]] || { echo "$name has no mutation: nothing shows that its claims can fail" >&2; failed=1; }
  for mutation in $mutations; do
    { read -r errors; read -r states; } < <(verify "$model" "-D$mutation")
    verdict='is caught'
    ((errors > 0)) || { verdict='IS NOT CAUGHT'; failed=1; }
    printf '%-12s %-44s %-16s %9d states\n' "$name" "$mutation" "$verdict" "$states"
  done
done
exit "$failed"
