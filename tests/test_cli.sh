#!/bin/bash
# test_cli.sh VQZ: the program from end to end. Needs only a shell, awk and the program itself; JPEG cases use samples/.
samples=$(realpath samples 2>/dev/null)
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"

picture 200 180 >a.ppm
picture 61 47 >b.ppm

# ---- one file, names made by the program
run 0 "$vqz" encode a.ppm
silent
exists a.vqz
run 1 "$vqz" encode a.ppm
says "a.vqz exists"
run 0 "$vqz" encode -f -q 60 a.ppm
run 0 "$vqz" decode a.vqz
exists a.png
psnr a.ppm a.vqz 30
psnr a.ppm a.png 30
psnr a.png a.vqz 140
run 1 "$vqz" decode a.vqz
run 0 "$vqz" verify a.vqz
run 0 "$vqz" verify -v a.vqz
says "a.vqz: good"

# ---- the same bytes and pixels whatever the processor, the threads and the way in and out
run 0 "$vqz" --version
here=$(sed -n 's/^kernels: .* have //p' out)
case " $here " in *" scalar "*) ;; *) bad "vqz --version lists no kernels: $(cat out)" ;; esac
for cpu in auto $here; do
    run 0 "$vqz" encode --cpu $cpu -j 3 -q 60 -o cpu.vqz a.ppm
    same a.vqz cpu.vqz
    run 0 env VQZ_CPU=$cpu "$vqz" decode -j 1 -o cpu.png a.vqz
    same a.png cpu.png
done
for cpu in avx2 neon; do     # no machine has both
    case " $here " in *" $cpu "*) continue ;; esac
    run 1 env VQZ_CPU=$cpu "$vqz" encode -o lacks.vqz a.ppm
    says "lacks the kernels $cpu"
    run 0 env VQZ_CPU=$cpu "$vqz" encode --cpu scalar -o cpu.vqz a.ppm
done
run 2 "$vqz" encode --cpu fast -o cpu.vqz a.ppm
says "--cpu fast: expected auto"
run 2 env VQZ_CPU=fast "$vqz" encode -o cpu.vqz a.ppm
says "VQZ_CPU=fast: expected auto"
"$vqz" encode -q 60 - <a.ppm >pipe.vqz || bad "encode in a pipe"
same a.vqz pipe.vqz
"$vqz" encode -q 60 -o - a.ppm | "$vqz" decode - | cmp -s - a.png || bad "PNG through two pipes"
"$vqz" decode --format ppm -o - a.vqz >pipe.ppm || bad "PPM to a pipe"
psnr pipe.ppm a.png 140
run 0 "$vqz" decode -o /dev/null --format pam a.vqz
[ -c /dev/null ] || bad "/dev/null was replaced"

# ---- types
for type in png ppm pnm pam y4m; do
    run 0 "$vqz" decode -o t.$type a.vqz
    psnr t.$type a.png 40
    run 0 "$vqz" encode -o t.vqz t.$type
    psnr t.vqz a.png 30
done
run 0 "$vqz" decode --png-level 9 -o t9.png a.vqz
psnr t9.png a.png 140
run 1 "$vqz" decode -o t.pgm a.vqz
says "no colour"
run 1 "$vqz" decode -o t.bmp a.vqz
says "t.bmp tells no type"
absent t.pgm t.bmp
for size in "1 1" "1 17" "63 65" "64 64" "65 129"; do
    picture $size >s.ppm
    run 0 "$vqz" encode -q 90 -o s.vqz s.ppm
    run 0 "$vqz" decode -o s.png s.vqz
    psnr s.ppm s.png 20
done
printf 'P2 40 30 255\n' >g.pgm
awk 'BEGIN { for (i = 0; i < 1200; i++) print int(100 + i / 12) }' >>g.pgm
run 0 "$vqz" encode g.pgm
run 0 "$vqz" info g.vqz
prints "40x30 gray"
run 0 "$vqz" decode -o g2.pgm g.vqz
psnr g.pgm g2.pgm 30

# ---- alpha: exact, and hidden colour does not matter
{ printf 'P7\nWIDTH 90\nHEIGHT 70\nDEPTH 4\nMAXVAL 126\nTUPLTYPE RGB_ALPHA\nENDHDR\n'
  LC_ALL=C awk 'BEGIN { for (y = 0; y < 70; y++) for (x = 0; x < 90; x++) printf "%c%c%c%c", 33 + x, 33 + y, 60, (x - 45) ^ 2 + (y - 35) ^ 2 < 900 ? 126 : 1 + (x + y) % 9 }'
} >alpha.pam
run 0 "$vqz" encode alpha.pam
run 0 "$vqz" decode -o alpha2.pam alpha.vqz
psnr alpha.pam alpha2.pam 30
run 0 "$vqz" decode -o alpha.ppm alpha.vqz
says "alpha left out"

# ---- folders
mkdir -p "tree/in ner/deep" tree/.hidden
cp a.ppm tree/a.ppm
cp b.ppm "tree/in ner/b.PPM"
cp b.ppm tree/in\ ner/deep/c.d.ppm
cp b.ppm tree/.hidden/x.ppm
echo text >tree/notes.txt
ln -s . tree/loop
run 0 "$vqz" encode -o web/new tree
exists web/new/a.vqz "web/new/in ner/b.vqz" "web/new/in ner/deep/c.d.vqz"
[ "$(find web -type f | wc -l)" -eq 3 ] || bad "web holds $(find web -type f)"
run 0 "$vqz" decode --format pnm -o back web/new
exists back/a.pnm "back/in ner/b.pnm" "back/in ner/deep/c.d.pnm"
run 1 "$vqz" decode -o back web/new a.vqz
says "back/a.png is already made from web/new/a.vqz"
run 0 "$vqz" encode -v tree
says "3 of 3 files"
exists tree/a.vqz "tree/in ner/b.vqz"
absent tree/.hidden/x.vqz
run 0 "$vqz" verify tree
mkdir empty
run 1 "$vqz" encode -o x empty
says "no pictures"
absent x
run 0 "$vqz" encode -o many/ a.ppm b.ppm
exists many/a.vqz many/b.vqz
run 2 "$vqz" encode -o a.vqz a.ppm b.ppm
says "must name a folder"
run 2 "$vqz" encode -o - a.ppm b.ppm

# ---- info, models, compare
run 0 "$vqz" info --json a.vqz web
[ "$(wc -l <out)" -eq 4 ] || bad "info --json: $(cat out)"
prints '"width": 200, "height": 180, "layout": "RGB"'
prints '"quality": 60'
"$vqz" info - <a.vqz >out || bad "info of standard input"
prints "200x180"
run 0 "$vqz" models
prints "(default)"
run 0 "$vqz" models --json
prints '"licence"'
run 0 "$vqz" compare a.ppm a.vqz
prints "PSNR"
prints "MS-SSIM"
prints "of a.ppm"
run 0 "$vqz" compare a.png a.png
prints "identical"
run 1 "$vqz" compare a.ppm b.ppm
says "200x180"

# ---- targets
bytes=$(($(wc -c <a.vqz) * 3 / 4))
run 0 "$vqz" encode --target-size $bytes -o target.vqz a.ppm
size=$(wc -c <target.vqz)
[ "$size" -le $bytes ] && [ "$size" -ge $((bytes * 9 / 10)) ] || bad "--target-size $bytes gave $size"
run 1 "$vqz" encode --target-size 20 -o tiny.vqz a.ppm
says "out of reach"
run 1 "$vqz" encode --target-psnr 99 -o tiny.vqz a.ppm
says "out of reach"
absent tiny.vqz
run 0 "$vqz" encode --target-psnr 32.5 -o target.vqz a.ppm
psnr a.ppm target.vqz 32.5

# ---- hostile and broken inputs
head -c 5000 a.ppm >cut.ppm
run 1 "$vqz" encode -o cut.vqz cut.ppm
says "vqz: cut.ppm: at byte 5000: the file ends early"
absent cut.vqz
run 1 "$vqz" encode -o cut.vqz missing.ppm
says "missing.ppm: cannot open"
run 1 "$vqz" encode -o cut.vqz a.vqz
says "already"
run 1 "$vqz" decode -o cut.png a.ppm
says "is a PNM file"
run 1 "$vqz" encode --max-pixels 1000 -o cut.vqz a.ppm
says "max-pixels 1000"
run 1 "$vqz" decode --memory 1k -o cut.png a.vqz
: >nothing
run 1 "$vqz" decode -o cut.png nothing
says "is empty"
run 1 "$vqz" encode -o no/where.vqz a.ppm
says "cannot write no/where.vqz"
half=$(($(wc -c <a.vqz) / 2))
head -c $half a.vqz >half.vqz
run 1 "$vqz" decode -o cut.png half.vqz
says "half.vqz: "
run 1 "$vqz" verify a.vqz half.vqz
says "half.vqz"
{ head -c $half a.vqz; printf 'XYZZY'; tail -c +$((half + 6)) a.vqz; } >flip.vqz
run 1 "$vqz" verify flip.vqz
run 1 "$vqz" decode -o cut.png flip.vqz
{ cat a.vqz; echo more; } >longer.vqz
run 0 "$vqz" verify longer.vqz      # spec/container.md: what follows a file is not part of it
absent cut.vqz cut.png
leftovers .

# --partial: what a truncated file of many tiles still holds
picture 400 600 >tall.ppm
run 0 "$vqz" encode --tile-size 128 -o tall.vqz tall.ppm
head -c $(($(wc -c <tall.vqz) * 2 / 3)) tall.vqz >torn.vqz
run 1 "$vqz" decode -o torn.png torn.vqz
absent torn.png
run 0 "$vqz" decode --partial -o torn.png torn.vqz
says "tiles are missing"
run 0 "$vqz" compare --json tall.ppm torn.png

# some file fails: the others are done
run 1 "$vqz" encode -o mixed a.ppm cut.ppm b.ppm
exists mixed/a.vqz mixed/b.vqz
absent mixed/cut.vqz

# an output that exists survives a failure; a signal leaves nothing behind
echo precious >keep.vqz
run 1 "$vqz" encode -o keep.vqz cut.ppm
[ "$(cat keep.vqz)" = precious ] || bad "a failed encode touched its output"
mkfifo pipe
"$vqz" encode -o signal/ pipe 2>/dev/null &
pid=$!
{ head -c 300 a.ppm; for i in 1 2 3 4 5 6 7 8 9 10; do [ -n "$(find signal -type f 2>/dev/null)" ] && break; sleep 0.1; done
  [ -n "$(find signal -type f 2>/dev/null)" ] || bad "no temporary file while encoding"; kill -TERM $pid; wait $pid 2>/dev/null; } >pipe
[ -z "$(find signal -type f)" ] || bad "SIGTERM left $(find signal -type f)"

# ---- the command line
run 2 "$vqz"
says "vqz encode"
run 2 "$vqz" encod a.ppm
says "no command"
run 2 "$vqz" encode
says "which file"
run 2 "$vqz" encode -q 101 a.ppm
says "expected a number from 0 to 100"
run 2 "$vqz" encode --effort a.ppm b.ppm
run 2 "$vqz" decode --fps 5 a.vqz
says "vqz encode has it"
run 2 "$vqz" encode -x a.ppm
run 2 "$vqz" encode -q
says "needs a value"
run 2 "$vqz" encode --target-size 5 --target-psnr 5 a.ppm
run 2 "$vqz" compare a.ppm
run 2 "$vqz" compare a.ppm b.ppm g.pgm
run 2 "$vqz" decode - -
run 1 "$vqz" encode --model a.ppm -o m.vqz b.ppm
says "a.ppm"
run 0 "$vqz" --version
prints "vqz "
for command in encode decode info verify compare transcode rd manifest models help; do
    run 0 "$vqz" $command --help
    prints "usage: vqz $command"
    cp out help
    run 0 "$vqz" help $command
    same out help
    awk 'length($0) > 80 { exit 1 }' out || bad "vqz help $command has lines over 80 columns"
done
run 0 "$vqz" help --man
prints ".TH VQZ 1"
prints "target\-psnr"
run 2 "$vqz" help nonsense

# ---- JPEG, and orientation: a picture is turned once, whichever way it goes
if [ -n "$samples" ] && ls "$samples"/*.jpg >/dev/null 2>&1; then
    cp "$(ls -S "$samples"/*.jpg | tail -1)" photo.jpg
    run 0 "$vqz" encode -q 40 photo.jpg
    psnr photo.jpg photo.vqz 22
    # the same photo with an EXIF block that says: turn by 90 degrees
    { head -c 2 photo.jpg; printf '\377\341\000\042Exif\000\000MM\000\052\000\000\000\010\000\001\001\022\000\003\000\000\000\001\000\006\000\000\000\000\000\000'; tail -c +3 photo.jpg; } >turned.jpg
    run 0 "$vqz" encode -q 40 turned.jpg
    run 0 "$vqz" info turned.vqz
    prints "orientation  6"
    run 0 "$vqz" decode -o upright.png turned.vqz
    run 0 "$vqz" decode --stored-orientation -o stored.png turned.vqz
    psnr turned.jpg turned.vqz 22
    psnr turned.jpg upright.png 22
    psnr turned.jpg stored.png 22
    psnr upright.png stored.png 140
    run 0 "$vqz" encode -q 40 -o again.vqz upright.png
    run 0 "$vqz" info --json again.vqz
    prints '"orientation": 1'
    prints '"exif_bytes": 26'
    psnr turned.jpg again.vqz 22
    run 0 "$vqz" encode -q 40 --strip -o bare.vqz turned.jpg
    run 0 "$vqz" info --json bare.vqz
    prints '"orientation": 6'
    prints '"exif_bytes": 0'
    psnr bare.vqz upright.png 140
    run 0 "$vqz" encode -q 40 -o stored.vqz stored.png
    psnr stored.vqz upright.png 22
fi

finish
