#!/bin/bash
# gpu.sh [--pack | --only STEP]... FOLDER   What to run on a machine with a GPU. The steps, in this order: kernels (their tests, against the processor, bit for bit),
# files (photos forth and back, as the processor's), bench (a page, also in FOLDER/cuda.md), sanitizer (compute-sanitizer's memcheck, racecheck,
# initcheck and synccheck over the tests), vectors (conformance/). Each is run whatever became of those before.
# FOLDER: what `gpu.sh --pack FOLDER` has made, here or on another machine: programs, the libraries that they need, pictures. --pack needs nvcc, cjpeg, djpeg and python3, no GPU; it builds
# in $BUILD, else build-gpu/.
# Exit status: 0 all right, 1 not, 2 usage.
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
pack='' only=''
while [[ ${1:-} == --* ]]; do
    case $1 in
    --pack) pack=1; shift ;;
    --only) only="$only ${2:-}"; shift 2 || exit 2 ;;
    *) set -- ;;
    esac
done
[ $# -eq 1 ] || { sed -n '2,7s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1" && folder=$(cd "$1" && pwd) || exit 2
tests='gpu_layers gpu_latents gpu_pixels'

if [ -n "$pack" ]; then
    build=${BUILD:-$here/build-gpu}
    cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release -DVQZ_BUILD_TESTS=ON > /dev/null &&
        cmake --build "$build" --parallel "$(nproc)" --target vqz_cli vqz_cuda_all > "$build/build.log" || { tail -n 30 "$build/build.log"; exit 1; }
    rm -rf "${folder:?}/bin" "${folder:?}/lib" "$folder/pictures"
    mkdir -p "$folder/bin" "$folder/lib" "$folder/pictures"
    cp "$build/vqz" "$build/cuda/libvqz_cuda.so" "$build/cuda/bench_cuda" "$folder/bin" || exit 1
    for name in $tests; do cp "$build/cuda/$name" "$folder/bin" || exit 1; done
    strip "$folder"/bin/*
    ldd "$folder"/bin/* | awk '$2 == "=>" && $3 ~ /^\// && $1 !~ /^(libc|libm|libdl|librt|libpthread)\.so/ { print $3 }' | sort -u | while read -r library; do
        cp -L "$library" "$folder/lib" || exit 1
    done
    for size in "1920 1080" "3840 2160"; do
        # shellcheck disable=SC2086
        python3 "$here/bench/mosaic.py" $size "$folder/photo.ppm" && "$build/vqz" encode -q 95 -o "$folder/pictures/${size/ /x}.vqz" "$folder/photo.ppm" &&
            cjpeg -quality 95 "$folder/photo.ppm" > "$folder/pictures/${size/ /x}.jpg" || exit 1
    done
    rm "$folder/photo.ppm"
    du -sh "$folder"
    exit 0
fi

export LD_LIBRARY_PATH=$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} VQZ_CUDA_PLUGIN=$folder/bin/libvqz_cuda.so
bin=$folder/bin vqz=$folder/bin/vqz
[ -x "$vqz" ] || { echo "gpu.sh: nothing is packed in $folder: gpu.sh --pack $folder" >&2; exit 2; }
said=$("$vqz" verify --device cuda "$folder/pictures/1920x1080.vqz" 2>&1)
case $said in "vqz: --device: "*) echo "gpu.sh: no GPU here, nothing is run: ${said#vqz: --device: }" >&2; exit 1 ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
step() {    # step NAME COMMAND...
    local name=$1 start=$SECONDS status
    shift
    [ -z "$only" ] || [[ " $only " == *" $name "* ]] || return 0
    echo "== $name"
    "$@"
    status=$?
    echo "== $name: $((SECONDS - start)) s, $([ $status -eq 0 ] && echo all right || echo "FAILED ($status)")"
    [ $status -eq 0 ] || failed=1
}
kernels() {
    local name status=0
    cd "$here" || return 1
    for name in $tests; do "$bin/$name" || { echo "$name: $?"; status=1; }; done
    return $status
}
sanitizer() {
    local name tool status=0
    command -v compute-sanitizer > /dev/null || { echo "there is no compute-sanitizer"; return 1; }
    cd "$here" || return 1
    for tool in memcheck racecheck initcheck synccheck; do
        for name in $tests; do compute-sanitizer --tool $tool --error-exitcode 9 "$bin/$name" > "$work/log" 2>&1 || { echo "$tool, $name: $?"; tail -n 30 "$work/log"; status=1; }; done
    done
    return $status
}
files() {
    local quality file
    for quality in 20 60 90; do
        "$vqz" encode -q $quality -o "$work/cpu$quality" "$here/samples" && "$vqz" encode -q $quality --device cuda -o "$work/gpu$quality" "$here/samples" &&
            diff -r "$work/cpu$quality" "$work/gpu$quality" &&
            "$vqz" decode --format ppm -o "$work/cpu.out" "$work/cpu$quality" && "$vqz" decode --format ppm --device cuda -o "$work/gpu.out" "$work/cpu$quality" &&
            diff -r "$work/cpu.out" "$work/gpu.out" || return 1
    done
    for file in "$folder"/pictures/*.vqz; do "$vqz" verify --device cuda "$file" || return 1; done
}
vectors() {
    # shellcheck disable=SC2016
    local decode='"$vqz" decode --device cuda -j 1 --quiet -f --stored-orientation --model "$MODEL" -o "$OUT" "$IN"'
    export vqz
    "$here/conformance/run" --strict --partial "${decode/decode/decode --partial}" "$decode"
}
bench() { "$here/bench/cuda.sh" "$folder" > "$folder/cuda.md" && cat "$folder/cuda.md"; }

step kernels kernels
step files files
step bench bench
step sanitizer sanitizer
step vectors vectors
exit $failed
