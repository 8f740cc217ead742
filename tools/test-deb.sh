#!/bin/bash
# test-deb.sh [DIR]   Makes the Debian packages with cpack in DIR (build-deb), has lintian look at them (its errors are failures), installs them into a
# minimal Debian, uses them there and removes them. Needs root. Packages: install-packages.sh build test deb.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build-deb}
tools/build.sh "$dir" -DCMAKE_INSTALL_PREFIX=/usr
rm -f "$dir"/*.deb
(cd "$dir" && cpack) >"$dir/cpack.log" 2>&1 || { tail -20 "$dir/cpack.log"; exit 1; }
lintian --no-cfg --allow-root --fail-on error "$dir"/*.deb
with=()
for package in "$dir"/*.deb; do with+=(--with "$package"); done
tools/bare-check.sh "${with[@]}" \
    'apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends /with/*.deb >/tmp/log 2>&1 || { tail -20 /tmp/log; exit 1; }' \
    'dpkg --audit && dpkg --verify vqz vqz-transcode vqz-gdk-pixbuf && ldconfig -p | grep -F libvqz.so.0' \
    'vqz encode -o /tmp/a.vqz samples/lake-sherburne.jpg && vqz verify /tmp/a.vqz && vqz decode -o /tmp/a.png /tmp/a.vqz' \
    'vqz transcode -y /tmp/a.vqz /tmp/a.mkv && vqz transcode -y /tmp/a.mkv /tmp/b.vqz && vqz compare /tmp/a.vqz /tmp/b.vqz' \
    'grep -F image/x-vqz /usr/lib/*/gdk-pixbuf-2.0/2.10.0/loaders.cache' \
    'dpkg --purge vqz-gdk-pixbuf vqz-transcode vqz && ! ls /usr/bin/vqz* /usr/share/vqz /usr/lib/*/libvqz* /usr/share/man/man1/vqz* 2>/dev/null'
