#!/bin/bash
# test_rd.sh VQZ: vqz rd real and made-up coders: what is measured, what is absent, what fails, what a later run takes over, odd pictures and names.
samples=$(realpath samples)
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"
mkdir tmp bare photos
for tool in sh cat cp; do ln -s "$(command -v $tool)" bare/; done
rd=(env "PATH=$dir/bare:/no/such" "TMPDIR=$dir/tmp" "$vqz" rd)
lines() { wc -l <"$1"; }
clean() { [ -z "$(ls -A tmp)" ] || bad "temporary files are left: $(ls -A tmp)"; }

mkdir large
cp "$samples/lake-sherburne.jpg" large/
picture 300 180 >photos/lake.ppm
picture 200 190 >photos/b.ppm

# ---- without other coders: two of its own, and the others named
run 0 "${rd[@]}" --qualities 20,60,90 photos
for name in webp avif jxl hevc ssimulacra2 butteraugli; do
    says "vqz rd: $name is left out: program "
    grep -q "\"absent\":.*\"name\":\"$name\",\"why\":\"program [a-z0-9_]* not found" report/index.html || bad "the page does not name $name"
done
prints "report/index.html, report/rd.csv: 2 pictures, 2 curves"
[ "$(lines report/rd.csv)" -eq 13 ] || bad "rd.csv has $(lines report/rd.csv) lines"
exists report/index.html report/rows.tsv
# every figure is that of the file which the same commands make
awk -F, 'NR > 1 && $4 == "vqz-e4" && $5 == 60 && $1 == "lake.ppm" { print $7, $9, $10 }' report/rd.csv >row
run 0 "$vqz" encode -q 60 -o own.vqz photos/lake.ppm
read -r bytes psnr msssim <row
run 0 "$vqz" decode -o lake.ppm own.vqz
run 0 "$vqz" compare --json photos/lake.ppm lake.ppm
prints "\"psnr\": $psnr, \"msssim\": $msssim"
[ "$bytes" -eq "$(stat -c %s own.vqz)" ] || bad "rd has $bytes bytes, vqz encode $(stat -c %s own.vqz)"
clean

# ---- once more: nothing is measured again, by another order and a shorter list neither
cp report/rows.tsv rows && cp report/rd.csv before.csv
run 0 "${rd[@]}" -v --qualities 90,60,20 photos
same report/rows.tsv rows
same report/rd.csv before.csv
run 0 "${rd[@]}" -v --quiet --codecs vqz --qualities 20,60 photos
same report/rows.tsv rows
[ "$(lines report/rd.csv)" -eq 5 ] || bad "rd.csv has $(lines report/rd.csv) lines for two qualities"
# a new quality or effort: that alone; a changed picture: all of that one
run 0 "${rd[@]}" -v --qualities 20,60,75,90 photos
says "photos/b.ppm: vqz-e4: 1 rows"
says "photos/lake.ppm: jpeg: 1 rows"
[ $(($(lines report/rows.tsv) - $(lines rows))) -eq 4 ] || bad "$(lines report/rows.tsv) rows after $(lines rows) and four new ones"
picture 200 191 >photos/b.ppm
run 0 "${rd[@]}" -v --qualities 20,60 --efforts 4,1 photos
says "photos/b.ppm: vqz-e1: 2 rows"
says "photos/b.ppm: vqz-e4: 2 rows"
says "photos/lake.ppm: vqz-e1: 2 rows"
grep -q "lake.ppm: vqz-e4" err && bad "a row was measured again"
[ "$(lines report/rd.csv)" -eq 13 ] || bad "rd.csv has $(lines report/rd.csv) lines for three curves"

# ---- killed in the middle: what was measured is kept
run 0 "${rd[@]}" -o whole --jobs 1 --codecs jpeg,jpeg444 --qualities 10,20,30,40,50,60,70,80,90 large
"${rd[@]}" -o killed --jobs 1 --codecs jpeg,jpeg444 --qualities 10,20,30,40,50,60,70,80,90 large >/dev/null 2>&1 &
for ((i = 0; i < 300; i++)); do
    [ ! -s killed/rows.tsv ] || [ "$(lines killed/rows.tsv)" -lt 6 ] || break
    sleep 0.02
done
kill -9 $! && wait $! 2>/dev/null
cp killed/rows.tsv rows
run 0 "${rd[@]}" -o killed --jobs 2 --codecs jpeg,jpeg444 --qualities 10,20,30,40,50,60,70,80,90 large
head -c "$(stat -c %s rows)" killed/rows.tsv | cmp -s - rows || bad "rows from before the end were lost"
[ "$(cut -f1 killed/rows.tsv | sort | uniq -d | lines /dev/stdin)" -eq 0 ] || bad "a row was measured twice"
sed 's/,[^,]*,[^,]*$//' whole/rd.csv >one && sed 's/,[^,]*,[^,]*$//' killed/rd.csv >two
same one two
rm -rf tmp && mkdir tmp            # what SIGKILL leaves
"${rd[@]}" -o stopped --jobs 1 --codecs vqz --efforts 9 --metrics psnr photos >/dev/null 2>&1 &
sleep 0.5
kill $! && wait $! 2>/dev/null
for ((i = 0; i < 100; i++)); do [ -z "$(ls -A tmp)" ] || sleep 0.05; done
clean

# ---- other programs: they get words, not a shell's line; what they do wrong is told, and the rest is done
cat >bare/cwebp <<'END'
#!/bin/sh
[ "$1" != -version ] || { echo 1.2.3; exit 0; }
[ "$5" != 13 ] || { echo "no 13 for me" >&2; exit 7; }
for last; do :; done
printf x >>"${0%/*}/../encoded"
cat "$6" >"$last"
[ "$5" -ge 50 ] || echo more >>"$last"
END
cat >bare/dwebp <<'END'
#!/bin/sh
for last; do :; done
cp "$3" "$last"
END
chmod +x bare/cwebp bare/dwebp
mkdir "odd ; touch gone"
cp photos/b.ppm "odd ; touch gone/\$(touch gone) '\"<b>&.ppm"
run 0 "${rd[@]}" -o others --codecs jpeg,webp --qualities 20,80 "odd ; touch gone"
absent gone
grep -q '^"$(touch gone) '"'"'""<b>&.ppm",200,191,webp,80,80,114[0-9]*,24\.[0-9]*,148\.' others/rd.csv || bad "the picture that a coder copies: $(cat others/rd.csv)"
grep -qF '$(touch gone) '"'"'\"\u003cb>&.ppm' others/index.html || bad "the name is not in the page"
calls=$(stat -c %s encoded)
run 0 "${rd[@]}" -o others --codecs jpeg,webp --qualities 20,80 "odd ; touch gone"
[ "$(stat -c %s encoded)" -eq "$calls" ] || bad "rows of another program were measured again"
echo "# another version" >>bare/dwebp
run 0 "${rd[@]}" -o others --codecs jpeg,webp --qualities 20,80 "odd ; touch gone"
[ "$(stat -c %s encoded)" -gt "$calls" ] || bad "rows of a program that was replaced were taken over"
run 1 "${rd[@]}" -o others --codecs jpeg,webp --qualities 13,80 photos
says "photos/b.ppm: webp: cwebp ended with status 7: no 13 for me"
says "photos/lake.ppm: webp: cwebp ended with status 7"
grep -q '"failures":\[{"picture":0,"curve":1,"why":"cwebp ended with status 7: no 13 for me"}' others/index.html || bad "the page does not tell of failures"
grep -q ",jpeg,13," others/rd.csv || bad "the other coder was not measured"
printf '#!/bin/sh\n[ "$1" != -version ] || exit 0\nfor last; do :; done\necho no picture >"$last"\n' >bare/cwebp
run 1 "${rd[@]}" -o others --codecs webp --qualities 50 photos/b.ppm
says "photos/b.ppm: webp: "
clean

# ---- asked for by name, and not there
run 1 "${rd[@]}" -o named --codecs jpeg,avif --metrics butteraugli --qualities 50 photos
says "vqz rd: avif is left out: program avifenc not found (Debian package libavif-bin)"
says "vqz rd: butteraugli is left out: program butteraugli_main not found"
exists named/index.html named/rd.csv
run 1 "${rd[@]}" -o none --codecs avif photos
says "no coder to measure"
absent none
cat >bare/butteraugli_main <<'END'
#!/bin/sh
echo 3.25; echo "3-norm: 1.25"
END
cat >bare/ssimulacra2 <<'END'
#!/bin/sh
echo "a note" >&2; echo 71.5
END
chmod +x bare/butteraugli_main bare/ssimulacra2
run 0 "${rd[@]}" -o named --codecs jpeg --metrics butteraugli,ssimulacra2 --qualities 50 photos
grep -q ',71.5000,1.25000,' named/rd.csv || bad "what other metrics say: $(cat named/rd.csv)"
printf '#!/bin/sh\necho nothing\n' >bare/ssimulacra2
run 1 "${rd[@]}" -o named --codecs jpeg --metrics ssimulacra2 --qualities 51 photos/b.ppm
says "photos/b.ppm: jpeg: ssimulacra2 says nothing that vqz understands"
grep -q '^b.ppm,200,191,jpeg,51,51,.*,,,' named/rd.csv || bad "a metric that fails costs the row"
rm bare/butteraugli_main bare/ssimulacra2

# ---- odd pictures: what becomes of them is said
mkdir odd
printf 'P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\001\002\003\000\012\024\036\377' >odd/alpha.pam
printf 'P6 1 1 65535\n\377\377\200\000\000\000' >odd/deep.ppm
printf 'P5 2 2 255\n\000\100\200\377' >odd/gray.pgm
printf 'P6 100 100 255\nshort' >odd/short.ppm
echo text >odd/notes.txt
run 1 "${rd[@]}" -o oddities --codecs jpeg444 --qualities 100 odd
says "odd/alpha.pam: note: transparent pixels are shown over white"
says "odd/deep.ppm: note: "
says "odd/short.ppm: "
grep -q "16" err || bad "nothing is said of 16 bits"
[ "$(grep -c . oddities/rd.csv)" -ge 4 ] || bad "odd pictures were left out: $(cat oddities/rd.csv)"
grep -q '^gray.pgm,2,2,jpeg444,100,100,.*,,,' oddities/rd.csv || bad "a small gray picture: $(cat oddities/rd.csv)"
awk -F, '$1 == "alpha.pam" && $9 > 20 { ok = 1 } END { exit !ok }' oddities/rd.csv || bad "what shines through is not white"
mkdir empty
run 1 "${rd[@]}" empty
says "no pictures in this folder"
run 1 "${rd[@]}" -o photos/b.ppm/report photos
says "cannot make the folder"
run 2 "${rd[@]}"
run 2 "${rd[@]}" --codecs nosuch photos
run 2 "${rd[@]}" -
clean
finish
