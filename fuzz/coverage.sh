#!/bin/bash
# coverage.sh [BUILD]   Which lines of format/ and codec/ the tests and the inputs of fuzz/ reach: builds with clang in BUILD (build-coverage), runs
# ctest there, without what takes minutes (test_codec, test_damage and the program's tests), and the corpora of a soak (SOAK=DIR) too; prints the
# table of docs/coverage.md.
# Exit status: 0 more than 90 % in all, 1 less, 2 no build.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
build=${1:-build-coverage}
flags="-O1 -g -fprofile-instr-generate -fcoverage-mapping"
nice -n 10 tools/build.sh "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="$flags" -DVQZ_HARDENING=OFF -DVQZ_BUILD_TESTS=ON || exit 2
build=$(cd "$build" && pwd)
rm -rf "$build/profiles"
export LLVM_PROFILE_FILE="$build/profiles/%4m.profraw"
left_out='^test_([a-z0-9_]*_[a-z0-9_]*|codec|damage|cli|count|faults|instructions|hardening|symbols|package|verified|frames|outputs|sandbox)$|^conformance_[^s]|_spec$'
if ! nice -n 10 ctest --test-dir "$build" -R '^(test|fuzz|conformance|kernels)_' -E "$left_out" --output-on-failure > "$build/ctest.log" 2>&1; then
    tail -n 30 "$build/ctest.log" >&2
    echo "some tests failed: their lines count as far as they came" >&2
fi
for corpus in "${SOAK:-/nonexistent}"/corpus/*; do
    [ ! -d "$corpus" ] || nice -n 10 "$build/fuzz/fuzz_${corpus##*/}" "$corpus" > /dev/null 2>&1 || echo "$corpus: failed" >&2
done
llvm-profdata merge -o "$build/all.profdata" "$build"/profiles/*.profraw || exit 2

ignored='^/usr/'
skip() { ignored+="|$1"; echo "Left out: $2"; }
grep -qw amx_int8 /proc/cpuinfo || skip 'kernels_amx\.c' "codec/nn/kernels_amx.c, whose instructions this machine lacks (the tests emulate some of them)"
grep -qw avx512_vnni /proc/cpuinfo || skip '(_avx512\.c|kernels_512\.h)' "*_avx512.c, whose instructions this machine lacks"
grep -qw avx_vnni /proc/cpuinfo || skip '_avxvnni\.c' "*_avxvnni.c, whose instructions this machine lacks"
grep -qw avx2 /proc/cpuinfo || skip '(_avx2\.c|kernels_256\.h)' "*_avx2.c, whose instructions this machine lacks"
[[ $(uname -m) =~ aarch64|arm64 ]] || echo "Left out: *_neon.c and *_neondot.c, which are not part of a build for this processor"
llvm-cov report "$build/libvqz.so" -instr-profile="$build/all.profdata" -ignore-filename-regex="$ignored" > "$build/report.txt"
awk -v root="$PWD/" '
    /^Filename|^-|^Files|^$/ { next }
    $1 == "TOTAL" { exit }
    { sub(root, "", $1) }
    $1 !~ /^(format|codec)\// { next }
    { file[++n] = $1; lines[n] = $8; missed[n] = $9 }
    END {
        print "| file | lines | reached | % |\n|---|---|---|---|"
        for (i = 1; i <= n; i++) {
            all += lines[i]; bad += missed[i]
            if (lines[i]) printf "| %s | %d | %d | %.1f |\n", file[i], lines[i], lines[i] - missed[i], 100 * (1 - missed[i] / lines[i])
        }
        if (!all) exit 1
        printf "| **all** | %d | %d | **%.1f** |\n", all, all - bad, 100 * (1 - bad / all)
        exit 100 * bad >= 10 * all
    }' "$build/report.txt"
