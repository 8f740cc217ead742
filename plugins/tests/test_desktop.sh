#!/bin/bash
# test_desktop.sh VQZ LOADER PROGRAM   Installs the gdk-pixbuf loader, the MIME type and the thumbnailer into a scratch folder; gdk-pixbuf (PROGRAM is test_gdk_pixbuf)
# must load pictures with the pixels that `vqz decode` gives and refuse damaged ones, GIO must know their type, and the thumbnailer's command must make thumbnails.
set -euo pipefail
vqz=$(realpath "$1") loader=$(realpath "$2") program=$(realpath "$3")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0
bad() { echo "FAIL: $*"; failures=$((failures + 1)); }

mkdir -p share/mime/packages
cp "$root/data/vqz.xml" share/mime/packages/
export XDG_DATA_DIRS=$work/share:/usr/share XDG_DATA_HOME=$work/share
update-mime-database share/mime     # gdk-pixbuf asks for types, too
"$(pkg-config --variable=gdk_pixbuf_query_loaders gdk-pixbuf-2.0)" "$loader" >loaders.cache
grep -q '"image/x-vqz"' loaders.cache || bad "the loader does not say what it loads: $(cat loaders.cache)"
export GDK_PIXBUF_MODULE_FILE=$work/loaders.cache

photo=$root/samples/lake-sherburne.jpg
"$vqz" encode --quiet -e 1 -o photo.vqz "$photo"
{ printf '\xff\xd8\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0'; tail -c +3 "$root/tests/data/small.jpg"; } >turned.jpg     # orientation 6
"$vqz" encode --quiet -o turned.vqz turned.jpg
"$vqz" decode --quiet -o photo.pam photo.vqz
"$vqz" decode --quiet -o turned.pam turned.vqz
for channels in 1 2 3 4; do
    awk -v n=$channels 'BEGIN { split("GRAYSCALE GRAYSCALE_ALPHA RGB RGB_ALPHA", kind, " ")
        printf "P7\nWIDTH 70\nHEIGHT 50\nDEPTH %d\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n", n, kind[n]
        for (i = 0; i < 70 * 50; i++) for (c = 0; c < n; c++) printf "%c", 32 + (i % 70 + c * 20 + int(i / 70)) % 90 }' >p$channels.pam
    LC_ALL=C "$vqz" encode --quiet -q 90 -o p$channels.vqz p$channels.pam
    "$vqz" decode --quiet -f -o p$channels.pam p$channels.vqz
done
for file in photo turned p1 p2 p3 p4; do "$program" $file.vqz $file.pam || bad "$file"; done

head -c 3000 photo.vqz >short.vqz
{ head -c 2000 photo.vqz; printf 'damaged'; tail -c +2008 photo.vqz; } >damaged.vqz
for file in short damaged; do "$program" $file.vqz - >message || bad "$file"; done
grep -q crc32c message || bad "what is wrong is not said: $(cat message)"

for file in $(printf '%s\n' "$root"/conformance/invalid/*.vqz | awk 'NR % 9 == 1'); do "$program" "$file" - >message || bad "$file"; done
cp photo.vqz nameless
for file in photo.vqz nameless; do
    gio info -a standard::content-type $file | grep -q ' image/x-vqz$' || bad "GIO takes $file for something else: $(gio info -a standard::content-type $file)"
done
size=128 url=file://$work/photo.vqz
command=$(sed -n 's/^Exec=//p' "$root/data/vqz.thumbnailer" | sed "s,%s,$size,; s,%u,$url,; s,%o,thumbnail.png,")
$command || bad "$command"
"$vqz" encode --quiet --lossless -o thumbnail.vqz thumbnail.png
"$vqz" info thumbnail.vqz | grep -q 128 || bad "the thumbnail has another size: $("$vqz" info thumbnail.vqz)"
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "gdk-pixbuf, GIO and the thumbnailer know .vqz files"
