#!/bin/bash
# matrix.sh [CONFIGURATION...]   Builds the program and the decoder of spec/ in a temporary folder with each of the compilers and levels of
# optimisation below, and has them read and refuse the vectors of conformance/; then conformance/generate makes all vectors anew with that
# program as encoder, and they must be the same bytes. CONFIGURATIONs: gcc-O0, gcc-O3, clang-O0, clang-O3-native (-march=native).
# Sanitizers and other processors: ./test.sh, tools/test-arm64.sh, tools/test-arch.sh. Packages: tools/install-packages.sh build test full.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- gcc-O0 gcc-O3 clang-O0 clang-O3-native
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/again"
cp -r conformance "$work/again/"
ln -s "$PWD/models" "$PWD/spec" "$work/again/"
for configuration in "$@"; do
    case $configuration in
    gcc-O0 | clang-O0) flags=-O0 ;;
    gcc-O3) flags=-O3 ;;
    clang-O3-native) flags='-O3 -march=native' ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
    esac
    start=$SECONDS
    dir=$work/$configuration
    # No build type: its flags would come on top.
    { cmake -S . -B "$dir" -G Ninja -DCMAKE_C_COMPILER="${configuration%%-*}" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" \
        -DVQZ_BUILD_TESTS=ON -DVQZ_WERROR=ON && cmake --build "$dir" --parallel "$(nproc)" --target vqz_cli vqz_spec_decoder; } > "$dir.log" 2>&1 ||
        { tail -n 60 "$dir.log" >&2; exit 1; }
    "$dir/vqz" --version | tail -n 1
    for variant in scalar avx2 avx512vnni neon neondot; do
        tests/test_conformance.sh "$dir/vqz" $variant || [ $? -eq 77 ]
    done
    conformance/run --strict "$dir/spec/decoder/vqz-spec-decoder"
    "$work/again/conformance/generate" "$dir"
    diff -r -x __pycache__ conformance "$work/again/conformance"
    echo "$configuration: $((SECONDS - start)) s"
    rm -rf "$dir"
done
