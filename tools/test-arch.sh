#!/bin/bash
# test-arch.sh ARCH [DIR] [VQZ]   Cross-builds for s390x (big-endian, run in qemu-user) or i386 (32 bits, run as it is) in DIR (build-ARCH) and runs
# tests: kernels, networks, formats, entropy coding, the vectors of conformance/ by both decoders; then compares a file and its pixels with
# those of VQZ (build/vqz), a program of this machine, where there is one. Packages: tools/install-packages.sh ARCH.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:-}
dir=${2:-build-$arch} native=${3:-build/vqz}
case $arch in
s390x) triple=s390x-linux-gnu libraries=s390x-linux-gnu slow='|chunks|inter|limits|pixels|screen|sequence|sequence_damage|vivid' ;;     # networks on pictures, in the emulator
i386) triple=i686-linux-gnu libraries=i386-linux-gnu slow= ;;
*) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
start=$SECONDS
took() { echo "$arch: $1: $((SECONDS - start)) s"; start=$SECONDS; }
tools/sysroot.sh "$arch" "$dir/sysroot"
root=$(cd "$dir/sysroot" && pwd)
path=$root/usr/lib/$libraries:$root/lib/$libraries:/usr/$triple/lib
case $arch in
s390x) emulator=(qemu-s390x -L /usr/$triple -E "LD_LIBRARY_PATH=$path") ;;
i386) emulator=(/usr/$triple/lib/ld-linux.so.2 --library-path "$path") ;;
esac
took libraries
tools/build.sh "$dir" -DCMAKE_TOOLCHAIN_FILE=cmake/sysroot.cmake -DVQZ_TRIPLE=$triple -DVQZ_LIBRARY_ARCHITECTURE=$libraries -DVQZ_SYSROOT="$root" \
    -DVQZ_EMULATOR="$(IFS=';'; echo "${emulator[*]}")" -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_TESTS=ON -DVQZ_WERROR=ON
took build
# Left out: for their time test_codec, test_damage, test_count, test_alloc, test_adjoint and $slow; what starts the program; the kernels of other processors.
ctest --test-dir "$dir" --output-on-failure --parallel "$(nproc)" --no-tests=error -LE '^program$' \
    -E "^(test_(codec|damage|count|alloc|adjoint|verified$slow)|conformance_.*|kernels_(amx.*|neon.*))\$"
took tests

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program() {    # program NAME FILE: of FILE, which runs in the emulator, a program that runs here
    printf '#!/bin/sh\nexec%s "$@"\n' "$(printf ' %q' "${emulator[@]}" "$(realpath "$2")")" > "$work/$1"
    chmod +x "$work/$1"
}
program vqz "$dir/vqz"
program spec "$dir/spec/decoder/vqz-spec-decoder"
"$work/vqz" --version | tail -n 1
for variant in scalar avx2 avx512vnni; do
    tests/test_conformance.sh "$work/vqz" $variant || [ $? -eq 77 ]
done
conformance/run --strict "$work/spec"
took conformance

[ -x "$native" ] || exit 0
photo=tests/data/lake-192x128.jpg
"$native" encode -q 60 -o "$work/native.vqz" "$photo"
"$native" decode --format ppm -o "$work/native.ppm" "$work/native.vqz"
"$work/vqz" encode -q 60 -o "$work/other.vqz" "$photo"
"$work/vqz" decode --format ppm -o "$work/other.ppm" "$work/native.vqz"
cmp "$work/native.vqz" "$work/other.vqz"
cmp "$work/native.ppm" "$work/other.ppm"
took "$(basename "$photo"), the same file and the same pixels"
