#!/bin/bash
# test_frames.sh VQZ: sequences in and out of the program: numbered files, y4m, PAM, pipes, damage, and memory that does not grow.
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"

# frame N: a picture that moves
frame() { awk -v n="$1" 'BEGIN { print "P3 120 70 255"; for (y = 0; y < 70; y++) for (x = 0; x < 120; x++) print int(127 + 100 * sin((x + 9 * n) / 19 + y / 31)), int(127 + 90 * sin(x / 23 - (y + n) / 17)), (x + 3 * y + 5 * n) % 256 }'; }
for n in 0 1 2 3; do frame $n >f0$n.ppm; done

# ---- numbered files in and out
run 0 "$vqz" encode -q 60 --fps 30000/1001 -o film.vqz f%02d.ppm
run 0 "$vqz" info film.vqz
for line in "film.vqz: 120x70 RGB" "frames       4" "timebase     1001/30000 s" "duration     0.133 s"; do prints "$line"; done
run 0 "$vqz" info --json film.vqz
prints '"timebase": [1001, 30000], "frames": 4, "duration": 0.133467'
run 0 "$vqz" decode -o out%d.png film.vqz
exists out1.png out4.png
absent out0.png out5.png
for n in 0 1 2 3; do
    run 0 "$vqz" encode -q 60 -o still.vqz f0$n.ppm      # the same pixels as a still's
    run 0 "$vqz" decode -o still.ppm still.vqz
    run 0 "$vqz" decode -o want.png still.vqz
    same want.png out$((n + 1)).png
    cat still.ppm >>all.ppm
done
run 0 "$vqz" decode -o got.ppm film.vqz
same all.ppm got.ppm
run 0 "$vqz" verify -v film.vqz
says "film.vqz: good, 4 frames"
cp f00.ppm g1.ppm
cp f01.ppm g2.ppm
run 0 "$vqz" encode -v -o g.vqz g%d.ppm                  # begins with 1
says "120x70, 2 frames, quality 75"
cp f00.ppm 'odd%d.ppm'
run 0 "$vqz" encode -o odd.vqz 'odd%d.ppm'               # a file of that very name
run 0 "$vqz" info odd.vqz
grep -q frames out && bad "a file named like a pattern became a sequence"
run 0 "$vqz" decode -o one%03d.png still.vqz             # a still is one frame
exists one001.png

# ---- y4m, through pipes, and a sandbox where there is one
run 0 "$vqz" decode -o film.y4m film.vqz
head -n 1 film.y4m | grep -q "F30000:1001 " || bad "y4m does not have the rate"
run 0 "$vqz" encode -q 60 -o again.vqz film.y4m
run 0 "$vqz" info again.vqz
prints "frames       4"
"$vqz" encode -q 60 - <film.y4m 2>err | cmp - again.vqz || bad "another file in a pipe: $(cat err)"
"$vqz" decode --format y4m - <film.vqz 2>err | cmp - film.y4m || bad "another film in a pipe: $(cat err)"
run 0 "$vqz" encode -q 60 --fps 10 -o slow.vqz film.y4m
run 0 "$vqz" info slow.vqz
prints "duration     0.400 s"
cat film.vqz | "$vqz" info - >out 2>err
prints "frames       not known"
if "$vqz" decode --sandbox -o boxed.y4m film.vqz 2>err; then same boxed.y4m film.y4m; fi

# ---- what is refused
run 1 "$vqz" decode -f film.vqz
says "film.vqz: has several frames: use -o NAME%04d.png"
absent film.png
run 1 "$vqz" compare film.vqz f00.ppm
says "has several frames"
run 1 "$vqz" encode --target-size 5k -o no.vqz f%02d.ppm
says "has several frames"
run 2 "$vqz" encode f%02d.ppm
says "name it with -o"
run 2 "$vqz" decode --sandbox -o s%d.png film.vqz
says "cannot be opened in a sandbox"
for rate in 0 x 25/0 1/2/3 25fps 99999999999 .5 -1; do
    run 2 "$vqz" encode --fps="$rate" -o no.vqz f%02d.ppm
    says "--fps $rate: expected a number of frames"
done
picture 33 20 >h1.ppm
cp f00.ppm h0.ppm
run 1 "$vqz" encode -o no.vqz h%d.ppm
says "h1.ppm: 33x20 with 3 samples a pixel, the first picture has 120x70 with 3"
head -c 30000 film.y4m >short.y4m
run 1 "$vqz" encode -o no.vqz short.y4m
says "the file ends early"
absent no.vqz

# ---- damage: the second of four frames, and the last one cut off
offset() { LC_ALL=C grep -abo FRAM film.vqz | sed -n "$1s/:.*//p"; }
second=$(offset 2)
{ head -c $((second + 80)) film.vqz; printf 'xxxx'; tail -c +$((second + 85)) film.vqz; } >damaged.vqz
run 1 "$vqz" decode -o d%d.ppm damaged.vqz
says "1 of 4 frames cannot be decoded: TILE chunk at offset"
says "(VQZ_ERR_CHECKSUM)"
[ "$(wc -l <err)" -eq 1 ] || bad "not one line: $(cat err)"
absent d2.ppm
exists d1.ppm d3.ppm d4.ppm
run 0 "$vqz" decode -o w%d.ppm film.vqz
for n in 1 3 4; do same d$n.ppm w$n.ppm; done
run 1 "$vqz" decode -o d.y4m damaged.vqz                 # all or nothing
absent d.y4m
run 1 "$vqz" verify damaged.vqz
says "(VQZ_ERR_CHECKSUM)"
run 0 "$vqz" decode --partial -o d.pam damaged.vqz
says "note: 1 of 4 frames cannot be decoded and are left out"
run 0 "$vqz" decode -o w.pam film.vqz
[ "$(wc -c <d.pam)" -eq $(($(wc -c <w.pam) / 4 * 3)) ] || bad "not three pictures"
head -c $(($(offset 4) + 100)) film.vqz >cut.vqz
run 1 "$vqz" decode -o c%d.ppm cut.vqz
says "(VQZ_ERR_TRUNCATED)"
[ "$(wc -l <err)" -eq 1 ] || bad "not one line: $(cat err)"
for n in 1 2 3; do same c$n.ppm w$n.ppm; done
absent c4.ppm

# ---- many frames through a pipe take no more memory than two
film() { printf 'YUV4MPEG2 W64 H64 F25:1 Cmono\n'; for ((i = 0; i < $1; i++)); do printf 'FRAME\n'; tail -c $((4096 + i)) film.y4m | head -c 4096; done; }
through() { film "$1" | "$vqz" encode -q 10 -e 0 -j 1 --memory "$2" - 2>err | "$vqz" decode -j 1 --memory "$2" --format y4m - 2>>err | wc -c >bytes; [ ! -s err ]; }
memory=1000
while ! through 2 ${memory}k && [ $memory -lt 30000 ]; do memory=$((memory + 200)); done
through 500 $((memory + 200))k || bad "500 frames do not fit where two do, in $memory kB: $(head -c 300 err)"
[ "$(cat bytes)" -gt $((500 * 4102)) ] || bad "500 frames became $(cat bytes) bytes"
leftovers .
finish
