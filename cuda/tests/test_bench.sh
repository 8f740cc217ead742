#!/bin/bash
# test_bench.sh BENCH PLUGIN   bench/cuda runs through, with the model's device and small pictures; without a device it refuses and prints no figure.
set -uo pipefail
bench=$1 plugin=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
picture() { printf 'P6\n%d %d\n255\n' "$1" "$2"; head -c $(($1 * $2 * 3)) /dev/zero | tr '\0' 'k'; }
picture 16 10 > small.ppm
picture 18 16 > large.ppm
[ "$("$bench" --check "$plugin" "$PWD/small.ppm" "$PWD/large.ppm")" = checked ] || { echo "it does not run through"; exit 1; }
for plugin in "$plugin" /nowhere.so; do
    VQZ_FAKE_DEVICES=0 "$bench" "$plugin" small.ppm large.ppm > out 2> err
    status=$?
    [ $status = 1 ] && [ ! -s out ] && grep -q '^bench_cuda: no GPU, nothing is measured: ' err && continue
    echo "without a GPU: status $status"
    cat out err
    exit 1
done
echo "all good"
