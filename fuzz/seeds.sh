#!/bin/bash
# seeds.sh DIR   Makes DIR/TARGET for the targets whose inputs are files of conformance/: the small ones.
set -euo pipefail
cd "$(dirname "$0")/../conformance"
out=$1
small=6000      # bytes
rm -rf "$out"
for target in probe demux decode sequence model metadata alpha residual pixels symbols roundtrip image_png image_jpeg image_pnm image_y4m image_webp image_tiff image_heif; do
    mkdir -p "$out/$target"
done
find valid partial invalid -name '*.vqz' -size -${small}c | while read -r file; do
    name=${file//\//-}
    cp "$file" "$out/demux/$name"
    case $file in
    */sequence-*) cp "$file" "$out/sequence/$name" ;;
    *photo-* | valid/exact-photo.vqz | valid/exact-screen.vqz | valid/screen.vqz) ;;       # made with a large model: seconds with sanitizers
    *) cp "$file" "$out/decode/$name" ;;
    esac
done
cp valid/rgb-16x16.vqz valid/tiles-3x2.vqz "$out/sequence/"
cp valid/rgb-16x16.vqz invalid/major.vqz invalid/cut-signature.vqz "$out/probe/"
cp models/plain.vqzm models/odd.vqzm "$out/model/"
find invalid -name '*.vqzm' -size -17000c -exec cp {} "$out/model/" \;
touch "$out/made"
