#!/bin/bash
# test_ffmpeg_stock.sh VQZ FOLDER: stock ffmpeg, nothing patched, with the frei0r filter in FOLDER, and in pipes with the program.
command -v ffmpeg >/dev/null || { echo "skipped: ffmpeg is not installed"; exit 77; }
FREI0R_PATH=$(realpath "$2")
export FREI0R_PATH
# shellcheck source=tests/program.sh
. "$(dirname "$0")/../../tests/program.sh"
ff() { run 0 ffmpeg -nostdin -v error -y "$@"; }
film() { ff -f lavfi -i "testsrc=s=$1:r=30000/1001" -frames:v 3 "$2"; }
# cli QUALITY IN OUT: what the program makes of a picture
cli() { run 0 "$vqz" encode -f -q "$1" -o cli.vqz "$2"; run 0 "$vqz" decode -f -o "$3" cli.vqz; }
ffmpeg -nostdin -v error -filters 2>/dev/null | grep -qw frei0r || { echo "skipped: this ffmpeg has no frei0r"; exit 77; }

# ---- the filter: the very pixels of the program, and its statistics
film 112x75 in%d.ppm
ff -i in%d.ppm -vf "frei0r=vqz:0.6|stats.tsv" -pix_fmt rgb24 out%d.ppm
silent
for n in 1 2 3; do
    cli 60 in$n.ppm want.ppm
    same want.ppm out$n.ppm
done
if [ "$(head -n 1 stats.tsv)" != "frame	bytes	bpp	psnr" ] || [ "$(wc -l <stats.tsv)" -ne 4 ]; then bad "statistics: $(cat stats.tsv)"; fi
run 0 "$vqz" compare --json in3.ppm out3.ppm
want=$(sed -n 's/.*"psnr": \([0-9]*\.[0-9]\).*/\1/p' out)
awk -v want="$want" 'END { d = $4 - want; exit !(want && d > -0.1 && d < 0.1) }' stats.tsv || bad "PSNR is $want: $(tail -n 1 stats.tsv)"

# ---- widths that are no multiple of 16 come sheared from ffmpeg before 6.0: pad and crop
for width in 101 104; do
    film ${width}x75 odd%d.ppm
    ff -i odd1.ppm -vf "pad=ceil(iw/16)*16:ih,frei0r=vqz:0.6,crop=$width:75:0:0" -pix_fmt rgb24 cropped.ppm
    ff -i odd1.ppm -vf "pad=ceil(iw/16)*16:ih" -pix_fmt rgb24 padded.ppm
    cli 60 padded.ppm want.ppm
    ff -i want.ppm -vf "crop=$width:75:0:0" cut.ppm
    same cut.ppm cropped.ppm
done

# ---- several in one graph, alpha, a file that cannot be written, a parameter that is none
ff -i in1.ppm -filter_complex "split[a][b];[a]frei0r=vqz:0.9|a.tsv[c];[b]frei0r=vqz:0.2|b.tsv[d];[c][d]vstack" -pix_fmt rgb24 both.ppm
cli 90 in1.ppm a.ppm
cli 20 in1.ppm b.ppm
ff -i a.ppm -i b.ppm -filter_complex vstack both-want.ppm
same both-want.ppm both.ppm
exists a.tsv b.tsv
ff -i in1.ppm -vf "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='2*X'" in.png
ff -i in.png -vf "frei0r=vqz:0.6" -pix_fmt rgba out.png
cli 60 in.png want.png
ff -i out.png -f rawvideo out.rgba
ff -i want.png -f rawvideo want.rgba
same want.rgba out.rgba
ff -i in1.ppm -vf "frei0r=vqz:0.6|no/such/folder.tsv" -pix_fmt rgb24 out.ppm
says "vqz: no/such/folder.tsv: No such file or directory"
cli 60 in1.ppm want.ppm
same want.ppm out.ppm
ffmpeg -nostdin -v error -y -i in1.ppm -vf "frei0r=vqz:much" out.ppm 2>err && bad "quality 'much' passed"
says "Invalid value 'much' for parameter 'quality'"

# ---- NUT: pixels as they are, times that are not evenly spaced; what comes through a pipe where nothing is said
for format in rgb24 rgba gray ya8; do
    ff -f lavfi -i "testsrc=s=65x49:r=25,format=rgba,geq=r='r(X\,Y)':g='g(X\,Y)':b='b(X\,Y)':a='X*3'" -frames:v 3 -pix_fmt "$format" n%d.png
    run 0 "$vqz" encode --lossless -o n.vqz n%d.png
    ff -framerate 25 -i n%d.png -f rawvideo want.raw
    run 0 "$vqz" decode -o n.nut n.vqz
    ffmpeg -nostdin -v fatal -y -i n.nut -fps_mode passthrough -f rawvideo got.raw || bad "$format: ffmpeg does not read NUT"
    same want.raw got.raw
    "$vqz" decode --format nut - <n.vqz 2>err | ffprobe -v error -show_entries stream=pix_fmt,time_base:packet=pts -of compact=p=0:nk=1 - >probe 2>>err
    [ "$(tr '\n' ' ' <probe)" = "0 1 2 $format|1/25 " ] || bad "$format: ffprobe says $(cat probe err)"
    "$vqz" decode - <n.vqz | head -c 9 >kind
    case $format:$(tr '\0' ' ' <kind) in gray:YUV4MPEG2 | rgb24:YUV4MPEG2 | ya8:nut/multi | rgba:nut/multi) ;; *) bad "$format: $(cat kind) in a pipe" ;; esac
done
"$vqz" encode - <n1.png | "$vqz" decode - | head -c 4 | cmp -s - <(head -c 4 n1.png) || bad "one frame in a pipe is not PNG"

# ---- pipes: y4m both ways, and PPM, which stays RGB
run 0 "$vqz" encode -q 60 --fps 30000/1001 -o film.vqz in%d.ppm
"$vqz" decode --format y4m - <film.vqz 2>err | ffmpeg -v error -i - -f framecrc crc 2>>err || bad "y4m to ffmpeg: $(cat err)"
if ! grep -q '^#tb 0: 1001/30000' crc || [ "$(grep -vc '^#' crc)" -ne 3 ]; then bad "not 3 frames at 30000/1001: $(cat crc)"; fi
ffmpeg -nostdin -v error -i in%d.ppm -vf scale=out_color_matrix=bt601 -pix_fmt yuv444p -r 30 -f yuv4mpegpipe - 2>err | "$vqz" encode -q 90 - >from.vqz 2>>err || bad "y4m from ffmpeg: $(cat err)"
run 0 "$vqz" decode -o from%d.ppm from.vqz
exists from1.ppm from3.ppm
psnr in2.ppm from2.ppm 30
run 0 "$vqz" decode -o all.ppm film.vqz
"$vqz" decode --format ppm - <film.vqz 2>err | ffmpeg -v error -f image2pipe -framerate 25 -c:v ppm -i - -f image2pipe -c:v ppm - 2>>err | cmp - all.ppm || bad "PPM through ffmpeg: $(cat err)"
finish
