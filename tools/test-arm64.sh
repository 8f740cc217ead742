#!/bin/bash
# test-arm64.sh [DIR] [VQZ]   Cross-builds for 64-bit ARM in DIR (build-arm64) and runs tests under qemu-user: kernels, networks, formats and
# entropy coding; then compares a file and its pixels with those of VQZ (build/vqz), a program of this machine, where there is one.
# Packages: tools/install-packages.sh arm64.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build-arm64} native=${2:-build/vqz}
tools/build.sh "$dir" -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_TESTS=ON -DVQZ_WERROR=ON
# Left out: for their time test_codec, test_damage and test_count; what starts programs of its own; and the kernels of other processors.
ctest --test-dir "$dir" --output-on-failure --parallel "$(nproc)" --no-tests=error -LE '^program$' \
    -E '^(test_(codec|damage|count|alloc|verified)|conformance_.*|kernels_a.*)$'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program() {    # program NAME FILE: of FILE, which runs in the emulator, a program that runs here
    printf '#!/bin/sh\nexec qemu-aarch64 -cpu max %q "$@"\n' "$(realpath "$2")" > "$work/$1"
    chmod +x "$work/$1"
}
program vqz "$dir/vqz"
program spec "$dir/spec/decoder/vqz-spec-decoder"
for variant in scalar neon neondot; do tests/test_conformance.sh "$work/vqz" $variant; done
conformance/run --strict "$work/spec"
[ -x "$native" ] || exit 0

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
