#!/bin/bash
# test_bench.sh BENCH PLUGIN FOLDERS [VQZ]   bench/cuda runs through, and bench/cuda_folders.sh where there is a program, with the model's device and small pictures; without a
# device both refuse and print no figure.
set -uo pipefail
bench=$1 plugin=$2 folders=$3 vqz=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
picture() { printf 'P6\n%d %d\n255\n' "$1" "$2"; head -c $(($1 * $2 * 3)) /dev/zero | tr '\0' 'k'; }
picture 16 10 > small.ppm
picture 18 16 > large.ppm
[ "$("$bench" --check "$plugin" "$PWD/small.ppm" "$PWD/large.ppm")" = checked ] || { echo "it does not run through"; exit 1; }
if [ -n "$vqz" ]; then
    "$vqz" encode --quiet -o small.vqz small.ppm && "$vqz" decode --quiet -o small.png small.vqz || exit 1
    VQZ_CUDA_PLUGIN=$plugin "$folders" "$vqz" 2 small.ppm small.png > out || { echo "folders do not run through"; exit 1; }
    [ "$(grep -cE '^\| (en|de)code small.p(pm|ng) \| (cuda|cpu) \| [0-9.]+ \| [0-9.]+ \|$' out)" = 8 ] || { echo "folders:"; cat out; exit 1; }
    VQZ_FAKE_DEVICES=0 VQZ_CUDA_PLUGIN=$plugin "$folders" "$vqz" 2 small.ppm > out 2> err
    [ $? = 1 ] && [ ! -s out ] && grep -q 'no CUDA-capable device' err || { echo "folders without a GPU:"; cat out err; exit 1; }
fi
for plugin in "$plugin" /nowhere.so; do
    VQZ_FAKE_DEVICES=0 "$bench" "$plugin" small.ppm large.ppm > out 2> err
    status=$?
    [ $status = 1 ] && [ ! -s out ] && grep -q '^bench_cuda: no GPU, nothing is measured: ' err && continue
    echo "without a GPU: status $status"
    cat out err
    exit 1
done
echo "all good"
