#!/bin/bash
# efforts.sh [--vqz PROGRAM] [--set DIR]   What `vqz encode -e` buys: BD-rate against JPEG (every fourth picture of the set) and
# processor seconds of one thread per megapixel at quality 50, for the efforts that differ. Writes docs/efforts.md.
set -euo pipefail
cd "$(dirname "$0")/.."
vqz=build/vqz set=../shared/kodak
while [ $# -gt 0 ]; do
    case $1 in
    --vqz) vqz=$2; shift 2 ;;
    --set) set=$2; shift 2 ;;
    *) sed -n '2,3s/^# //p' "$0"; exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
i=0
for f in "$set"/*; do
    [ $((i++ % 4)) -ne 0 ] || pictures+=("$f")
done
pixels=0
for f in "${pictures[@]}"; do
    read -r w h < <("$vqz" encode --quiet -o - "$f" | "$vqz" info --json - | sed -n 's/.*"width": *\([0-9]*\).*"height": *\([0-9]*\).*/\1 \2/p')
    pixels=$((pixels + w * h))
done
{
    echo "| effort | rounds | BD-rate PSNR | BD-rate MS-SSIM | seconds per megapixel | of effort 3 |"
    echo "|---|---|---|---|---|---|"
    for e in 3 4 5 6 7 8 9; do
        bench/rd.sh --set "$set" --every 4 --metrics psnr,msssim --tune psnr --effort $e --vqz "$vqz" --qualities "0 8 15 22 29 36 43 50 58 65 72 79" --out "$work/rd" > "$work/log" 2>&1 ||
            { cat "$work/log" >&2; exit 1; }
        rates=$(awk -F'|' '$2 ~ /^ vqz / { print $3 "|" $4; exit }' "$work/rd/rd.md")
        TIMEFORMAT=%U
        seconds=$( { time "$vqz" encode -j1 --tune psnr -q 50 -e $e --quiet -f -o "$work/out" "${pictures[@]}" > /dev/null; } 2>&1)
        rounds=$(echo "0 0 1 3 6 12 24" | cut -d' ' -f$((e - 2)))
        awk -v e=$e -v n="$rounds" -v r="$rates" -v s="$seconds" -v p=$pixels -v base="$(cat "$work/base" 2>/dev/null || echo "$seconds")" \
            'BEGIN { printf "| %d | %d |%s| %.2f | %.1f x |\n", e, n, r, s / p * 1e6, s / base }'
        [ -e "$work/base" ] || echo "$seconds" > "$work/base"
    done
} > "$work/table"
{
    echo "# Effort"
    echo
    echo "Made by \`bench/efforts.sh\`: BD-rate against cjpeg -optimize 4:2:0 over every fourth picture of the set, curves averaged (in brackets: the mean of"
    echo "the pictures' own), and processor time of one thread. Tuned for PSNR. 0 to 3 are one"
    echo "pass; 4, the default, also corrects the latents from quality 55 on; above, they are refined in rounds (codec/refine.h)."
    echo
    cat "$work/table"
} > docs/efforts.md
cat docs/efforts.md
