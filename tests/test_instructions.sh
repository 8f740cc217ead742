#!/bin/bash
# test_instructions.sh VQZ COMPILER [--print]   COMPILER: "GNU 12.2.0", say
# Counts the instructions of fixed work under callgrind and compares with tests/instructions.tsv: more than 3 % above the
# noted count fails. Counts do not depend on the machine, its load or its clock, but on the compiler, hence the column.
# Where a rise is worth it, replace the line's count and say why in its note; --print shows the lines as measured.
# Exit status 77: nothing could be compared here.
set -uo pipefail
vqz=$1 compiler=${2%%.*} print=${3:-}
cd "$(dirname "$0")" || exit 1
command -v valgrind >/dev/null || { echo "SKIPPED: valgrind is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compared=0 failed=0

# Twice the picture, one below the other: two tiles that look over their border.
"$vqz" encode -q 60 -o "$work/once.vqz" data/lake-192x128.jpg --quiet && "$vqz" decode -o "$work/once.ppm" "$work/once.vqz" --quiet || exit 1
{ printf 'P6\n192 256\n255\n'; for _ in 1 2; do tail -c $((192 * 128 * 3)) "$work/once.ppm"; done; } > "$work/twice.ppm"

count() {   # count CPU WORK -> instructions of that work
    local command
    case $2 in
    encode) command=(encode -q 60 -o "$work/$1.vqz" data/lake-192x128.jpg) ;;
    encode-residual) command=(encode -q 90 -o "$work/$1.residual.vqz" data/lake-192x128.jpg) ;;
    decode) command=(decode -o "$work/out.ppm" "$work/$1.vqz") ;;
    encode-tiles) command=(encode -q 60 --tile-size 128 -o "$work/$1.tiles.vqz" "$work/twice.ppm") ;;
    decode-tiles) command=(decode -o "$work/out.ppm" "$work/$1.tiles.vqz") ;;
    esac
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$vqz" "${command[@]}" --cpu "$1" -j 1 -f --quiet > "$work/log" 2>&1 ||
        { cat "$work/log" >&2; return 1; }
    sed -n 's/.*Collected : //p' "$work/log"
}

while IFS=$'\t' read -r cpu what built noted note; do
    if [ "$cpu" = cpu ]; then
        [ -z "$print" ] || printf '%s\t%s\t%s\t%s\t%s\n' "$cpu" "$what" "$built" "$noted" "$note"
        continue
    fi
    [ "$built" = "$compiler" ] || continue
    if [ "$cpu" != scalar ] && ! grep -qw "$cpu" /proc/cpuinfo; then
        echo "$cpu $what: not compared, this machine has no $cpu"
        continue
    fi
    now=$(count "$cpu" "$what") || { failed=1; continue; }
    compared=$((compared + 1))
    if [ -n "$print" ]; then
        printf '%s\t%s\t%s\t%s\t%s\n' "$cpu" "$what" "$built" "$now" "$note"
    elif [ $((now * 100)) -gt $((noted * 103)) ]; then
        echo "$cpu $what: $now instructions, more than 3 % above $noted (tests/instructions.tsv)"
        failed=1
    else
        echo "$cpu $what: $now instructions, $(((now - noted) * 1000 / noted)) thousandths from $noted"
    fi
done < instructions.tsv
[ $failed -eq 0 ] || exit 1
[ $compared -gt 0 ] || { echo "SKIPPED: tests/instructions.tsv has no counts for $compiler"; exit 77; }
