#!/bin/bash
# test_compile.sh CMAKE BUILD NVCC   The kernels compile for every architecture without a warning, none spills registers, docs/cuda.md is of them, and the plug-in can be
# loaded. Exit status 77: there is no nvcc.
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
page=$(dirname "$0")/../../docs/cuda.md
release=$(sed -n 's/.*of \(nvcc [0-9.]*\) says.*/\1/p' <<< "$table")
if grep -qF "$release" "$page" && ! diff "$page" - <<< "$table"; then
    echo "docs/cuda.md is of other kernels: cuda/resources.sh $nvcc $build/cuda > docs/cuda.md"
    exit 1
fi
"$build/cuda/bench_cuda" "$build/cuda/libvqz_cuda.so" /dev/null /dev/null 2> "$build/cuda/loaded"      # no picture: nothing is measured here
if ! grep -qE 'no binary PPM|no GPU, nothing is measured: CUDA: ' "$build/cuda/loaded"; then
    echo "libvqz_cuda.so cannot be loaded: $(cat "$build/cuda/loaded")"
    exit 1
fi
