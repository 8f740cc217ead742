#!/bin/bash
# Where the time goes: bench/profile.sh [VQZ [PICTURE.ppm]]   needs perf; one thread, quality 60, 4000x3000 unless told otherwise.
set -euo pipefail
vqz=$(realpath "${1:-$(dirname "$0")/../build-bench/vqz}")
picture=$(realpath -q "${2:-}" || :)
cd "$(dirname "$0")"
command -v perf >/dev/null || { echo "profile.sh: perf is missing (Debian: linux-perf)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "$picture" ] || python3 mosaic.py 4000 3000 "${picture:=$work/picture.ppm}"
record() { perf record -q -F 4000 -o "$work/$1.data" "$vqz" "${@:2}" --quiet -f -j1; }
record encode encode -q 60 -o "$work/coded.vqz" "$picture"
record decode-ppm decode -o "$work/out.ppm" "$work/coded.vqz"
record decode-png decode -o "$work/out.png" "$work/coded.vqz"
for what in encode decode-ppm decode-png; do
    perf report -i "$work/$what.data" --stdio --sort dso,symbol 2>/dev/null | python3 profile_parts.py "$what"
done
