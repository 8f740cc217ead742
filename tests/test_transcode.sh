#!/bin/bash
# test_transcode.sh VQZ: films in and out with FFmpeg's libraries. The program vqz-transcode stands beside VQZ; ffmpeg and ffprobe make films and look at them.
if [ ! -x "$(dirname "$1")/vqz-transcode" ]; then echo "skipped: vqz transcode was not built (FFmpeg's libraries were not found)"; exit 77; fi
for tool in ffmpeg ffprobe; do command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }; done
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"
ff() { run 0 ffmpeg -nostdin -v error -y "$@"; }
go() { run 0 "$vqz" transcode "$@"; }
# film SIZE FRAMES FILE [OPTION...]: 25 frames a second
film() { local size=$1 frames=$2 file=$3; shift 3; ff -f lavfi -i "testsrc=s=$size:r=25" -frames:v "$frames" "$@" "$file"; }
# is WHAT WANT GOT
is() { [ "$2" = "$3" ] || bad "$1: $3, not $2: $(head -c 300 err)"; }
entries() { ffprobe -v error -show_entries "$1" -of csv=p=0 "$2" | tr '\n' ' '; }
# times FILE [OPTION...]: of the frames of a film that vqz reads
times() { "$vqz" transcode "$@" -an -sn -c:v rawvideo -f framecrc - 2>err | awk '!/^#/ { printf "%s%s", n++ ? " " : "", $3 + 0 }'; }
frames() { "$vqz" transcode "$@" -an -sn -c:v rawvideo -f framemd5 - 2>err | grep -v '^#' | sed 's/.* //'; }
# raw FILE OUT: pixels of all frames, by ffmpeg
raw() { ff -i "$1" -fps_mode passthrough -f rawvideo "$2"; }

# ---- a film with all that belongs to it: B-frames, sound, subtitles, chapters, titles
printf '1\n00:00:00,000 --> 00:00:00,300\nfirst\n\n2\n00:00:00,400 --> 00:00:00,700\nsecond\n' >film.srt
printf ';FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=800\ntitle=Two\n' >film.txt
ff -f lavfi -i testsrc=s=176x144:r=25 -f lavfi -i sine=r=44100 -i film.srt -i film.txt -map 0 -map 1 -map 2 -map_metadata 3 -t 0.8 -c:v mpeg4 -bf 2 -q:v 3 -c:a pcm_s16le -c:s srt film.mkv
ff -i film.mkv -map 0:v -map 0:a -c:v copy -c:a aac -video_track_timescale 12800 film.mp4         # with an edit list
is "B-frames" 20 "$(entries frame=pict_type film.mkv | tr ' ' '\n' | grep -c '[IPB]')"
go -v -q 60 film.mkv film.vqz
says "left out: audio (pcm_s16le), subtitle (subrip)"
says "film.mkv -> film.vqz: 20 frames"
run 0 "$vqz" verify -v film.vqz
says "good, 20 frames"
run 0 "$vqz" info film.vqz
for line in "quality      60" "timebase     1/1000 s" "duration     0.800 s"; do prints "$line"; done
is "times" "$(seq -s ' ' 0 40 760)" "$(times film.vqz)"
is "times of a file with an edit list" "$(seq -s ' ' 0 512 9728)" "$(go film.mp4 mp4.vqz; times mp4.vqz)"
go -q 60 film.mkv film2.mkv
go -q 60 film.mkv film2.mov
for kind in mkv mov; do
    is "streams of $kind" "$([ $kind = mkv ] && echo 'video audio subtitle ' || echo 'video audio data ')" "$(entries stream=codec_type film2.$kind)"
    is "FourCC in $kind" "VQZ0 " "$(ffprobe -v error -select_streams v -show_entries stream=codec_tag_string -of csv=p=0 film2.$kind | tr '\n' ' ')"
    is "chapters in $kind" "0.000000,0.400000,One 0.400000,0.800000,Two " "$(ffprobe -v error -show_chapters -show_entries chapter=start_time,end_time:chapter_tags=title -of csv=p=0 film2.$kind | tr '\n' ' ')"
    is "title in $kind" "A film " "$(entries format_tags=title film2.$kind)"
    frames film2.$kind >$kind.md5
    frames film.vqz | cmp -s - $kind.md5 || bad "other pixels in $kind"
done
is "sound" "$(ffmpeg -v error -i film.mkv -map 0:a -c copy -f md5 -)" "$(ffmpeg -v error -i film2.mkv -map 0:a -c copy -f md5 -)"

# ---- packets survive stock ffmpeg, and are copied as they are
ff -i film2.mkv -map 0:v -map 0:a -copy_unknown -c copy stock.mov
ff -i stock.mov -map 0:v -map 0:a -copy_unknown -c copy stock.mkv
for file in stock.mov stock.mkv; do frames $file | cmp -s - mkv.md5 || bad "other pixels in $file"; done
go film.vqz copy.mkv -c:v copy
frames copy.mkv | cmp -s - mkv.md5 || bad "other pixels in a copy"

# ---- back to codecs of FFmpeg
go film.mp4 film3.mkv
go film3.mkv out.mp4 -c:v mpeg4 -q:v 2 -movflags +faststart
is "streams of MP4" "mpeg4 aac " "$(ffprobe -v error -show_entries stream=codec_name -of csv=p=0 out.mp4 | grep -v bin_data | tr '\n' ' ')"
is "order of atoms" moov "$(LC_ALL=C grep -aoE 'moov|mdat' out.mp4 | head -n 1)"
is "frames of MP4" 20 "$(entries frame=pict_type out.mp4 | tr ' ' '\n' | grep -c '[IPB]')"
if ffmpeg -v error -encoders | grep -q libx264; then
    go film.vqz x264.mp4 -c:v libx264 -crf 18 -preset ultrafast
    is "as x264" "yuv420p,tv,smpte170m " "$(entries stream=pix_fmt,color_range,color_space x264.mp4)"
fi
go film.vqz film.y4m
run 0 "$vqz" decode -o want.y4m film.vqz
is "y4m of the two ways" "$(tail -n +2 want.y4m | cksum)" "$(tail -n +2 film.y4m | cksum)"

# ---- pixels: RGB, gray and alpha as they are, YUV by our own matrix, odd sizes
for format in rgb24 rgba gray ya8 gbrp; do
    ff -f lavfi -i "testsrc=s=65x49:r=25,format=rgba,geq=r='r(X\,Y)':g='g(X\,Y)':b='b(X\,Y)':a='X*3'" -frames:v 2 -pix_fmt $format -c:v rawvideo $format.nut
    go --lossless $format.nut $format.vqz
    go $format.vqz $format-back.nut -c:v rawvideo
    ff -i $format.nut -pix_fmt "${format/gbrp/rgb24}" -f rawvideo want.raw
    raw $format-back.nut got.raw
    same want.raw got.raw
done
for format in "yuv420p -color_range tv" "yuv422p -color_range tv" "yuv444p -color_range tv" "yuv420p -color_range pc"; do          # the other way is the y4m reader
    # shellcheck disable=SC2086
    film 65x49 1 yuv.mkv -pix_fmt $format -c:v ffv1
    go --lossless yuv.mkv one.vqz
    run 0 "$vqz" decode -o got.ppm one.vqz
    ff -i yuv.mkv -f yuv4mpegpipe one.y4m
    sed -i '1s/C420jpeg/C420mpeg2/' one.y4m                  # nothing is said of where chroma is: as in MPEG-2
    [ "${format#* * }" != pc ] || sed -i '1s/$/ XCOLORRANGE=FULL/' one.y4m
    run 0 "$vqz" encode -f --lossless -o one.vqz one.y4m
    run 0 "$vqz" decode -o want.ppm one.vqz
    same want.ppm got.ppm
done
go rgba.vqz opaque.mp4 -c:v mpeg4
says "transparency is left out"
film 96x64 2 hdr.mkv -vf "gblur=sigma=4,scale=out_color_matrix=bt2020,format=yuv420p10le" -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv -c:v ffv1
go --lossless hdr.mkv hdr.vqz
says "samples of 10 bits become 8"
run 0 "$vqz" info hdr.vqz
prints "CICP         9/16/0/1"
go hdr.vqz back.mkv -c:v ffv1 -pix_fmt yuv420p
is "colours" "tv,bt2020nc,smpte2084,bt2020 " "$(entries stream=color_range,color_space,color_transfer,color_primaries back.mkv)"
ffmpeg -nostdin -v info -i back.mkv -i hdr.mkv -lavfi '[1]format=yuv420p[a];[0][a]psnr' -f null - 2>&1 | sed -n 's/.*average:\([0-9]*\).*/\1/p' >average
[ "$(cat average)" -ge 45 ] || bad "to RGB and back: $(cat average) dB"
film 65x49 1 p.png
go p.png p.vqz
run 0 "$vqz" info p.vqz
grep -q frames out && bad "a picture became a sequence"
go p.vqz p2.png
run 0 "$vqz" compare --json p.vqz p2.png
prints '"identical": true'

# ---- turned: the matrix of a track, turned by 90 degrees
film 96x64 1 turned.mp4 -c:v mpeg4
at=$(LC_ALL=C grep -abo tkhd turned.mp4 | sed -n '1s/:.*//p')
printf '\0\0\0\0\0\1\0\0\0\0\0\0\377\377\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0' | dd of=turned.mp4 bs=1 seek=$((at + 44)) conv=notrunc 2>/dev/null
go --lossless turned.mp4 turned.vqz
ff -i turned.mp4 turned.png
run 0 "$vqz" info turned.vqz
prints "64x96 RGB"
psnr turned.png turned.vqz 15

# ---- times: variable rate, ten hours, a constant rate, parts
film 64x48 12 vfr.mkv -vf "select='not(eq(n,3)+between(n,5,8))'" -fps_mode vfr -c:v ffv1 -level 3 -slicecrc 1
go vfr.mkv vfr.vqz
is "variable rate" "$(entries packet=pts vfr.mkv | sed 's/ $//')" "$(times vfr.vqz)"
go vfr.vqz vfr.mp4 -c:v mpeg4
is "variable rate in MP4" "$(entries packet=pts_time vfr.mkv)" "$(entries packet=pts_time vfr.mp4)"
go vfr.vqz vfr.avi -c:v ffv1                                 # which has no times: frames are repeated
is "constant rate" "$(entries packet=pts vfr.avi | wc -w)" "$(($(times vfr.vqz | sed 's/.* //') / 40 + 1))"
is "another rate" "0 1 2 3 4 5 6 7" "$(times film.vqz -r 10)"
is "filters" "0 120 240 360 480 600 720" "$(times film.vqz -vf 'select=not(mod(n\,3))')"
film 64x48 3 long.mkv -vf setpts=PTS+36000/TB -copyts -c:v ffv1
go -copyts long.mkv long.vqz
is "ten hours" "36000000 36000040 36000080" "$(times -copyts long.vqz)"
is "ten hours, from 0" "0 40 80" "$(times long.vqz)"
is "the end of ten hours" "36000080" "$(times -copyts -ss 0.08 long.vqz)"
for file in film.vqz film2.mkv film.mkv; do is "a part of $file" "0 40 80" "$(times -ss 0.4 -t 0.12 $file)"; done
is "a part from its middle on" "680 720 760" "$(times -copyts -ss 0.65 film.vqz)"
is "from a pipe" "680 720 760" "$(times -copyts -ss 0.65 - < <(cat film.vqz))"
is "few frames" "0 40" "$(times -frames:v 2 film.mkv)"
go -ss 0.4 -t 0.2 film.mkv part.mkv
is "sound of a part" "0.2" "$(entries packet=stream_index,duration_time part.mkv | tr ' ' '\n' | awk -F, '$1 == 1 { s += $2 } END { printf "%.1f", s }')"
is "chapters of a part" "Two " "$(ffprobe -v error -show_chapters -of default=nw=1 part.mkv | sed -n 's/TAG:title=//p' | tr '\n' ' ')"
film 64x48 4 1.m2v -c:v mpeg2video
film 96x80 4 2.m2v -c:v mpeg2video
cat 1.m2v 2.m2v >both.m2v
go both.m2v both.vqz
says "all became as the first one"
run 0 "$vqz" info both.vqz
prints "64x48 RGB"
is "frames of two sizes" "$(ffmpeg -v error -i both.m2v -fps_mode passthrough -f framecrc - | grep -vc '^#')" "$(times both.vqz | wc -w)"

# ---- frames that refer to the one before
go -q 60 -g 8 film.mkv inter.vqz
go -q 60 -g 8 film.mkv inter.mkv
[ $(($(wc -c <inter.vqz) * 2)) -lt "$(wc -c <film.vqz)" ] || bad "-g 8 saves little: $(wc -c <inter.vqz) of $(wc -c <film.vqz) bytes"
is "key frames" "1 9 17 " "$(ffprobe -v error -select_streams v -show_entries packet=flags -of csv=p=0 inter.mkv | grep -n K | sed 's/:.*//' | tr '\n' ' ')"
frames inter.vqz >inter.md5
frames inter.mkv | cmp -s - inter.md5 || bad "other pixels in inter.mkv"
for file in inter.vqz inter.mkv; do
    is "a part of $file" "680 720 760" "$(times -copyts -ss 0.65 $file)"
    frames -ss 0.44 -t 0.12 $file | cmp -s - <(sed -n '12,14p' inter.md5) || bad "other pixels in a part of $file"
done
go inter.vqz inter2.mkv -c:v copy
frames inter2.mkv | cmp -s - inter.md5 || bad "other pixels in a copy of inter.vqz"
at=$(LC_ALL=C grep -abo FRAM inter.vqz | sed -n '11s/:.*//p')
{ head -c $((at + 60)) inter.vqz; printf xxxx; tail -c +$((at + 65)) inter.vqz; } >hurt.vqz
run 1 "$vqz" transcode hurt.vqz hurt.mkv
says "VQZ_ERR_REFERENCE"
says "6 frames or packets were damaged or missing; hurt.mkv has the rest"

# ---- damage is reported, and costs frames
at=$(LC_ALL=C grep -abo FRAM film.vqz | sed -n '3s/:.*//p')
{ head -c $((at + 100)) film.vqz; printf xxxx; tail -c +$((at + 105)) film.vqz; } >hurt.vqz
run 1 "$vqz" transcode hurt.vqz hurt.mkv
says "1 frames or packets were damaged or missing; hurt.mkv has the rest"
is "what is left" 19 "$(times hurt.vqz | wc -w)"
at=$(LC_ALL=C grep -abo FRAM film2.mkv | sed -n '3s/:.*//p')
{ head -c $((at + 100)) film2.mkv; printf xxxx; tail -c +$((at + 105)) film2.mkv; } >hurt.mkv
run 1 "$vqz" transcode hurt.mkv -an -sn hurt2.vqz
says "a frame cannot be decoded"
says "VQZ_ERR_CHECKSUM"
run 0 "$vqz" verify -v hurt2.vqz
says "good, 19 frames"
head -c $(($(wc -c <film.vqz) / 2)) film.vqz >cut.vqz
run 1 "$vqz" transcode cut.vqz cut.mkv
says "VQZ_ERR_TRUNCATED"
[ "$(times cut.mkv | wc -w)" -gt 5 ] || bad "nothing of a film that was cut"
size=$(wc -c <vfr.mkv)
{ head -c $((size / 2)) vfr.mkv; printf 'xxxxxxxx'; tail -c +$((size / 2 + 9)) vfr.mkv; } >hurt3.mkv
go hurt3.mkv hurt3.vqz                                       # FFmpeg puts the picture before in its place
says "slice CRC mismatch"
says "FFmpeg found 1 errors in it"

# ---- Ctrl-C (here SIGTERM: of a background job SIGINT is ignored) finishes the file; SIGHUP leaves none
endless() { ffmpeg -nostdin -v quiet -f lavfi -i testsrc=s=176x144:r=25 -t 600 -c:v rawvideo -f nut -; }
for signal in TERM HUP; do
    for kind in vqz mov; do
        rm -f stop.$kind
        "$vqz" transcode - stop.$kind < <(endless) 2>err &
        for _ in {1..600}; do      # frames are in the file that will get its name
            [ -z "$(find . -maxdepth 1 -name ".stop.$kind.*" -size +8k)" ] || break
            sleep 0.1
        done
        kill -$signal $!
        wait $! 2>/dev/null
        is "exit after SIG$signal" $? "$([ $signal = TERM ] && echo 1 || echo 129)"
        if [ $signal = TERM ]; then
            says "stopped: stop.$kind ends with frame"
            [ "$(times stop.$kind | wc -w)" -gt 0 ] || bad "stop.$kind cannot be read"
        else
            absent stop.$kind
        fi
    done
done

# ---- memory does not grow
memory() {
    local last=0 line
    ASAN_OPTIONS=quarantine_size_mb=1 "$vqz" transcode -e 0 -j 1 - memory.vqz < <(ffmpeg -nostdin -v quiet -f lavfi -i testsrc=s=96x80:r=25 -frames:v "$1" -c:v rawvideo -f nut -) 2>err &
    while line=$(grep VmHWM "/proc/$!/status" 2>/dev/null); do
        last=$line
        sleep 0.02
    done
    wait $! || bad "$1 frames: $(cat err)"
    echo "$last" | tr -dc 0-9
}
few=$(memory 20) many=$(memory 300)
[ "$many" -lt $((few + few / 5 + 4000)) ] || bad "300 frames take $many kB, 20 take $few"

# ---- what is refused
refused() { local want=$1 text=$2; shift 2; run "$want" "$vqz" transcode "$@"; says "$text"; }
refused 1 "cannot open" none.mp4 x.vqz
refused 1 "has no video" film.srt x.vqz
refused 1 "mp4 files cannot hold vqz" film.mkv x.mp4
refused 1 "no option -crf of vqz" film.mkv x.vqz -crf 18
refused 1 "no option -nonsense of" film.vqz x.mkv -c:v mpeg4 -nonsense 1
refused 1 "no option -nonsense of this format" -nonsense 1 film.mkv x.vqz
refused 1 "FFmpeg has no encoder none" film.vqz x.mkv -c:v none
refused 1 "filters" film.mkv x.vqz -vf none
refused 1 "is the same file" film.mkv ./film.mkv
refused 1 "cannot write none/x.mkv" film.vqz none/x.mkv
refused 1 "not one frame" -ss 99 film.vqz x.vqz
refused 1 "needs a Matroska or QuickTime file" film.vqz x.vqz -c:v copy
refused 1 "no -vf, -r or -pix_fmt" film.vqz x.mkv -c:v copy -vf hflip
refused 2 "IN and OUT are needed" film.mkv
refused 2 "-r zero: expected" film.mkv x.vqz -r zero
refused 2 "too many arguments" film.mkv x.vqz y.vqz
refused 2 "a value is needed" film.mkv x.vqz -vf
cp "$vqz" alone
run 1 ./alone transcode film.mkv x.vqz
says "not part of this installation"
absent x.vqz x.mp4 x.mkv
leftovers .
finish
