#!/bin/bash
# test_integers.sh FOLDER   No floating point in FOLDER's sources: kernels and what feeds them. First, the check itself finds what it is for.
set -uo pipefail
words='float|double|half|float[1-4]|double[1-4]|__half2?|(__)?nv_bfloat16|bfloat16|tf32|[fs]qrtf?|powf?|logf|expf|__[fd][a-z]+_r[nzud]'
floating() { grep -nwE "$words" "$@" | grep -vE '^[^:]+:[0-9]+: *(/\*|\*|//|#) '; }
planted=$(mktemp)
trap 'rm -f "$planted"' EXIT
for line in 'float x = 1;' '    y = __fmul_rn(a, b);' 'const double z[2] = {0};' 'half2 h; half g;'; do
    echo "$line" > "$planted"
    floating "$planted" /dev/null > /dev/null || { echo "not found: $line"; exit 1; }
done
files=$(find "$1" -path "$1/tests" -prune -o -name '*.cu' -print -o -name '*.cuh' -print -o -name '*.[ch]' -print -o -name '*.cpp' -print)
[ "$(wc -w <<< "$files")" -ge 20 ] || { echo "few sources below $1"; exit 1; }
# shellcheck disable=SC2086
if floating $files; then
    echo "floating point"
    exit 1
fi
echo "$(wc -w <<< "$files") sources without floating point"
