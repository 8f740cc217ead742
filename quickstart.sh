#!/bin/bash
# quickstart.sh [FOLDER]   Installs what is needed, builds vqz, encodes the photos of FOLDER (default: samples/) to
# vqz-out/, decodes them again, and compares with JPEG files of equal PSNR.
set -euo pipefail
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
    sed -n '2,3s/^# //p' "$0"
    exit 2
fi
root=$(cd "$(dirname "$0")" && pwd)
folder=$(realpath -e -- "${1:-$root/samples}")
[ -d "$folder" ] || { echo "quickstart.sh: $folder is not a folder" >&2; exit 1; }
cd "$root"
tools/install-packages.sh build quickstart

echo "Building vqz in build/"
tools/build.sh build -DCMAKE_BUILD_TYPE=Release
vqz=$root/build/vqz out=$root/vqz-out
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

seconds() {   # seconds COMMAND...: runs it, prints how long it took
    local start
    start=$(date +%s%N)
    "$@" >&2
    awk -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%.2f", ns / 1e9 }'
}
psnr() {
    "$vqz" compare --json "$1" "$2" | sed -n 's/.*"psnr": *\([0-9.]*\).*/\1/p'
}
to_pnm() {
    case ${1,,} in
    *.png) pngtopnm -quiet "$1" ;;
    *.jpg | *.jpeg) djpeg -pnm "$1" ;;
    *) cat "$1" ;;
    esac
}
jpeg() {   # jpeg QUALITY: prints the size and PSNR of source.pnm as JPEG
    [ -s "$work/jpeg.$1" ] || {
        cjpeg -quality "$1" -optimize -outfile "$work/q.jpg" "$work/source.pnm" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
        echo "$(stat -c %s "$work/q.jpg") $(psnr "$work/source.pnm" "$work/q.jpg")" > "$work/jpeg.$1"
    }
    cat "$work/jpeg.$1"
}
reaches() {   # reaches QUALITY PSNR
    jpeg "$1" | awk -v want="$2" '{ exit !($2 >= want) }'
}
equal_jpeg() {   # equal_jpeg PSNR: size of a 4:2:0 JPEG of that PSNR, between two neighbouring qualities; - beyond them
    local low=1 high=100 middle
    rm -f "$work"/jpeg.*
    if reaches 1 "$1" || ! reaches 100 "$1"; then
        echo -
        return
    fi
    while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        if reaches $middle "$1"; then high=$middle; else low=$middle; fi
    done
    { jpeg $low; jpeg $high; } | awk -v want="$1" '
        { size[NR] = $1; db[NR] = $2 }
        END { f = (want - db[1]) / (db[2] - db[1]); printf "%.0f\n", exp(log(size[1]) + f * (log(size[2]) - log(size[1]))) }'
}

shopt -s nullglob nocaseglob
photos=("$folder"/*.{png,jpg,jpeg,ppm,pgm,pnm})
shopt -u nocaseglob
[ ${#photos[@]} -gt 0 ] || { echo "quickstart.sh: no PNG, JPEG or PNM pictures in $folder" >&2; exit 1; }
echo "Encoding $folder to vqz-out/ at the default quality, and decoding to PNG"
echo
row="%-28s %11s %11s %13s %7s %7s %9s %9s\n"
# shellcheck disable=SC2059  # the format is ours
printf "$row" picture "source B" ".vqz B" "equal JPEG B" saved "PSNR dB" "encode s" "decode s"
declare -A used
for photo in "${photos[@]}"; do
    name=$(basename "$photo")
    stem=${name%.*}
    [ -z "${used[$stem]:-}" ] || stem=$name   # a.png beside a.jpg
    used[$stem]=1
    encode=$(seconds "$vqz" encode -o "$out/$stem.vqz" "$photo")
    decode=$(seconds "$vqz" decode -o "$out/$stem.png" "$out/$stem.vqz")
    quality=$(psnr "$photo" "$out/$stem.png")
    size=$(stat -c %s "$out/$stem.vqz")
    equal=-
    if ! "$vqz" info --json "$out/$stem.vqz" | grep -qE '"layout": "(RGBA|gray.+)"'; then   # JPEG has no alpha
        to_pnm "$photo" > "$work/source.pnm"
        equal=$(equal_jpeg "$quality")
    fi
    saved=$(awk -v a="$size" -v b="$equal" 'BEGIN { if (b == "-") print b; else printf "%.0f %%", 100 - 100 * a / b }')
    # shellcheck disable=SC2059
    printf "$row" "$name" "$(stat -c %s "$photo")" "$size" "$equal" "$saved" "$quality" "$encode" "$decode"
done
echo
echo "equal JPEG: libjpeg-turbo (cjpeg -optimize, 4:2:0) at the same PSNR. Seconds are those of the whole command,"
echo "reading the picture and writing the PNG included. The program: build/vqz --help"
