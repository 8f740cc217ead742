#!/bin/bash
# test_compile.sh CMAKE BUILD NVCC   The kernels compile for every architecture without a warning, and keep to registers: no kernel of the table that
# cuda/resources.sh makes spills. Exit status 77: there is no nvcc.
set -uo pipefail
cmake=$1 build=$2 nvcc=$3
[ -x "$nvcc" ] || { echo "no nvcc"; exit 77; }
"$cmake" --build "$build" --target vqz_cuda || exit 1
library=$build/cuda/libvqz_cuda.a
table=$("$(dirname "$0")/../resources.sh" "$nvcc" "$library") || exit 1
echo "$table"
# kernels x architectures: a line each
[ "$(grep -c '^| `vqz_' <<< "$table")" -ge 25 ] || { echo "kernels are missing"; exit 1; }
if grep '^| `vqz_' <<< "$table" | grep -v '| 0 |$'; then
    echo "these use memory where registers should do"
    exit 1
fi
