#!/bin/bash
# cuda_folders.sh VQZ COUNT PICTURE...   Folders of COUNT times the same picture, coded by the program VQZ: from PICTURE's format, and where that is PPM or PNG back to it. Rates with GPUs
# ($VQZ_CUDA_PLUGIN) beside those of the processor, whole runs of the program, files in $TMPDIR, else /tmp; the files are compared. Without a GPU nothing is printed, exit status 1.
set -euo pipefail
export LC_ALL=C
[ $# -ge 3 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
vqz=$1 count=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
table=''
row() {    # row WHAT DEVICE PIXELS COMMAND...
    local what=$1 device=$2 pixels=$3 begun=$EPOCHREALTIME
    shift 3
    "$@" || exit 1
    table+=$(awk -v a="$begun" -v b="$EPOCHREALTIME" -v n="$count" -v p="$pixels" -v w="$what" -v d="$device" \
        'BEGIN { t = b - a; printf "| %s | %s | %.1f | %.3f |", w, d, n / t, n * p / t * 1e-9 }')$'\n'
}
compare() {
    diff -rq "$1" "$2" > /dev/null || { echo "cuda_folders.sh: the GPU's files are not the processor's" >&2; exit 1; }
}
for picture in "$@"; do
    format=${picture##*.} name=${picture##*/}
    mkdir "$work/in"
    "$vqz" encode --quiet --device cuda -o "$work/one.vqz" "$picture"      # not timed: where the files and the driver come from
    pixels=$("$vqz" info --json "$work/one.vqz" | sed -n 's/.*"width": *\([0-9]*\).*"height": *\([0-9]*\).*/\1*\2/p')
    for ((i = 0; i < count; i++)); do cp "$picture" "$work/in/$i.$format"; done
    for device in cuda cpu; do row "encode $name" $device $((pixels)) "$vqz" encode --quiet --device $device -o "$work/$device" "$work/in"; done
    compare "$work/cuda" "$work/cpu"
    case $format in ppm | png)
        for device in cuda cpu; do row "decode $name" $device $((pixels)) "$vqz" decode --quiet --device $device --format "$format" -o "$work/$device.out" "$work/cpu"; done
        compare "$work/cuda.out" "$work/cpu.out"
    esac
    rm -rf "${work:?}"/*
done
printf '## Folders of %d pictures, whole runs of vqz, quality 75, effort 4, files on %s\n\n| what | device | pictures/s | GP/s |\n|---|---|---|---|\n%s' "$count" "$(stat -f -c %T "$work")" "$table"
