#!/bin/bash
# test-ffmpeg.sh [SUITE]   Builds FFmpeg from the source package of a Debian suite (bookworm: 5.1, the default; trixie: 7.1) with libvqz in it
# (plugins/ffmpeg/insert.sh), as little of it as the tests need, in plain C, and runs plugins/tests/test_ffmpeg_overlay.sh with it. All in build-ffmpeg/.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:-bookworm}
root=$PWD/build-ffmpeg
apt=$root/apt-$suite
tree=$root/$suite
mkdir -p "$apt"/{parts,lists/partial,cache/archives/partial} "$root/$suite-build"

# The system's own sources of packages, for source packages, without touching its lists
fetch() {
    local list options=(-q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=)
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -f "$list" ] || sed -n "s/^deb /deb-src /; s/bookworm/$suite/g; /^deb-src/p" "$list" >"$apt/parts/$(basename "$list" .list).list"
    done
    for list in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$list" ] || sed "s/^Types:.*/Types: deb-src/; s/bookworm/$suite/g" "$list" >"$apt/parts/$(basename "$list")"
    done
    (cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only ffmpeg) >"$apt/log" 2>&1 ||
        { tail -n 20 "$apt/log" >&2; echo "test-ffmpeg.sh: no source package of ffmpeg in $suite" >&2; exit 1; }
    rm -rf "$tree"
    dpkg-source --no-check -x "$apt"/ffmpeg_*.dsc "$tree" >>"$apt/log" 2>&1
}
[ -f "$tree/configure" ] || fetch
echo "FFmpeg $(cat "$tree/RELEASE") of $suite"

# The inserter: what it cannot place it says, and then changes nothing; twice is once
if [ ! -f "$tree/libavcodec/libvqzdec.c" ]; then
    mkdir -p "$root/broken"
    cp -r "$tree"/{configure,libavcodec,libavformat,libavfilter} "$root/broken"
    sed -i '/AV_CODEC_ID_VP9, /d' "$root/broken/libavformat/riff.c"
    (cd "$root/broken" && find . -type f -exec cat {} + | cksum) >"$root/before"
    if plugins/ffmpeg/insert.sh "$root/broken" 2>"$root/said"; then echo "an anchor is missing, and insert.sh did not mind" >&2; exit 1; fi
    grep -q "libavformat/riff.c: 0 lines, not one, match the anchor" "$root/said" || { cat "$root/said" >&2; exit 1; }
    (cd "$root/broken" && find . -type f -exec cat {} + | cksum) | cmp - "$root/before"
    rm -r "$root/broken"
fi
plugins/ffmpeg/insert.sh "$tree"
cksum "$tree"/configure "$tree"/lib*/Makefile "$tree"/lib*/*.[ch] >"$root/before"
plugins/ffmpeg/insert.sh "$tree"
cksum "$tree"/configure "$tree"/lib*/Makefile "$tree"/lib*/*.[ch] | cmp - "$root/before"

tools/build.sh "$root/vqz" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$root/prefix" -DCMAKE_INSTALL_LIBDIR=lib
cmake --install "$root/vqz" >/dev/null
cd "$root/$suite-build"
if [ ! -f config.h ] || [ "$tree/configure" -nt config.h ] || [ ../../tools/test-ffmpeg.sh -nt config.h ]; then
    PKG_CONFIG_PATH=$root/prefix/lib/pkgconfig "$tree/configure" --disable-everything --disable-autodetect --disable-doc --disable-network --disable-asm \
        --disable-ffplay --disable-debug --enable-zlib --enable-libvqz --extra-ldflags="-Wl,-rpath,$root/prefix/lib" \
        --enable-decoder=libvqz,ppm,png,rawvideo,wrapped_avframe,mpeg4 --enable-encoder=libvqz,png,rawvideo,wrapped_avframe,mpeg4,ppm --enable-parser=png,mpeg4video \
        --enable-demuxer=vqz,image2,matroska,mov,avi,nut --enable-muxer=vqz,image2,matroska,mov,mp4,avi,nut,framecrc,rawvideo,null \
        --enable-filter=vqz,scale,format,testsrc,geq,metadata,select,setparams,null --enable-indev=lavfi --enable-protocol=file,pipe,fd >configure.log 2>&1 ||
        { tail -n 30 configure.log >&2; exit 1; }
fi
make -j"$(nproc)" >make.log 2>&1 || { grep -A5 -E 'error|Error' make.log | tail -n 40 >&2; echo "test-ffmpeg.sh: the build failed; the whole log is $PWD/make.log" >&2; exit 1; }
! grep -A4 -E 'vqz.*warning|roundtrip.*warning' make.log || { echo "test-ffmpeg.sh: warnings" >&2; exit 1; }
exec bash ../../plugins/tests/test_ffmpeg_overlay.sh "$root/vqz/vqz" "$PWD"
