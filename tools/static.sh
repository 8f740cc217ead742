#!/bin/bash
# static.sh [TOOL...]   Looks for defects in the sources without running them; a finding is a failure. TOOLs, all if none is named:
#   clang-tidy   the checks of .clang-tidy
#   cppcheck     its warnings of errors, of speed and of portability
#   gcc          gcc -fanalyzer, of all but tests/ and fuzz/ (where malloc fails, a test may crash)
# DIR (build): a finished build with tests. JOBS: files at a time. Packages: tools/install-packages.sh build test static.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export dir=${DIR:-build}
jobs=${JOBS:-$(nproc)}
[ -f "$dir/compile_commands.json" ] || { echo "static.sh: no build in $dir: tools/build.sh $dir -DVQZ_BUILD_TESTS=ON" >&2; exit 2; }
[ $# -gt 0 ] || set -- clang-tidy cppcheck gcc
commands() { sed -n 's/^ *"command": "\(.*\.c\)",*$/\1/p' "$dir/compile_commands.json" | sed 's/\\\(.\)/\1/g'; }

one_tidy() {
    local out
    out=$(clang-tidy -p "$dir" --quiet "$1" 2>&1) || { echo "$out"; return 1; }
}
one_gcc() {   # a compiler command
    local words out skip=()
    eval "words=($1)"       # quoted for a shell, as CMake does
    # What gcc 12 gets wrong:
    case $1 in
    */cli/paths.c | */cli/image_y4m.c | */cli/image_tiff.c | */cli/image_heif.c) skip=(-Wno-analyzer-malloc-leak) ;;        # loses sight of what a copied struct, or a struct's first member, owns
    */format/demux.c | */codec/encoder_tile.c | */spec/decoder/exact.c | */codec/nn/kernels_avx512.c | */codec/nn/kernels_amx.c) skip=(-Wno-analyzer-use-of-uninitialized-value) ;;   # does not know what a function in another file, or a loop, fills
    */codec/masking.c) skip=(-Wno-analyzer-shift-count-overflow) ;;              # does not know shifts of vectors
    */codec/latent_dec.c) skip=(-Wno-analyzer-shift-count-overflow -Wno-analyzer-use-of-uninitialized-value) ;;         # nor that a loop fills one
    */codec/palette.c) skip=(-Wno-analyzer-null-dereference) ;;                  # does not know that every colour has been entered
    esac
    out=$("${words[@]}" -fanalyzer -O1 -U_FORTIFY_SOURCE -Werror "${skip[@]}" -o /dev/null 2>&1) || { echo "$out"; return 1; }
}
export -f one_tidy one_gcc
run() {
    case $1 in
    clang-tidy) commands | sed 's/.* //' | sort -u | xargs -P "$jobs" -I{} bash -c 'one_tidy "$1"' - {} ;;
    gcc) commands | grep -vE '/(tests|fuzz)/[^/]*$' | xargs -P "$jobs" -d '\n' -I{} bash -c 'one_gcc "$1"' - {} ;;
    # cppcheck does not know that CMocka's assertions and FUZZ_CHECK end a test. Shifts of negative numbers to the right are arithmetic in all
    # compilers that we use; memory is cut into arrays of floats at aligned places; rows of pixels have room before their first; means are of one number and more.
    cppcheck) cppcheck --project="$dir/compile_commands.json" --enable=warning,performance,portability --std=c11 -j "$jobs" --quiet --error-exitcode=1 \
        --suppress='*:/usr/*' --suppress='arrayIndexOutOfBoundsCond:tests/*' --suppress='arrayIndexOutOfBoundsCond:fuzz/*' --suppress='nullPointerRedundantCheck:fuzz/*' \
        --suppress='uninitvar:tests/*' --suppress='negativeIndex:codec/pixels.c' --suppress='zerodiv:spec/decoder/plane.c' --suppress=shiftNegativeLHS --suppress=invalidPointerCast ;;
    *) sed -n '2,6s/^# //p' tools/static.sh >&2; exit 2 ;;
    esac
}
failed=0
for tool in "$@"; do
    start=$SECONDS
    if run "$tool"; then result=none; else result=FINDINGS failed=1; fi
    echo "$tool: $result, $((SECONDS - start)) s"
done
exit $failed
