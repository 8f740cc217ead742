#!/bin/bash
# test_program.sh VQZ PLUGIN [VECTORS]   The program with --device and PLUGIN, whose devices are the model's (fake.c): folders, what it says and does where devices are missing or
# fail, and all vectors of conformance/ unless VECTORS is no.
conformance=$(realpath conformance/run)
export VQZ_CUDA_PLUGIN=$2
vectors=${3:-yes}
# shellcheck source=tests/program.sh
. tests/program.sh

mkdir in
for i in 1 2 3 4; do picture $((20 + 4 * i)) 18 > in/$i.ppm; done
run 0 "$vqz" encode -q 60 -o cpu in
run 0 "$vqz" encode -q 60 --device cpu -o same in
run 0 "$vqz" encode -q 60 --device cuda -o gpu in
silent
run 0 env VQZ_FAKE_DEVICES=2 "$vqz" encode -q 60 --device cuda:1 -o one in
for i in 1 2 3 4; do
    for folder in same gpu one; do same cpu/$i.vqz $folder/$i.vqz; done
done
run 0 "$vqz" decode -o cpu cpu
run 0 "$vqz" decode --device auto -o gpu gpu
silent
for i in 1 2 3 4; do same cpu/$i.png gpu/$i.png; done
run 0 "$vqz" verify -v --device cuda gpu
says "gpu/4.vqz: good"

# ---- a device fails in the middle: the processor does what was on its way, and the rest
for fault in launch:150 address:400 memory:60; do
    run 0 env VQZ_FAKE=$fault "$vqz" encode -q 60 --device auto -o $fault in
    says "vqz: --device auto: the processor steps in: CUDA: "
    [ "$(wc -l < err)" = 1 ] || bad "more than one line about $fault: $(cat err)"
    for i in 1 2 3 4; do same cpu/$i.vqz $fault/$i.vqz; done
    run 0 env VQZ_FAKE=$fault "$vqz" encode -q 60 --device auto --quiet -o quiet in
    silent
    run 1 env VQZ_FAKE=$fault "$vqz" encode -q 60 --device cuda -o lost in
    says "(VQZ_ERR_DEVICE)"
done
run 0 env VQZ_FAKE=address:40 "$vqz" decode --device auto -o lost.png cpu/4.vqz
says "an illegal memory access"
same cpu/4.png lost.png

# ---- sums are proven before anything is asked of a device
run 0 "$vqz" encode -q 60 -o alone.vqz in/1.ppm
run 0 env VQZ_FAKE=mma "$vqz" encode -q 60 --device cuda -o dots.vqz in/1.ppm
says "vqz: model 0: note: its tensor cores give other sums than the definition"
[ "$(wc -l < err)" = 1 ] || bad "more than one line about sums: $(cat err)"
same alone.vqz dots.vqz

# ---- there is none
missing() {   # missing TEXT ENVIRONMENT...: what is said; auto goes on, cuda does not
    local text=$1
    shift
    run 0 env "$@" "$vqz" encode -f -q 60 --device auto -o none.vqz in/1.ppm
    says "vqz: --device auto: the processor steps in: "
    says "$text"
    same alone.vqz none.vqz
    rm none.vqz
    run 1 env "$@" "$vqz" encode -q 60 --device cuda -o none.vqz in/1.ppm
    says "vqz: --device: "
    says "$text (VQZ_ERR_DEVICE)"
    [ ! -e none.vqz ] || bad "a file without a device"
}
missing "no CUDA-capable device is detected" VQZ_FAKE_DEVICES=0
missing "driver version is insufficient for CUDA runtime version" VQZ_FAKE=driver
missing "compute capability 6.0, 7.5 is needed" VQZ_FAKE=old
missing "the device's sums are not those of the definition" VQZ_FAKE=sums
missing "/nowhere.so: cannot open shared object file: No such file or directory" VQZ_CUDA_PLUGIN=/nowhere.so
run 1 "$vqz" encode --device cuda:1 -o none.vqz in/1.ppm
says "GPU 1 is asked for, there are 1"
run 1 env VQZ_CUDA_PLUGIN=plugin.so "$vqz" encode --device auto -o none.vqz in/1.ppm
says "plugin.so is no absolute path"
run 1 "$vqz" encode --device cuda -e 5 -o none.vqz in/1.ppm
says "efforts up to 4"
run 0 "$vqz" encode --device auto -e 5 -o e5.vqz in/1.ppm
run 0 "$vqz" encode -e 5 -o e5cpu.vqz in/1.ppm
same e5.vqz e5cpu.vqz
run 0 "$vqz" encode --device cuda --lossless -o lossless.vqz in/1.ppm
run 0 "$vqz" encode --lossless -o cpu.vqz in/1.ppm
same cpu.vqz lossless.vqz
run 0 "$vqz" decode --device cuda -o lossless.ppm lossless.vqz
run 0 "$vqz" decode -o cpu.ppm lossless.vqz
same cpu.ppm lossless.ppm
run 2 "$vqz" encode --device gpu -o none.vqz in/1.ppm
says "expected auto, cpu, cuda or cuda:N"
run 2 "$vqz" encode --device cuda:-1 -o none.vqz in/1.ppm
run 2 "$vqz" decode --device cuda --sandbox -o none.png cpu/1.vqz
says "exclude each other"

# ---- several outputs are open at once: a signal leaves no temporary file of any
for delay in 0.1 0.2 0.4; do
    rm -rf ended
    "$vqz" encode --device cuda -o ended in 2> /dev/null &
    sleep $delay
    kill -TERM $! 2> /dev/null
    wait $! 2> /dev/null
    [ ! -d ended ] || leftovers ended
done

# ---- the vectors
export vqz
# shellcheck disable=SC2016
decode='"$vqz" decode --device cuda -j 1 --quiet -f --stored-orientation --model "$MODEL" -o "$OUT" "$IN"'
[ "$vectors" = no ] || "$conformance" --strict --partial "${decode/decode/decode --partial}" "$decode" || bad "conformance"
finish
