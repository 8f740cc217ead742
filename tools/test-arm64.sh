#!/bin/bash
# test-arm64.sh [DIR] [VQZ]   Cross-builds for 64-bit ARM in DIR (build-arm64) and runs tests under qemu-user: kernels, networks, formats and
# entropy coding; then compares a file and its pixels with those of VQZ (build/vqz), a program of this machine, where there is one.
# Packages: tools/install-packages.sh arm64.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build-arm64} native=${2:-build/vqz}
tools/build.sh "$dir" -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_TESTS=ON
# Left out: for their time test_codec, test_damage and test_count; test_cli and installed_package, which start programs of their own;
# and the kernels of other processors.
ctest --test-dir "$dir" --output-on-failure --parallel "$(nproc)" --no-tests=error \
    -E '^(test_codec|test_damage|test_count|test_cli|installed_package|kernels_a.*)$'
[ -x "$native" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
photo=samples/the-spices-of-life.jpg
"$native" encode -q 60 -o "$work/native.vqz" "$photo"
"$native" decode --format ppm -o "$work/native.ppm" "$work/native.vqz"
for processor in cortex-a57 max; do       # without and with dot products
    emulator=(qemu-aarch64 -cpu $processor "$dir/vqz")
    "${emulator[@]}" --version | tail -1
    "${emulator[@]}" encode -q 60 -o "$work/arm.vqz" "$photo"
    "${emulator[@]}" decode --format ppm -o "$work/arm.ppm" "$work/native.vqz"
    cmp "$work/native.vqz" "$work/arm.vqz"
    cmp "$work/native.ppm" "$work/arm.ppm"
done
echo "$(basename "$photo"): the same file and the same pixels"
