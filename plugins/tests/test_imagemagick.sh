#!/bin/bash
# test_imagemagick.sh VQZ   ImageMagick with the delegates of plugins/imagemagick: what it reads is what `vqz decode` gives, what it writes can be read, damaged files are an error.
set -euo pipefail
vqz=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
convert=$(command -v magick || command -v convert-im6.q16) || { echo "there is no ImageMagick here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ln -s "$vqz" vqz
cp "$root/plugins/imagemagick/delegates.xml" .
export PATH=$work:$PATH MAGICK_CONFIGURE_PATH=$work
failures=0
bad() { echo "FAIL: $*"; failures=$((failures + 1)); }

"$vqz" encode --quiet -o a.vqz "$root/tests/data/lake-192x128.jpg"
"$vqz" decode --quiet -o a.ppm a.vqz
"$convert" a.vqz b.ppm
cmp a.ppm b.ppm || bad "it reads other pixels"
"$convert" a.vqz -resize 50% small.png
"$convert" "a picture.png" x.vqz 2>/dev/null && bad "a file that is not there was converted"
"$convert" small.png "it's small.vqz"
"$vqz" info --json "it's small.vqz" | grep -q '"width": 96, "height": 64' || bad "it writes something else: $("$vqz" info --json "it's small.vqz")"
"$convert" small.png -alpha set -channel A -evaluate set 50% alpha.vqz
"$convert" alpha.vqz alpha.png
[ "$("$convert" alpha.png -format '%[channels] %wx%h' info:)" = 'srgba 96x64' ] || bad "alpha is lost: $("$convert" alpha.png -format '%[channels] %wx%h' info:)"
head -c 500 a.vqz >short.vqz
"$convert" short.vqz c.ppm 2>message && bad "a damaged file was read"
grep -q 'the file ends' message || bad "what is wrong is not said: $(cat message)"
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "ImageMagick reads and writes .vqz files"
