#!/bin/bash
# cuda.sh FOLDER   Times GPU 0 (bench/cuda), then folders through the program and all GPUs (bench/cuda_folders.sh), with what `tools/gpu.sh --pack FOLDER` has made, and prints
# a page. Without a GPU it says so, exit status 1.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH=$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} VQZ_CUDA_PLUGIN=$folder/bin/libvqz_cuda.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for size in 1920x1080 3840x2160; do
    for format in ppm png; do "$folder/bin/vqz" decode -o "$work/$size.$format" "$folder/pictures/$size.vqz"; done
    cp "$folder/pictures/$size.jpg" "$work"
done
"$folder/bin/bench_cuda" "$VQZ_CUDA_PLUGIN" "$work/1920x1080.ppm" "$work/3840x2160.ppm"
for pictures in 1920x1080:128 3840x2160:64; do
    echo
    "$here/cuda_folders.sh" "$folder/bin/vqz" ${pictures#*:} "$work/${pictures%:*}".{ppm,png,jpg}
done
