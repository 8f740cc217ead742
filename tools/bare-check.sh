#!/bin/bash
# bare-check.sh [--keep] [--with FILE]... [COMMAND...]   Runs quickstart.sh and test.sh (or the given commands) from a clean clone of HEAD
# in a minimal Debian 12 with nothing else installed. Needs root, debootstrap and git. The package sources, certificates
# and pip settings of this machine are used inside. --keep leaves the system in place (its folder is printed). FILEs
# are copied to /with in it.
set -euo pipefail
keep=0
if [ "${1:-}" = --keep ]; then
    keep=1
    shift
fi
with=()
while [ "${1:-}" = --with ]; do
    with+=("$(realpath "$2")")
    shift 2
done
if [ $# -eq 0 ]; then set -- ./quickstart.sh ./test.sh; fi
[ "$(id -u)" -eq 0 ] || { echo "bare-check.sh: needs root" >&2; exit 1; }
root=$(cd "$(dirname "$0")/.." && pwd)
bare=$(mktemp -d -t vqz-bare-XXXXXX)
chmod 755 "$bare"   # apt's own user reads in it
mounts=()
cleanup() {
    local i
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
        umount "${mounts[i]}" || { echo "bare-check.sh: $bare is left, ${mounts[i]} is still mounted" >&2; return; }
    done
    if [ $keep = 1 ]; then echo "kept: $bare"; else rm -rf --one-file-system "$bare"; fi
}
trap cleanup EXIT

mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -1) || true
echo "== debootstrap"
start=$SECONDS
debootstrap --variant=minbase bookworm "$bare" "${mirror:-http://deb.debian.org/debian}" > "$bare.log" || { tail -20 "$bare.log"; exit 1; }
rm "$bare.log"
copy() {
    local path
    for path in "$@"; do
        if [ -e "$path" ]; then
            mkdir -p "$bare$(dirname "$path")"
            cp -rL "$path" "$bare$(dirname "$path")/"
        fi
    done
}
rm -f "$bare/etc/apt/sources.list"
copy /etc/resolv.conf /etc/hosts /etc/pip.conf /usr/share/keyrings
copy /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/auth.conf.d
for conf in /etc/apt/apt.conf.d/*; do   # settings only, without hooks that need other packages
    grep -qiE 'invoke|hook' "$conf" || copy "$conf"
done
settings=()
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then   # under a name that the package of that file does not overwrite
    mkdir -p "$bare/etc/ssl"
    cp -L /etc/ssl/certs/ca-certificates.crt "$bare/etc/ssl/host.crt"
    settings=(PIP_CERT=/etc/ssl/host.crt)
fi
for place in proc dev dev/pts; do
    mount --bind "/$place" "$bare/$place"
    mounts+=("$bare/$place")
done
mkdir "$bare/with"
[ ${#with[@]} -eq 0 ] || cp "${with[@]}" "$bare/with/"
git clone --quiet --no-hardlinks "$root" "$bare/vqz"
echo "== minimal system with $(chroot "$bare" dpkg-query -W | wc -l) packages: $((SECONDS - start)) s"

failed=0
for command in "$@"; do
    start=$SECONDS
    status=0
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        "${settings[@]}" chroot "$bare" bash -c "cd /vqz && $command" < /dev/null || status=$?
    echo "== bare: $command: $((SECONDS - start)) s, exit $status"
    [ $status -eq 0 ] || failed=$((failed + 1))
done
echo "$(($# - failed)) passed, $failed failed"
[ $failed -eq 0 ]
