#!/bin/bash
# cuda.sh FOLDER   Times GPU 0 (bench/cuda) with the programs that `tools/gpu.sh --pack FOLDER` has made, and prints a page. Without a GPU it says so, exit status 1.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
folder=$(cd "$1" && pwd)
export LD_LIBRARY_PATH=$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for size in 1920x1080 3840x2160; do "$folder/bin/vqz" decode -o "$work/$size.ppm" "$folder/pictures/$size.vqz"; done
"$folder/bin/bench_cuda" "$folder/bin/libvqz_cuda.so" "$work/1920x1080.ppm" "$work/3840x2160.ppm"
