#!/bin/bash
# Speed and memory: bench/speed.sh [--quick] [--runs N] [--quality Q] [--out FILE.json] [PICTURE.ppm...]
# Without pictures: a 768x512 cut and a 4000x3000 mosaic of samples/. bench/README.md explains the columns.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=5 quality=75 quick=0 out=runs/speed.json pictures=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --runs) runs=$2; shift ;;
    --quality) quality=$2; shift ;;
    --out) out=$2; shift ;;
    -*) sed -n '2,3s/^# //p' "$0"; exit 2 ;;
    *) pictures+=("$1") ;;
    esac
    shift
done
tools/install-packages.sh build bench
cmake -S . -B build-bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_BENCH=ON >/dev/null
cmake --build build-bench --target bench_codec >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mosaic() {   # 5 x 5 photos of 900x640, each row starting one photo later, cut to 4000x3000
    local photos=(samples/*.jpg) rows=() row col
    for photo in "${photos[@]}"; do djpeg -outfile "$work/$(basename "$photo").ppm" "$photo"; done
    for row in 0 1 2 3 4; do
        local line=()
        for col in 0 1 2 3 4; do line+=("$work/$(basename "${photos[(row + col) % ${#photos[@]}]}").ppm"); done
        pnmcat -lr "${line[@]}" > "$work/row$row"
        rows+=("$work/row$row")
    done
    pnmcat -tb "${rows[@]}" | pnmcut 0 0 4000 3000
    rm "${rows[@]}"
}
if [ ${#pictures[@]} -eq 0 ]; then
    djpeg samples/lake-sherburne.jpg | pnmcut 66 64 768 512 > "$work/small.ppm"
    pictures=("$work/small.ppm")
    if [ $quick = 0 ]; then
        mosaic > "$work/large.ppm"
        pictures+=("$work/large.ppm")
    fi
fi

echo "Quality $quality, $runs runs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) threads"
echo
echo "| codec | cpu | threads | picture | bpp | PSNR | encode MP/s | decode MP/s | encode / webp | decode / webp | encode MB | decode MB | model ms |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
threads=(1)
[ "$(nproc)" -eq 1 ] || threads+=("$(nproc)")
for picture in "${pictures[@]}"; do
    for t in "${threads[@]}"; do
        for cpu in avx512vnni avxvnni avx2 neondot neon scalar; do
            # the reference kernels are slow: small pictures only, one run
            n=$runs
            if [ $cpu = scalar ]; then
                if [ "$(stat -c %s "$picture")" -gt 5000000 ] || [ "$t" -gt 1 ]; then continue; fi
                n=1
            fi
            build-bench/bench_codec -q "$quality" -t "$t" -c $cpu -n "$n" -w -j "$work/lines" "$picture"
        done
    done
done
mkdir -p "$(dirname "$out")"
{ echo "["; sed '$!s/$/,/' "$work/lines"; echo "]"; } > "$out"
echo
echo "written: $out"
