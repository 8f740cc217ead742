#!/bin/bash
# test_spec_decoder.sh VQZ SPEC_DECODER: the decoder written from spec/ alone makes the same pictures as the program, bit for bit,
# and refuses damaged files with the status that container.md names.
set -u
vqz=$(realpath "$1")
spec=$(realpath "$2")
model=$(realpath models/base.vqzm)
lines=$(cat $(ls spec/decoder/*.[ch] | grep -v /inter) | wc -l)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

bad() { echo "FAIL: $*"; failures=$((failures + 1)); }
# picture WIDTH HEIGHT SAMPLES KIND: a PAM file. smooth: waves, and alpha with a soft edge; noise; flat: few values, in patches
picture() {
    local names=(GRAYSCALE GRAYSCALE_ALPHA RGB RGB_ALPHA)
    printf 'P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n' "$1" "$2" "$3" "${names[$3 - 1]}"
    printf "$(awk -v w="$1" -v h="$2" -v n="$3" -v kind="$4" 'BEGIN {
        srand(w + h)
        for (y = 0; y < h; y++) for (x = 0; x < w; x++) for (k = 1; k <= n; k++) {
            alpha = k == n && n % 2 == 0
            if (kind == "noise") v = rand() * 256
            else if (kind == "flat") v = (int(x / 7) + int(y / 5)) % 3 * (alpha ? 1000 : 40 + 30 * k)
            else if (alpha) v = 128 + 30 * (w / 3 + h / 3 - sqrt((x - w / 2) ^ 2 + (y - h / 2) ^ 2) - 20)
            else v = 127 + 100 * sin(x / (17 + k) + y / 31) + k * (x * y % 3)
            printf "\\%03o", (v < 0 ? 0 : v > 255 ? 255 : int(v))
        } }')"
}
# same NAME OPTION...: NAME.pam, encoded with these options, decodes to the same file by both
same() {
    local name=$1
    shift
    "$vqz" encode --quiet -f "$@" -o t.vqz "$name.pam" || bad "vqz encode $* $name.pam"
    "$vqz" decode --quiet -f --stored-orientation -o want.pam t.vqz || bad "vqz decode of $name.pam $*"
    rm -f got.pam
    "$spec" "$model" t.vqz got.pam || bad "$name $*: refused"
    cmp -s want.pam got.pam || bad "$name $*: the pictures differ"
}
# refused STATUS NAME FILE [MODEL]
refused() {
    "$spec" "${4:-$model}" "$3" got.pam 2>err
    local code=$?
    [ $code -eq "$1" ] || bad "$3: exit status $code, not $1"
    [ "$(wc -l <err)" -eq 1 ] && grep -q "^vqz-spec-decoder: $2 ($1): " err || bad "$3: not one line with $2: $(cat err)"
}

picture 1 1 1 smooth >dot.pam
picture 1 17 4 flat >column.pam
picture 63 65 2 noise >noise.pam
picture 64 64 3 smooth >square.pam
picture 65 129 4 smooth >odd.pam
picture 70 50 3 noise >colour.pam
picture 330 200 4 flat >tiles.pam
picture 600 40 3 noise >wide.pam
same dot -q 0
same column -q 50
same noise -q 20
same noise -q 100
same square -q 85
same odd -q 75
same odd -q 95
same colour -q 60
same colour -q 100
same tiles -q 97 --tile-size 128 --pixel-hash
same tiles -q 30 --tile-size 192
same wide -q 50
same wide -q 40 --tile-size 128      # neighbouring tiles take part in pixels

same square -q 75
size=$(wc -c <t.vqz)
# byte OFFSET VALUE: t.vqz with one byte replaced
byte() { head -c "$1" t.vqz; printf "$2"; tail -c +$(($1 + 2)) t.vqz; }
head -c $((size - 1)) t.vqz >cut.vqz
byte 0 x >signature.vqz
byte 8 '\001' >version.vqz
byte $((size - 1)) "\\$(printf %o $(($(tail -c 1 t.vqz | od -An -tu1) ^ 1)))" >checksum.vqz
byte 45 1 >type.vqz
head -c 1000 "$model" >short.vqzm
{ head -c 400000 "$model"; printf 'x'; tail -c +400002 "$model"; } >other.vqzm
refused 8 TRUNCATED cut.vqz
refused 6 SIGNATURE signature.vqz
refused 7 VERSION version.vqz
refused 9 CHECKSUM checksum.vqz
refused 10 CORRUPT type.vqz
refused 13 MODEL_INVALID t.vqz short.vqzm
refused 12 MODEL_UNKNOWN t.vqz other.vqzm
refused 3 ARGUMENT absent.vqz

[ "$lines" -gt 0 ] && [ "$lines" -lt 1500 ] || bad "spec/decoder has $lines lines: it is to stay below 1,500, beside inter.c"

[ $failures -eq 0 ] && echo "all good" || { echo "$failures failures"; exit 1; }
