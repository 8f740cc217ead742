#!/bin/bash
# test_compile.sh CMAKE BUILD NVCC   The kernels compile for every architecture without a warning, and none spills registers. Exit status 77: there is no nvcc.
set -uo pipefail
cmake=$1 build=$2 nvcc=$3
[ -x "$nvcc" ] || { echo "no nvcc"; exit 77; }
"$cmake" --build "$build" --target vqz_cuda_all || exit 1
table=$("$(dirname "$0")/../resources.sh" "$nvcc" "$build/cuda") || exit 1
echo "$table"
rows=$(grep '^| `vqz_' <<< "$table")
[ "$(wc -l <<< "$rows")" -ge 25 ] || { echo "kernels are missing"; exit 1; }
if grep -vE '^\| `vqz_[a-z0-9_]+` (\| [0-9]+ ){7}\| 0 \|$' <<< "$rows"; then
    echo "these spill registers, or lack an architecture"
    exit 1
fi
