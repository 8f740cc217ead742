#!/bin/bash
# test_sandbox.sh VQZ: --sandbox changes no byte, no pixel and no message. Exit 77 where the system has no sandbox.
valid=$(realpath conformance/valid)
models=$(realpath conformance/models)
photo=$(realpath tests/data/small.jpg)
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"

picture 200 300 >a.ppm
run 0 "$vqz" encode --tile-size 128 -q 90 -o a.vqz a.ppm
if ! "$vqz" verify --sandbox a.vqz 2>err; then
    says "vqz: --sandbox: "
    [ "$(wc -l <err)" -eq 1 ] || bad "more than one error: $(cat err)"
    "$vqz" decode --sandbox -o none.png a.vqz 2>err && bad "--sandbox was left out silently"
    absent none.png
    [ $failures -eq 0 ] || finish
    echo "no sandbox here: $(cat err)"
    exit 77
fi

# both CODE INPUTS... -- COMMAND OPTIONS...: with and without, the same exit code, messages and files
both() {
    local want=$1 mode
    shift
    for mode in plain boxed; do
        rm -rf got && mkdir got
        if [ $mode = boxed ]; then run "$want" "$vqz" "$1" --sandbox "${@:2}"; else run "$want" "$vqz" "$@"; fi
        sed -i 's/, [0-9.]* s$//; s/, [0-9.]* MP\/s in [0-9.]* s$//' err
        mv err $mode.err
        rm -rf $mode && mv got $mode
    done
    diff -r plain boxed >differences || bad "--sandbox changes the output: $(head -3 differences): $*"
    diff plain.err boxed.err >differences || bad "--sandbox changes the messages: $(cat differences): $*"
}
for threads in 1 4; do
    both 0 decode -v -j $threads -o got/a.png a.vqz
    both 0 encode -v -j $threads --tile-size 128 -e 5 -o got/a.vqz a.ppm
    both 0 verify -v -j $threads a.vqz
done
both 0 encode -v --target-size 900 -o got/a.vqz a.ppm
both 0 encode -v -o got/a.vqz "$photo"
plain=(--model "$models/plain.vqzm")
for name in meta-iccp meta-exif meta-xmp meta-largest orientation-6 rgb-alpha-65x63 gray-alpha-65x63; do
    both 0 decode -v "${plain[@]}" -o got/a.png "$valid/$name.vqz"
    cp boxed/a.png $name.png
    both 0 encode -v -o got/a.vqz $name.png
done
for type in ppm pam y4m; do both 0 decode -v -o got/a.$type a.vqz; done
mkdir -p tree/sub
cp a.vqz tree/one.vqz
head -c 900 a.vqz >tree/cut.vqz
cp "$valid/rgb-65x63.vqz" tree/sub/foreign.vqz
cp a.vqz tree/sub/two.vqz
both 1 decode -v -o got tree
both 1 verify -v tree
both 0 decode -v --partial -o got/a.png tree/cut.vqz
both 1 decode -o got/a.png missing.vqz
both 1 decode -o got/a.png a.ppm
both 1 decode --memory 1M -o got/a.png a.vqz
both 1 decode -o /dev/full a.vqz
run 1 "$vqz" decode --sandbox --model a.ppm -o x.png a.vqz
says "vqz: a.vqz: --model a.ppm: not a vqz model"
"$vqz" decode -o - a.vqz >plain.png
"$vqz" decode --sandbox -o - - <a.vqz | cmp -s - plain.png || bad "--sandbox in a pipe"

# nothing outlives the program: the writer of the pipe meets a closed one
mkfifo pipe
(trap '' PIPE; exec 3>pipe; head -c 900 a.vqz >&3; sleep 1; for i in 1 2 3 4 5; do sleep 0.2; echo more >&3 || { echo closed >state; break; }; done) 2>/dev/null &
writer=$!
mkdir killed
"$vqz" decode --sandbox -o killed/ pipe 2>/dev/null &
reader=$!
sleep 0.5
[ -n "$(find killed -type f)" ] || bad "no temporary file while decoding in a sandbox"
kill -TERM $reader
wait $reader
[ -z "$(find killed -type f)" ] || bad "SIGTERM left $(find killed -type f)"
wait $writer
[ "$(cat state 2>/dev/null)" = closed ] || bad "the process in the sandbox outlives the program"

finish
