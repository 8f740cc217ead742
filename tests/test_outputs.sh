#!/bin/bash
# test_outputs.sh VQZ: what becomes of output names: links, devices, pipes, modes, an output that is the input, --resume, and what
# signals and full disks leave behind.
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"

picture 61 47 >a.ppm
run 0 "$vqz" encode -o a.vqz a.ppm
run 0 "$vqz" encode -q 30 -o other.vqz a.ppm
mkdir outside
echo precious >outside/file

# ---- output = input
cp a.vqz b.vqz
run 1 "$vqz" decode --format png -o b.vqz b.vqz
says "vqz: b.vqz: the output b.vqz is the same file"
ln -s b.vqz linked.vqz
run 1 "$vqz" decode --format png -o linked.vqz b.vqz
says "the same file"
ln b.vqz hard.png
run 1 "$vqz" decode -f -o hard.png b.vqz
says "the same file"
run 1 "$vqz" encode -o a.ppm a.ppm
says "the same file"
cp a.ppm in.ppm
"$vqz" encode -o in.ppm - <in.ppm 2>err && bad "standard input was replaced"
says "the same file"
same a.vqz b.vqz
same a.ppm in.ppm

# ---- names that the user gives: links are followed, devices and pipes written in place
ln -s outside/file to-file.vqz
run 0 "$vqz" encode -o to-file.vqz a.ppm
[ -L to-file.vqz ] || bad "the link was replaced"
same outside/file a.vqz
ln -s nowhere/file dangling.vqz
run 1 "$vqz" encode -o dangling.vqz a.ppm
says "dangling.vqz: a symbolic link to nothing"
[ -L dangling.vqz ] || bad "the dangling link was replaced"
run 0 "$vqz" encode -o /dev/null a.ppm
[ -c /dev/null ] || bad "/dev/null was replaced"
run 1 "$vqz" encode -o /dev/full a.ppm
says "cannot write /dev/full: No space left on device"
[ -c /dev/full ] || bad "/dev/full was replaced"
for name in - /dev/stdout /dev/fd/1; do
    { printf head; "$vqz" encode -o $name a.ppm; printf tail; } >piece 2>err || bad "-o $name: $(cat err)"
    { printf head; cat a.vqz; printf tail; } | cmp -s - piece || bad "-o $name into a file gave $(wc -c <piece) bytes"
    "$vqz" encode -o $name a.ppm | cmp -s - a.vqz || bad "-o $name into a pipe"
done
mkfifo pipe
cat pipe >through &
run 0 "$vqz" encode -o pipe a.ppm
wait $!
[ -p pipe ] || bad "the pipe was replaced"
same through a.vqz
run 1 "$vqz" encode -o outside a.ppm missing.ppm
says "missing.ppm: cannot open: No such file"
exists outside/a.vqz
run 1 "$vqz" encode -o a.ppm/x.vqz a.ppm
says "cannot write a.ppm/x.vqz: Not a directory"
long=$(printf 'x%.0s' {1..260}).vqz
run 1 "$vqz" encode -o "$long" a.ppm
says "File name too long"
name=$(printf 'y%.0s' {1..251}).vqz
run 0 "$vqz" encode -o "$name" a.ppm
same "$name" a.vqz
run 2 "$vqz" encode -o "" a.ppm
leftovers .

# ---- names that vqz makes up: nothing is written outside the folder
mkdir -p tree/sub/deep web beside
cp a.ppm tree/one.ppm
cp a.ppm tree/sub/two.ppm
cp a.ppm tree/sub/deep/three.ppm
echo keep >outside/one.vqz
ln -s ../outside/one.vqz web/one.vqz
ln -s ../outside web/sub
run 1 "$vqz" encode -o web tree
says "web/sub/two.vqz: one of its folders is a symbolic link"
[ -f web/one.vqz ] && [ ! -L web/one.vqz ] || bad "the link web/one.vqz was followed"
[ "$(cat outside/one.vqz)" = keep ] || bad "a link led out of the output folder"
absent outside/two.vqz outside/deep
ln -s web named
run 1 "$vqz" encode -o named tree         # the folder itself is the user's
[ -L named ] || bad "the link named was replaced"
rm web/sub
mkfifo web/fifo.vqz
cp a.ppm tree/fifo.ppm
run 1 timeout 20 "$vqz" encode -o web tree
says "web/fifo.vqz: a device or pipe of that name exists"
exists web/sub/two.vqz web/sub/deep/three.vqz
rm web/fifo.vqz
mkdir web/fifo.vqz
run 1 "$vqz" encode -o web tree
says "web/fifo.vqz: Is a directory"
rm -r web/fifo.vqz tree/fifo.ppm
# the parent of the working folder as an input: its name is not part of the output's
(cd beside && "$vqz" encode -o got ../tree/../tree) || bad "an input with .. in its name"
exists beside/got/one.vqz beside/got/sub/deep/three.vqz
# beside the input
cp a.ppm beside/p.ppm
ln -s ../outside/p.vqz beside/p.vqz
run 1 "$vqz" encode beside/p.ppm
says "beside/p.vqz exists"
run 0 "$vqz" encode -f beside/p.ppm
[ -L beside/p.vqz ] && bad "a link was followed: beside/p.vqz"
absent outside/p.vqz
# pipes and devices among the inputs are no pictures
mkdir odd
mkfifo odd/pipe.ppm
ln -s pipe.ppm odd/to-pipe.ppm
ln -s /dev/zero odd/zero.ppm
ln -s ../a.ppm odd/good.ppm
run 0 timeout 20 "$vqz" encode odd
[ "$(find odd -name '*.vqz')" = odd/good.vqz ] || bad "odd holds $(ls odd)"

# ---- modes
(umask 027 && "$vqz" encode -o mode.vqz a.ppm)
[ "$(stat -c %a mode.vqz)" = 640 ] || bad "umask 027 gave $(stat -c %a mode.vqz)"
chmod 604 mode.vqz
run 0 "$vqz" encode -o mode.vqz a.ppm
[ "$(stat -c %a mode.vqz)" = 604 ] || bad "a replaced file has mode $(stat -c %a mode.vqz), not 604"

# ---- --resume
run 0 "$vqz" encode -o res tree
cp other.vqz res/one.vqz
rm res/sub/two.vqz
run 0 "$vqz" encode --resume -v -o res tree
says "tree/one.ppm: res/one.vqz exists already"
same res/one.vqz other.vqz
identical res/sub/two.vqz a.vqz
touch -d '1 hour' tree/one.ppm
run 0 "$vqz" encode --resume -o res tree
identical res/one.vqz a.vqz
touch tree/one.ppm
run 0 "$vqz" encode tree
cp a.vqz tree/one.vqz                     # not made from this folder
run 1 "$vqz" encode tree
says "tree/one.vqz exists"
run 0 "$vqz" encode --resume tree

# ---- full and failing disks: nothing under the final name
{ echo P3 300 200 255; awk 'BEGIN { for (i = 0; i < 180000; i++) print int(256 * rand()) }'; } >big.ppm
(ulimit -f 16 && exec "$vqz" decode --format ppm -o small.ppm a.vqz) || bad "an output below the limit"
(ulimit -f 8 && exec "$vqz" encode -q 100 -o limit.vqz big.ppm) 2>err && bad "no error above ulimit -f"
says "cannot write limit.vqz: File too large"
absent limit.vqz
leftovers .
if command -v unshare >/dev/null && unshare -rm true 2>/dev/null; then
    mkdir disk
    run 0 unshare -rm bash -c '
        vqz=$0
        mount -t tmpfs -o size=40k none disk || exit 9
        echo old >disk/old.vqz
        "$vqz" encode -q 100 -o disk/old.vqz big.ppm 2>disk.err && exit 1
        grep -q "cannot write .*disk/old.vqz: No space left" disk.err || exit 2
        [ "$(ls -A disk)" = old.vqz ] && [ "$(cat disk/old.vqz)" = old ] || exit 3
        "$vqz" encode -o disk/tree tree || exit 4
        "$vqz" encode -q 100 -o disk big.ppm a.ppm 2>disk.err && exit 5
        [ ! -e disk/big.vqz ] && "$vqz" verify disk/a.vqz || exit 6
        mount -o remount,ro disk
        "$vqz" encode -o disk/b.vqz a.ppm 2>disk.err && exit 7
        grep -q "Read-only file system" disk.err || exit 8' "$vqz"
else
    echo "no user namespaces: the small disk is left out"
fi
"$vqz" encode -o - big.ppm | true
status=${PIPESTATUS[0]}
[ "$status" -eq 141 ] || [ "$status" -eq 0 ] || bad "a closed pipe gave exit $status"
(trap '' PIPE; sleep 0.3; "$vqz" decode --format ppm -o - a.vqz 2>err; echo $? >code) | { exec <&-; sleep 1; }
[ "$(cat code)" = 1 ] || bad "EPIPE gave exit $(cat code)"
says "cannot write standard output: Broken pipe"
"$vqz" info a.vqz >/dev/full 2>err && bad "info to a full disk"
says "cannot write to standard output: No space left"

# ---- closed standard files: nothing else may get their numbers
for close in '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
    eval '"$vqz" encode -v -o closed.vqz a.ppm '"$close" || bad "encode $close"
    same closed.vqz a.vqz
    eval '"$vqz" encode -v -f a.ppm missing.ppm '"$close" && bad "encode of a missing file $close"
    same closed.vqz a.vqz
done
"$vqz" info a.vqz >&- 2>err && bad "info to a closed file"
says "cannot write to standard output: Bad file descriptor"
"$vqz" encode -o closed.vqz - <&- 2>err && bad "encode of a closed file"
says "standard input: at byte 0: cannot read: Bad file descriptor"

# ---- signals: the temporary file goes, and the next run finishes
mkdir many
for i in 1 2 3 4 5 6 7 8; do cp a.ppm many/$i.ppm; done
for signal in TERM INT HUP QUIT; do
    for delay in 0.02 0.06; do
        rm -rf ended
        "$vqz" encode -e 6 -o ended many 2>/dev/null &
        sleep $delay
        kill -$signal $! 2>/dev/null
        wait $! 2>/dev/null
        [ ! -d ended ] || leftovers ended
        [ -z "$(find ended -name '*.vqz' 2>/dev/null)" ] || run 0 "$vqz" verify ended
        run 0 "$vqz" encode --resume -e 6 -o ended many
        [ "$(find ended -name '*.vqz' | wc -l)" -eq 8 ] || bad "the rerun left $(ls ended)"
    done
done

finish
