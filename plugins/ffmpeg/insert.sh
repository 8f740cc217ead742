#!/bin/bash
# insert.sh TREE   Puts libvqz's codec, (de)muxer and filter into a source tree of FFmpeg, whose configure then knows --enable-libvqz.
# Every place is found by a short string; where one is missing, or there twice, nothing in TREE is changed. Run again, it changes nothing but our own files.
# shellcheck disable=SC2016,SC1003   # Makefile variables and lines that end in a backslash
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ] || [ ! -f "$1/configure" ] || [ ! -f "$1/libavcodec/codec_id.h" ]; then echo "usage: insert.sh TREE, a source tree of FFmpeg" >&2; exit 2; fi
tree=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed=()

fail() { echo "insert.sh: $*; nothing was changed" >&2; exit 1; }
# place FILE before|after ANCHOR TEXT: TEXT as lines beside the one line that matches ANCHOR, in a copy of FILE
place() {
    local file=$1 where=$2 found
    [ -f "$tree/$file" ] || fail "$file: no such file in $tree"
    ! grep -qxF -- "${4%%$'\n'*}" "$tree/$file" || return 0
    if [ ! -f "$work/$file" ]; then
        mkdir -p "$work/$(dirname "$file")"
        cp "$tree/$file" "$work/$file"
        changed+=("$file")
    fi
    found=$(grep -cE -- "$3" "$work/$file" || :)
    [ "$found" -eq 1 ] || fail "$file: $found lines, not one, match the anchor $3"
    ANCHOR=$3 TEXT=$4 awk -v where="$where" '
        $0 !~ ENVIRON["ANCHOR"] { print; next }
        where == "before" { print ENVIRON["TEXT"]; print }
        where == "after" { print; print ENVIRON["TEXT"] }' "$work/$file" >"$work/new"
    mv "$work/new" "$work/$file"
}
# like FILE THEIRS OURS: under the line that declares THEIRS, the same line with OURS; so its type is this FFmpeg's
like() {
    local line
    line=$(grep -E -- " $2;\$" "$tree/$1") || fail "$1: nothing is declared as $2"
    place "$1" after " $2;\$" "${line/$2/$3}"
}

place configure before '^  --enable-libwebp ' '  --enable-libvqz          enable vqz images and video via libvqz [no]'
place configure before '^    libwebp$' '    libvqz'
place configure before '^libwebp_encoder_deps=' 'libvqz_decoder_deps="libvqz"
libvqz_encoder_deps="libvqz"
vqz_demuxer_deps="libvqz"
vqz_muxer_deps="libvqz"
vqz_filter_deps="libvqz"'
place configure before '^enabled libwebp +&&' 'enabled libvqz            && require_pkg_config libvqz vqz vqz/vqz.h vqz_decoder_open'

# The id has a number of its own, above those of video and below those of sound, so it is the same in every version.
place libavcodec/codec_id.h before 'AV_CODEC_ID_FIRST_AUDIO = 0x10000' '    AV_CODEC_ID_VQZ = 0xFF5A,'
place libavcodec/codec_desc.c before '/\* various PCM "codecs" \*/' '    { .id = AV_CODEC_ID_VQZ, .type = AVMEDIA_TYPE_VIDEO, .name = "vqz", .long_name = NULL_IF_CONFIG_SMALL("vqz learned image codec"),
      .props = AV_CODEC_PROP_INTRA_ONLY | AV_CODEC_PROP_LOSSY | AV_CODEC_PROP_LOSSLESS },'
like libavcodec/allcodecs.c ff_libwebp_encoder ff_libvqz_encoder
like libavcodec/allcodecs.c ff_libwebp_encoder ff_libvqz_decoder
place libavcodec/Makefile before '^OBJS-\$\(CONFIG_LIBWEBP_ENCODER\)' 'OBJS-$(CONFIG_LIBVQZ_DECODER)              += libvqzdec.o
OBJS-$(CONFIG_LIBVQZ_ENCODER)              += libvqzenc.o'

like libavformat/allformats.c ff_vqf_demuxer ff_vqz_demuxer
like libavformat/allformats.c ff_webp_muxer ff_vqz_muxer
place libavformat/Makefile after '^OBJS-\$\(CONFIG_VQF_DEMUXER\)' 'OBJS-$(CONFIG_VQZ_DEMUXER)               += vqzdec.o
OBJS-$(CONFIG_VQZ_MUXER)                 += vqzenc.o'
if grep -q '^    TAG(WEBP, ' "$tree/libavformat/img2.c"; then       # since 7.0
    place libavformat/img2.c after '^    TAG\(WEBP, ' '    TAG(VQZ,             vqz      ) \'
else
    place libavformat/img2.c after '\{ AV_CODEC_ID_WEBP, ' '    { AV_CODEC_ID_VQZ,        "vqz"      },'
fi
place libavformat/riff.c after '\{ AV_CODEC_ID_VP9, ' "    { AV_CODEC_ID_VQZ,          MKTAG('V', 'Q', 'Z', '0') },"
place libavformat/isom_tags.c after '\{ AV_CODEC_ID_SVQ3, ' "    { AV_CODEC_ID_VQZ, MKTAG('V', 'Q', 'Z', '0') },"

like libavfilter/allfilters.c ff_vf_vstack ff_vf_vqz
place libavfilter/Makefile before '^OBJS-\$\(CONFIG_VSTACK_FILTER\)' 'OBJS-$(CONFIG_VQZ_FILTER)                    += vf_vqz.o vqz_roundtrip.o'

for file in "${changed[@]}"; do cat "$work/$file" >"$tree/$file"; done
# ours FROM TO: a file of ours, touched only where it differs, so that make need not build it again
ours() { cmp -s "$here/$1" "$tree/$2" || cp "$here/$1" "$tree/$2"; }
ours libvqz.h libavcodec/libvqz.h
ours libvqz_orientation.h libavcodec/libvqz_orientation.h
ours libvqzdec.c libavcodec/libvqzdec.c
ours libvqzenc.c libavcodec/libvqzenc.c
ours vqzdec.c libavformat/vqzdec.c
ours vqzenc.c libavformat/vqzenc.c
ours vf_vqz.c libavfilter/vf_vqz.c
ours ../roundtrip.c libavfilter/vqz_roundtrip.c
ours ../roundtrip.h libavfilter/roundtrip.h
