#!/bin/bash
# test_ffmpeg_overlay.sh VQZ FOLDER: FFmpeg with libvqz, built in FOLDER (tools/test-ffmpeg.sh): files, other containers, pictures, colour, seeking, damage.
# Lossless films are compared with reference/; what is lossy with what the program decodes, because it changes with the model.
ffmpeg=$(realpath "$2")/ffmpeg ffprobe=$(realpath "$2")/ffprobe reference=$(realpath "$(dirname "$0")/reference") stock=$(command -v ffmpeg)
# shellcheck source=tests/program.sh
. "$(dirname "$0")/../../tests/program.sh"
ff() { run 0 "$ffmpeg" -nostdin -v error -y "$@"; }
refused() { "$ffmpeg" -nostdin -v error -y "$@" >out 2>err && bad "passed: $*"; }
film=(-f lavfi -i testsrc=s=66x50:r=30000/1001 -frames:v 5)
# crc NAME IN [OPTION...]: what is decoded, as in reference/NAME.crc
crc() {
    local name=$1 in=$2
    shift 2
    ff "$@" -i "$in" -f framecrc got.crc
    sed -i '/^#software/d' got.crc
    [ -z "${VQZ_WRITE_REFERENCES:-}" ] || cp got.crc "$reference/$name.crc"
    diff "$reference/$name.crc" got.crc >differs || bad "$name: $(cat differs)"
}
# pixels IN OUT [OPTION...]: all frames, one after the other
pixels() { local in=$1 out=$2; shift 2; ff "$@" -i "$in" -f rawvideo "$out"; }
# shows TEXT IN: among what ffprobe says of the stream
shows() { "$ffprobe" -v error -count_frames -show_streams "$2" >probe 2>&1; grep -qxF "$1" probe || bad "$2: ffprobe does not say $1: $(grep "^${1%%=*}=" probe)"; }

# ---- lossless films in all containers: pixels and times
for kind in vqz mkv mov nut avi; do
    ff "${film[@]}" -c:v libvqz -lossless 1 film.$kind
    crc film-$kind film.$kind
done
for format in rgb24 rgba gray ya8; do
    source=(-f lavfi -i "testsrc=s=65x49:r=25,format=rgba,geq=r='r(X\,Y)':g='g(X\,Y)':b='b(X\,Y)':a='X*3'" -frames:v 2 -pix_fmt "$format")
    ff "${source[@]}" -f rawvideo want.raw
    ff "${source[@]}" -c:v libvqz -lossless 1 $format.mkv
    pixels $format.mkv got.raw
    same want.raw got.raw
    shows pix_fmt=$format $format.mkv
done
ff "${film[@]}" -vf "select=not(eq(n\,2))" -fps_mode vfr -c:v libvqz -lossless 1 gaps.vqz    # times are the encoder's
crc gaps gaps.vqz

# ---- what is lossy is what the program makes, and threads change nothing
ff "${film[@]}" -c:v libvqz -q:v 60 a.vqz
run 0 "$vqz" verify -v a.vqz
says "good, 5 frames"
run 0 "$vqz" info a.vqz
for line in "quality      60" "timebase     1001/30000 s" "duration     0.167 s"; do prints "$line"; done
shows time_base=1001/30000 a.vqz
shows nb_frames=5 a.vqz
pixels a.vqz a.rgb
run 0 "$vqz" decode -o a%d.ppm a.vqz
for n in 1 2 3 4 5; do tail -c $((66 * 50 * 3)) a$n.ppm; done >want.rgb
same want.rgb a.rgb
ff "${film[@]}" -c:v libvqz -quality 60 -threads 1 b.vqz
same a.vqz b.vqz
ff "${film[@]}" -c:v libvqz -q:v 60 -effort 0 -tune psnr -tile_size 128 -pixel_hash 1 c.vqz
run 0 "$vqz" verify c.vqz
cmp -s a.vqz c.vqz && bad "options change nothing"

# ---- copies: through other containers and back the same bytes; without extradata, and in MP4, refused
for kind in mkv mov nut; do
    ff -i a.vqz -c copy copy.$kind
    pixels copy.$kind copy.rgb
    same a.rgb copy.rgb
    ff -i copy.$kind -c copy back.vqz
    same a.vqz back.vqz
done
refused -i a.vqz -c copy copy.mp4
says "codec not currently supported in container"
refused -i film.avi -c copy no.vqz
says "its packets are stills"
refused -i a.vqz -c copy -frames:v 2 -f rawvideo - -c copy -map 0 -map 0 no.vqz
says "one stream of vqz and nothing else"
if [ -n "$stock" ]; then             # a program that has never heard of vqz
    for kind in mkv mov; do
        run 0 "$stock" -nostdin -v error -y -i copy.$kind -map 0 -copy_unknown -c copy stock.$kind
        pixels stock.$kind stock.rgb
        same a.rgb stock.rgb
    done
    run 0 "$stock" -nostdin -v error -y -i copy.mov -map 0 -copy_unknown -c copy stock.mkv
    pixels stock.mkv stock.rgb
    same a.rgb stock.rgb
    ff -i stock.mkv -c copy back.vqz
    same a.vqz back.vqz
else
    echo "skipped: copies by stock ffmpeg, which is not installed"
fi

# ---- pictures, and films of other codecs
ff -i a.vqz f%03d.png
exists f001.png f005.png
absent f006.png
pixels f%03d.png png.rgb
same a.rgb png.rgb
ff "${film[@]}" -q:v 60 g%03d.vqz
pixels g%03d.vqz stills.rgb
same a.rgb stills.rgb
ff -framerate 30000/1001 -i g%03d.vqz -q:v 60 again.vqz
run 0 "$vqz" verify -v again.vqz
says "good, 5 frames"
shows time_base=1001/30000 again.vqz
ff "${film[@]}" p%03d.ppm
run 0 "$vqz" encode -q 60 -o still.vqz p001.ppm
same still.vqz g001.vqz
ff -i still.vqz -c copy same.vqz
same still.vqz same.vqz
ff -i still.vqz -frames:v 1 still.png
run 0 "$vqz" decode -o want.png still.vqz
run 0 "$vqz" compare --json want.png still.png
prints '"identical": true'
ff -f lavfi -i testsrc=s=176x144:r=25 -frames:v 10 -c:v mpeg4 -q:v 2 a.mp4
ff -i a.mp4 -c:v libvqz -q:v 60 b.mkv
shows nb_read_frames=10 b.mkv
shows codec_name=vqz b.mkv
ff -i b.mkv -c:v mpeg4 -q:v 2 out.mp4
shows nb_read_frames=10 out.mp4
ff -i a.mp4 -frames:v 1 one.ppm
ff -i out.mp4 -frames:v 1 two.ppm
psnr one.ppm two.ppm 30

# ---- colour, profiles, orientation
ff "${film[@]}" -vf setparams=color_primaries=bt2020:color_trc=smpte2084 -c:v libvqz hdr.vqz
run 0 "$vqz" info hdr.vqz
prints "CICP         9/16/0/1"
shows color_transfer=smpte2084 hdr.vqz
shows color_primaries=bt2020 hdr.vqz
shows color_space=gbr hdr.vqz
ff "${film[@]}" -vf format=gray,setparams=range=tv -c:v libvqz tv.vqz
shows color_range=tv tv.vqz
python3 - <<'P'
import struct, zlib
def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
def png(name, extra):
    rows = b''.join(b'\0' + bytes(5 * x + y for x in range(40) for _ in range(3)) for y in range(30))
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 40, 30, 8, 2, 0, 0, 0)) + extra + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
png('icc.png', chunk(b'iCCP', b'x\0\0' + zlib.compress(struct.pack('>I', 140) + b'test' + bytes(28) + b'acsp' + bytes(100))))
for turn in range(1, 9):
    png('turn%d.png' % turn, chunk(b'eXIf', b'II*\0\x08\0\0\0\x01\0' + struct.pack('<HHII', 0x112, 3, 1, turn) + bytes(4)))
P
ff -i icc.png icc%d.vqz
run 0 "$vqz" info icc1.vqz
prints "ICC profile  140 bytes"
ff -i icc1.vqz icc-back.png
grep -q iCCP icc-back.png || bad "the profile did not come back"
for turn in 2 3 4 5 6 7 8; do
    run 0 "$vqz" encode -o turn.vqz turn$turn.png
    run 0 "$vqz" decode -f -o want.png turn.vqz
    ff -i turn.vqz turned.png
    run 0 "$vqz" compare --json want.png turned.png
    prints '"identical": true'
    ff -noautorotate -i turn.vqz again%d.vqz
    run 0 "$vqz" info again1.vqz
    prints "orientation  $turn "
    rm turn.vqz again1.vqz
done

# ---- seeking, with the index; from a pipe there is none
pixels a.vqz tail.rgb -ss 0.1                             # 0.1 s is behind the third frame
tail -c $((66 * 50 * 3 * 2)) a.rgb >want.rgb
same want.rgb tail.rgb
"$ffmpeg" -v error -i - -f rawvideo - <a.vqz 2>err | cmp - a.rgb || bad "from a pipe: $(cat err)"

# ---- damage costs a frame, or, in partial mode, some of its tiles
at=$(LC_ALL=C grep -abo FRAM a.vqz | sed -n '3s/:.*//p')
{ head -c $((at + 100)) a.vqz; printf 'xxxx'; tail -c +$((at + 105)) a.vqz; } >damaged.vqz
ff -i damaged.vqz -f rawvideo damaged.rgb
says "VQZ_ERR_CHECKSUM"
head -c $((66 * 50 * 3 * 2)) a.rgb >want.rgb
head -c $((66 * 50 * 3 * 2)) damaged.rgb | cmp - want.rgb || bad "what stands before the damage has changed"
[ "$(wc -c <damaged.rgb)" -lt $((66 * 50 * 3 * 5 + 1)) ] || bad "more frames than there were"
ff -f lavfi -i testsrc=s=300x200:r=25 -frames:v 3 -c:v libvqz -tile_size 128 tiles.vqz
at2=$(LC_ALL=C grep -abo FRAM tiles.vqz | sed -n '2s/:.*//p')
{ head -c $((at2 + 100)) tiles.vqz; printf 'xxxx'; tail -c +$((at2 + 105)) tiles.vqz; } >hurt.vqz
for partial in 0 1; do
    ff -partial $partial -i hurt.vqz -f framecrc hurt$partial.crc
    [ "$(grep -vc '^#' hurt$partial.crc)" -eq $((2 + partial)) ] || bad "a film with a damaged tile, partial $partial: $(cat hurt$partial.crc)"
done
head -c $((at + 100)) a.vqz >cut.vqz
ff -i cut.vqz -f framecrc cut.crc
says "VQZ_ERR_TRUNCATED"
[ "$(grep -vc '^#' cut.crc)" -eq 2 ] || bad "a film that was cut: $(cat cut.crc)"
head -c 3000 a.rgb >noise.vqz
refused -i noise.vqz -f null -
head -c 30 a.vqz >short.vqz
refused -i short.vqz -f null -
says "VQZ_ERR_TRUNCATED"
{ head -c $((at + 100)) icc1.vqz; } | head -c -20 >bad1.vqz
refused -xerror -i bad%d.vqz -f null -

# ---- the filter: pixels and size of the encoder's
ff "${film[@]}" -vf vqz=quality=60,metadata=print:file=said -f rawvideo filter.rgb
same a.rgb filter.rgb
ff -i a.vqz -c copy -f framecrc packets.crc
grep -v '^#' packets.crc | cut -d, -f5 | tr -d ' ' >want.sizes
sed -n 's/^lavfi.vqz.bytes=//p' said | head -n 5 >got.sizes      # the filter may be a frame ahead
same want.sizes got.sizes
run 0 "$vqz" compare --json p001.ppm a1.ppm
want=$(sed -n 's/.*"psnr": \([0-9]*\.[0-9]\).*/\1/p' out)
awk -F= -v want="$want" '$1 == "lavfi.vqz.psnr" { d = $2 - want; exit !(want && d > -0.1 && d < 0.1) }' said || bad "PSNR is $want: $(grep psnr said)"
finish
