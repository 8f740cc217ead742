#!/bin/bash
# test.sh [--full]   Installs what is needed, builds with tests as Release (build/) and with AddressSanitizer and
# UndefinedBehaviorSanitizer (build-asan/), runs all tests in both, static checks (tools/static.sh), and the tests of
# the Python package (python/test.sh; skipped where Python's registry is out of reach).
# --full adds a clang build, every allocation of the program failing once (tests/test_faults.sh), compilers and levels of optimisation (tools/matrix.sh), a little fuzzing, cross builds for 64-bit ARM, s390x (big-endian) and i386 (32 bits), FFmpeg 5.1 built with libvqz, shares of a folder on Slurm, Open MPI, GNU parallel and Dask, Debian packages in a bare system, completions in zsh and fish, the sample photos through quickstart.sh and,
# where ../shared/kodak exists, the rate on Kodak; what passes is noted in docs/verified.tsv (tools/verified.sh).
set -uo pipefail
cd "$(dirname "$0")" || exit 1
full=0
case ${1:-} in
'') ;;
--full) full=1 ;;
*) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
esac
passed=0 failed=0 skipped=0 begun=$SECONDS

stage() {   # stage NAME COMMAND...: runs it, says how long it took, returns its status
    local name=$1 start=$SECONDS status
    shift
    echo "== $name"
    "$@"
    status=$?
    echo "== $name: $((SECONDS - start)) s$([ $status -eq 0 ] || { [ $status -eq 77 ] && echo ', SKIPPED' || echo ', FAILED'; })"
    return $status
}
must() {    # a stage without which the rest makes no sense
    stage "$@" || { echo "$passed passed, $((failed + 1)) failed"; exit 1; }
}
one() {     # a stage that counts as one test; exit status 77: it cannot be run here
    stage "$@"
    case $? in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)) ;;
    esac
}
suite() {   # suite NAME DIR: ctest in DIR, its tests counted
    local log counts not_run
    log=$(mktemp)
    stage "$1" ctest --test-dir "$2" --output-on-failure --parallel "$(nproc)" --no-tests=error > >(tee "$log") 2>&1 || :
    wait $!
    not_run=$(grep -c '(Skipped)$' "$log")     # which ctest counts as passed
    counts=$(sed -n 's/.* tests passed, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' "$log" | tail -1)
    rm "$log"
    if [ -z "$counts" ]; then
        failed=$((failed + 1))
    else
        failed=$((failed + ${counts% *}))
        passed=$((passed + ${counts#* } - ${counts% *} - not_run))
        skipped=$((skipped + not_run))
    fi
}
slow() {    # slow CHECK "PATHS" STAGE...: a check of --full, noted with the paths that it covers where it passes
    local check=$1 paths=$2 start=$SECONDS before=$failed
    shift 2
    figure=-
    "$@"
    # shellcheck disable=SC2086
    [ "$failed" -gt "$before" ] || tools/verified.sh add "$check" $((SECONDS - start)) "$figure" $paths || failed=$((failed + 1))
}
kodak() {   # the figure for docs/verified.tsv
    bench/rd.sh --metrics psnr --out runs/verify && figure=$(awk -F'|' '$2 ~ /^ vqz / { print "BD-rate PSNR" $3; exit }' runs/verify/rd.md)
}

must "packages" tools/install-packages.sh build test static quickstart python
must "build Release" tools/build.sh build -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_TESTS=ON -DVQZ_BUILD_PYTHON=ON -DVQZ_WERROR=ON
suite "tests Release" build
one "static checks" tools/static.sh
one "Python package" python/test.sh build/vqz
must "build with sanitizers" tools/build.sh build-asan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" -DVQZ_SANITIZE=ON -DVQZ_BUILD_TESTS=ON -DVQZ_WERROR=ON
suite "tests with sanitizers" build-asan
if [ $full = 1 ]; then
    program="CMakeLists.txt base cli cmake codec format include models tools/build.sh"
    vectors="conformance spec/decoder"
    must "packages for --full" tools/install-packages.sh full
    must "build with clang" tools/build.sh build-clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_TESTS=ON -DVQZ_WERROR=ON
    slow clang "$program $vectors examples samples tests training/count" suite "tests with clang" build-clang
    slow fuzzing "$program conformance fuzz" one "fuzzing, two seconds a target" fuzz/soak.sh --once --slice 2 --jobs 2 build-fuzz
    faults="$program tests/test_faults.sh tests/fault_shim.c tests/program.sh"
    slow faults "$faults" one "every allocation fails once" env EVERY=1 tests/test_faults.sh build/vqz build/fault_shim.so
    slow faults-asan "$faults" one "every allocation fails once, with sanitizers" env EVERY=1 tests/test_faults.sh build-asan/vqz build-asan/fault_shim.so
    slow matrix "$program $vectors tests/test_conformance.sh tools/matrix.sh" one "compilers and levels of optimisation" tools/matrix.sh
    must "packages for 64-bit ARM" tools/install-packages.sh arm64
    slow arm64 "$program $vectors samples tests tools/test-arm64.sh training/count" one "64-bit ARM in an emulator" tools/test-arm64.sh
    for arch in s390x i386; do
        must "packages for $arch" tools/install-packages.sh $arch
        slow $arch "$program $vectors tests tools/sysroot.sh tools/test-arch.sh training/count" one "$arch" tools/test-arch.sh $arch
    done
    must "packages for FFmpeg" tools/install-packages.sh ffmpeg
    slow ffmpeg "$program plugins tools/test-ffmpeg.sh" one "FFmpeg with libvqz" tools/test-ffmpeg.sh
    must "packages for clusters" tools/install-packages.sh cluster
    slow cluster "$program examples/dask_folder.py examples/dask-requirements.txt python tools/test-cluster.sh" one "shares on Slurm, Open MPI, GNU parallel and Dask" tools/test-cluster.sh build/vqz
    for shell in zsh fish; do one "completions in $shell" python3 tests/completions.py $shell build/vqz; done
    must "packages for .deb" tools/install-packages.sh deb
    slow deb "$program data plugins tools/bare-check.sh tools/test-deb.sh" one ".deb in a bare Debian" tools/test-deb.sh
    slow quickstart "$program quickstart.sh samples" one "quickstart" ./quickstart.sh
    [ ! -d ../shared/kodak ] || slow kodak-rate "$program bench" one "rate on Kodak" kodak
fi
stage "slow checks, as noted in docs/verified.tsv" tools/verified.sh
echo "== all: $((SECONDS - begun)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
