#!/bin/bash
# test_folders.sh VQZ: work on folders: what is taken and left out, what is up to date, several files at a time, --delete-source, what is said.
photo=$(realpath tests/data/small.jpg)
corpus=$(realpath fuzz/corpus)
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"

picture 61 47 >a.ppm
picture 40 30 >b.ppm
mkdir -p photos/sub/deep photos/thumbs
cp a.ppm photos/a.ppm
cp b.ppm photos/sub/b.ppm
cp "$photo" photos/sub/deep/c.jpg
cp b.ppm photos/thumbs/a.ppm
echo text >photos/notes.txt
touch -d '2001-02-03 04:05:06.789' photos/a.ppm
touch -d '1960-01-01 00:00:00.5' photos/sub/b.ppm

# ---- structure and times; what is up to date is left alone
state() { (cd "$1" && find . -name '*.vqz' -printf '%p %i %T@\n' | sort); }      # a file that is replaced is another inode
run 0 "$vqz" encode photos -o web
for name in sub/b sub/deep/c thumbs/a; do
    exists web/$name.vqz
    source=$(ls photos/$name.*)
    [ "$(stat -c %y "$source")" = "$(stat -c %y web/$name.vqz)" ] || bad "$name: $(stat -c %y web/$name.vqz) is not the time of the source"
done
[ "$(stat -c %y photos/a.ppm)" = "$(stat -c %y web/a.vqz)" ] || bad "a: $(stat -c %y web/a.vqz) is not the time of the source"
[ "$(find web -type f | wc -l)" -eq 4 ] || bad "web holds $(find web -type f)"
state web >before
run 0 "$vqz" encode -v photos -o web
says "photos/a.ppm: web/a.vqz is up to date"
says "0 of 4 files, 4 up to date"
says "photos/notes.txt: left out"
state web | cmp -s - before || bad "files that are up to date were written again"
picture 50 47 >photos/a.ppm
run 0 "$vqz" encode -v photos -o web
says "1 of 4 files, 3 up to date"
[ "$(state web | diff - before | grep -c '^>')" -eq 1 ] || bad "one source was changed: $(state web | diff - before)"
psnr photos/a.ppm web/a.vqz 25
cp photos/a.ppm same.ppm && touch -r photos/a.ppm same.ppm
cp same.ppm photos/a.ppm                  # the same bytes at another time
run 0 "$vqz" encode -v photos -o web
says "1 of 4 files, 3 up to date"
for option in "-q 60" "-e 5" "--tune psnr" "--lossless" "--strip" "--pixel-hash" "--tile-size 128" "--target-size 2000" "--fps 5" "--matrix bt601"; do
    # shellcheck disable=SC2086
    run 0 "$vqz" encode -v $option photos -o web
    says "4 of 4 files"
    # shellcheck disable=SC2086
    run 0 "$vqz" encode -v $option photos -o web
    says "0 of 4 files, 4 up to date"
done
run 0 "$vqz" encode -v -f photos -o web
says "4 of 4 files"
run 0 "$vqz" encode -v photos -o web --jobs 1 -j 1 --memory 2G
says "0 of 4 files, 4 up to date"
run 0 "$vqz" verify web
# beside the sources: only what was made from there is replaced
cp -r photos beside
run 0 "$vqz" encode beside
run 0 "$vqz" encode -v -q 50 beside
says "4 of 4 files"
cp beside/a.vqz beside/sub/b.vqz          # made from there, it says, so it may go
run 0 "$vqz" encode -v -q 50 beside
says "1 of 4 files, 3 up to date"
run 0 "$vqz" encode -o beside/a.vqz a.ppm
run 1 "$vqz" encode -q 50 beside
says "beside/a.vqz exists"
# the note is in files of folders only, and changes nothing else
run 0 "$vqz" encode -o single.vqz photos/sub/b.ppm
"$vqz" encode - <b.ppm >pipe.vqz || bad "encode in a pipe"
same single.vqz pipe.vqz
grep -qF fROM single.vqz && bad "a single file says where it comes from"
grep -qF fROM web/sub/b.vqz || bad "a file of a folder does not say where it comes from"
[ $(($(wc -c <web/sub/b.vqz) - $(wc -c <single.vqz))) -le 45 ] || bad "the note is long"
identical single.vqz web/sub/b.vqz
# a damaged note is no note
cp -r web broken
printf x | dd of=broken/a.vqz bs=1 seek=$(($(grep -abo fROM broken/a.vqz | cut -d: -f1) + 6)) conv=notrunc 2>/dev/null
run 0 "$vqz" encode -v photos -o broken
says "1 of 4 files, 3 up to date"
# decoding keeps times too
run 0 "$vqz" decode -o back web
[ "$(stat -c %y photos/sub/b.ppm)" = "$(stat -c %y back/sub/b.png)" ] || bad "decode: $(stat -c %y back/sub/b.png)"

# ---- filters
takes() {   # takes FILES OPTIONS...: which files are taken
    local want=$1
    shift
    run 0 "$vqz" encode --dry-run "$@" photos -o nowhere
    [ "$(sed 's/ -> .*//; s#photos/##' out | tr '\n' ' ')" = "$want" ] || bad "$*: took $(cat out)"
}
takes "a.ppm sub/b.ppm sub/deep/c.jpg thumbs/a.ppm "
prints "photos/sub/deep/c.jpg -> nowhere/sub/deep/c.vqz"
absent nowhere
takes "sub/deep/c.jpg " --include '*.jpg'
takes "a.ppm sub/b.ppm sub/deep/c.jpg " --exclude thumbs
takes "a.ppm " --exclude '*/'
takes "sub/b.ppm sub/deep/c.jpg " --exclude 'a.*'
takes "sub/b.ppm sub/deep/c.jpg thumbs/a.ppm " --exclude '/a.*'
takes "sub/deep/c.jpg " --exclude '*' --include '*.jpg'
takes "a.ppm sub/b.ppm " --include '*.ppm' --exclude thumbs/
takes "sub/deep/c.jpg " --include 'sub/**/*.jpg'
run 1 "$vqz" encode --include '*.gif' photos -o nowhere
says "no pictures in this folder that --include and --exclude let through"
run 0 "$vqz" encode --include '*.gif' photos/a.ppm -o named.vqz       # what is named is taken
exists named.vqz
run 2 "$vqz" encode --include '' photos

# ---- a dry run says what fails, too
cp a.ppm photos/sub/b.pnm
run 1 "$vqz" encode --dry-run photos -o nowhere
says "nowhere/sub/b.vqz is already made from photos/sub/b.pnm"
rm photos/sub/b.pnm
absent nowhere
run 0 "$vqz" encode --dry-run -v photos -o web
says "0 of 4 files, 4 up to date"

# ---- several files at a time: the same files and messages, in the same order
mkdir many
for i in $(seq 10 40); do cp b.ppm many/$i.ppm; done
echo bad >many/bad.png
head -c 300 a.ppm >many/23.ppm
run 1 "$vqz" encode -v --jobs 1 many -o one
sed 's/, [0-9.]* s$//; s/, [0-9.]* MP.*//; s#one/#X/#' err >one.err
for jobs in 2 7; do
    rm -rf some
    run 1 "$vqz" encode -v --jobs $jobs many -o some
    sed 's/, [0-9.]* s$//; s/, [0-9.]* MP.*//; s#some/#X/#' err >some.err
    same one.err some.err
    diff -r one some || bad "--jobs $jobs changes files"
done
grep -q '^vqz: many/bad.png: .*not a vqz, PNG' one.err || bad "no error for bad.png: $(cat one.err)"
grep -q '^vqz: many/23.ppm: .*ends early' one.err || bad "no error for 23.ppm: $(cat one.err)"
grep -q '^30 of 32 files, 2 failed' one.err || bad "no summary: $(tail -1 one.err)"
run 1 "$vqz" encode --quiet many -o some
[ "$(wc -l <err)" -eq 2 ] || bad "--quiet: $(cat err)"
rm many/bad.png many/23.ppm
if "$vqz" verify --sandbox web/a.vqz 2>/dev/null; then
    run 0 "$vqz" encode --sandbox --jobs 3 many -o boxed
    diff -r one boxed || bad "--sandbox with --jobs changes files"
    run 0 "$vqz" verify --sandbox --jobs 3 boxed
fi
for jobs in 0 x 5000; do run 2 "$vqz" encode --jobs $jobs many; done
# a signal leaves nothing behind, and the next run finishes without doing anything twice
for signal in TERM INT KILL; do
    rm -rf some
    "$vqz" encode -e 5 --jobs 3 many -o some 2>/dev/null &
    pid=$!
    for ((i = 0; i < 200; i++)); do [ "$(find some -name '*.vqz' 2>/dev/null | wc -l)" -ge 3 ] && break; sleep 0.01; done
    kill -$signal $pid
    wait $pid 2>/dev/null
    [ $signal = KILL ] && sleep 0.3       # the processes hear of it and clean up
    leftovers some
    state some >before
    run 0 "$vqz" encode -e 5 --jobs 3 many -o some
    [ "$(find some -name '*.vqz' | wc -l)" -eq 30 ] || bad "$signal: the rerun left $(find some -name '*.vqz' | wc -l) files"
    state some | grep -cFf before - | grep -qx "$(wc -l <before)" || bad "$signal: finished files were done again"
done

# ---- JSON
run 1 "$vqz" encode --json photos/a.ppm photos/missing.ppm -o json/
silent
[ "$(wc -l <out)" -eq 3 ] || bad "--json: $(cat out)"
prints '{"file": "photos/a.ppm", "output": "json/a.vqz", "state": "done", "bytes_in": '
prints '{"file": "photos/missing.ppm", "output": "json/missing.vqz", "state": "failed", "error": {"name": "VQZ_ERR_ARGUMENT", "text": "cannot open: No such file or directory"}}'
prints '{"summary": {"files": 2, "done": 1, "current": 0, "exists": 0, "would": 0, "failed": 1, '
printf 'P2 2 1 1000 1 2' >deep.pgm
run 0 "$vqz" encode --json -o deep.vqz deep.pgm
prints '"note": "16-bit samples reduced to 8"'
run 0 "$vqz" encode --json --dry-run photos -o nowhere
prints '"state": "would"'
run 0 "$vqz" verify --json web
prints '"file": "web/a.vqz", "state": "done"'
run 0 "$vqz" decode --json -o json/ web/a.vqz
prints '"bytes_out": '
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; [json.loads(l) for l in sys.stdin]' <out || bad "--json prints no JSON: $(cat out)"
fi
run 2 "$vqz" encode --json -o - a.ppm
"$vqz" encode --json - <a.ppm >out 2>err && bad "--json with the picture on standard output"

# ---- --delete-source
cp -r photos gone
run 0 "$vqz" encode -v --delete-source gone -o kept
says "source deleted"
[ "$(find gone -type f)" = gone/notes.txt ] || bad "left: $(find gone -type f)"
for f in a sub/b thumbs/a; do psnr photos/$f.ppm kept/$f.vqz 25; done
run 0 "$vqz" verify kept
cp a.ppm one.ppm
run 0 "$vqz" encode --lossless --delete-source one.ppm
absent one.ppm
run 0 "$vqz" compare a.ppm one.vqz
prints identical
# what is up to date from an earlier run goes too, when it proves whole
mkdir later && cp a.ppm b.ppm later
run 0 "$vqz" encode --pixel-hash later -o kept2
printf '\252' | dd of=kept2/b.vqz bs=1 seek=$(($(wc -c <kept2/b.vqz) - 30)) conv=notrunc 2>/dev/null
run 1 "$vqz" encode --delete-source later -o kept2
says "later/b.ppm: the source is kept: kept2/b.vqz, read back:"
absent later/a.ppm
exists later/b.ppm
run 1 "$vqz" encode --delete-source --lossless b.ppm -o /dev/null
exists b.ppm
run 0 "$vqz" encode -f --delete-source later -o kept2
absent later/b.ppm
# sources that have more than a .vqz keeps
mkdir rich
printf 'P5 2 1 65535\n\0\1\2\3' >rich/deep.pgm
ln -s ../a.ppm rich/link.ppm
cp "$photo" rich/good.jpg
cat a.ppm b.ppm >rich/pair.ppm
{ head -c 33 "$corpus/image_png/gray-8"; printf '\0\0\0\010acTL\0\0\0\002\0\0\0\0\363\215\223\160'; tail -c +34 "$corpus/image_png/gray-8"; } >rich/moving.png
run 1 "$vqz" encode --delete-source rich -o kept3
says "rich/deep.pgm: the source is kept: 16-bit samples reduced to 8"
says "rich/pair.ppm: the source is kept: the first picture of several"
says "rich/moving.png: the source is kept: its animation is left out"
says "rich/link.ppm: the source is kept: it is a link"
exists rich/deep.pgm rich/link.ppm a.ppm rich/pair.ppm rich/moving.png kept3/deep.vqz kept3/pair.vqz
absent rich/good.jpg
run 1 "$vqz" encode --delete-source rich -o kept3        # and so it remains
says "rich/deep.pgm: the source is kept"
says "rich/pair.ppm: the source is kept: the first picture of several"
{ head -c 2 "$photo"; printf '\377\342\000\012MPF\000MM\000\052'; tail -c +3 "$photo"; } >rich/gain.jpg
run 1 "$vqz" encode --delete-source --include gain.jpg rich -o kept3
says "rich/gain.jpg: the source is kept: further pictures behind the first one are left out"
exists rich/gain.jpg
{ cat "$photo"; printf '%05000d' 0; } >rich/film.jpg
{ cat "$photo"; printf '%0500d' 0; } >rich/phone.jpg
run 1 "$vqz" encode --delete-source --include film.jpg --include phone.jpg rich -o kept3
says "rich/film.jpg: the source is kept: what follows the picture in the file is left out"
exists rich/film.jpg
absent rich/phone.jpg
if cp "$corpus"/image_tiff/pages rich/pages.tif && "$vqz" encode -o tiff.vqz rich/pages.tif 2>/dev/null; then
    cp "$corpus"/image_tiff/cmyk rich/cmyk.tif
    cp "$corpus"/image_tiff/gray-16 rich/deep16.tif
    cp "$corpus"/image_tiff/rgb-tiff_lzw rich/plain.tif
    run 1 "$vqz" encode --delete-source --include '*.tif' rich -o kept3
    says "rich/pages.tif: the source is kept: the first page of several"
    says "rich/cmyk.tif: the source is kept: CMYK converted to RGB without its colour profile"
    says "rich/deep16.tif: the source is kept: 16-bit samples reduced to 8"
    exists rich/pages.tif rich/cmyk.tif rich/deep16.tif kept3/cmyk.vqz
    absent rich/plain.tif
fi
for words in "-o - a.ppm" "--dry-run photos" "--manifest m.tsv photos -o web"; do
    # shellcheck disable=SC2086
    run 2 "$vqz" encode --delete-source $words
done
exists a.ppm photos/a.ppm

# ---- the moving line: on a terminal of any width, and nothing of it in a log
if command -v script >/dev/null; then
    for columns in 40 100; do
        rm -rf moving
        script -qec "stty cols $columns; '$vqz' encode -e 7 --jobs 2 many -o moving" /dev/null >line </dev/null || bad "encode on a terminal"
        grep -q $'\r' line && grep -q 'MP/s' line || bad "no moving line: $(cat -v line)"
        sed 's/\x1b\[K//g; s/\r/\n/g' line | awk -v most=$columns 'length($0) >= most && !/of 30 files/ { exit 1 }' || bad "longer than $columns columns: $(cat -v line)"
        [ $columns = 40 ] || grep -q '[0-9]/30 \[[# ]* \?\]' line || bad "no gauge: $(cat -v line)"
        grep -q '30 of 30 files' line || bad "no last line: $(cat -v line)"
    done
    rm -rf moving                        # a terminal that becomes narrower while it works
    script -qec "stty cols 100; '$vqz' encode -e 9 --jobs 2 many -o moving & while [ ! -e moving/12.vqz ]; do sleep 0.01; done; stty cols 40; wait" /dev/null >line </dev/null
    sed 's/\x1b\[K//g; s/\r/\n/g' line | grep '/30 ' | awk '{ n = length($0) } n >= 40 { wide = 1 } END { exit !(wide && n < 40) }' ||
        bad "a terminal that becomes narrower: $(cat -v line)"
    rm -rf moving
    TERM=dumb script -qec "'$vqz' encode --jobs 2 many -o moving" /dev/null >line </dev/null
    grep -q 'MP/s.*\[K' line && bad "a moving line on a dumb terminal"
fi
rm -rf moving
run 0 "$vqz" encode --jobs 2 many -o moving
silent

# ---- names: an error is one line whatever they hold, and one that cannot be opened is an error
run 1 "$vqz" encode $'no\nsuch\e[2J.ppm'
says 'vqz: no?such?[2J.ppm: cannot open: No such file'
[ "$(wc -l <err)" -eq 1 ] || bad "an error of $(wc -l <err) lines"
mkdir deep
(
    cd deep || exit 1
    name=$(printf '%0250d' 0)
    for _ in $(seq 15); do mkdir "$name" && cd "$name" || exit 1; done         # deep and these: 4 + 15 * 251 = 3769 bytes
    mkdir "${name:0:230}" && cd "${name:0:230}" && cp "$dir/a.ppm" "${name:0:100}.ppm"
) || bad "cannot make long names"
run 1 "$vqz" encode deep a.ppm -o named
says "File name too long"
exists named/a.vqz

finish
