# To be sourced by tests of the program: a scratch folder to work in, and checks that count failures.
set -u
vqz=$(realpath "$1")
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm      # outputs are flushed to the disk, and the tests have thousands
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

bad() { echo "FAIL: $*"; failures=$((failures + 1)); }
# run CODE COMMAND...: the exit code must be CODE; output goes to ./out and ./err
run() {
    local want=$1 code
    shift
    "$@" >out 2>err </dev/null
    code=$?
    [ $code -eq "$want" ] || bad "exit $code, not $want: ${*/#$vqz/vqz}: $(head -c 300 err)"
}
says() { grep -qF -- "$1" err || bad "stderr lacks \"$1\": $(head -c 300 err)"; }
prints() { grep -qF -- "$1" out || bad "stdout lacks \"$1\": $(head -c 300 out)"; }
silent() { [ -s err ] && bad "unexpected message: $(head -c 300 err)"; }
exists() { for f in "$@"; do [ -s "$f" ] || bad "$f was not written"; done; }
absent() { for f in "$@"; do [ -e "$f" ] && bad "$f should not exist"; done; }
same() { cmp -s "$1" "$2" || bad "$1 and $2 differ"; }
# identical A B: the same pictures
identical() { run 0 "$vqz" compare "$1" "$2"; grep -q identical out || bad "$1 and $2 show different pictures"; }
# psnr A B MINIMUM
psnr() {
    run 0 "$vqz" compare --json "$1" "$2"
    awk -v min="$3" 'match($0, /"psnr": [0-9.]+/) { if (substr($0, RSTART + 8, RLENGTH - 8) + 0 >= min) ok = 1 } END { exit !ok }' out || bad "$1 and $2 are further apart than $3 dB: $(cat out)"
}
# picture WIDTH HEIGHT: a smooth colour picture in text PPM
picture() {
    awk -v w="$1" -v h="$2" 'BEGIN { print "P3", w, h, 255; for (y = 0; y < h; y++) for (x = 0; x < w; x++)
        print int(127 + 100 * sin(x / 19 + y / 31)), int(127 + 90 * sin(x / 23 - y / 17)), (x + y) % 256 }'
}
# leftovers FOLDER...: no temporary file may be there
leftovers() { local left; left=$(find "$@" -name '.*.??????' -type f); [ -z "$left" ] || bad "temporary files are left: $left"; }
# finish: the exit status of the test
finish() {
    [ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
    echo "all good"
    exit 0
}
