#!/bin/bash
# sysroot.sh ARCH DIR   Debian's libraries for another architecture (s390x, i386) that programs, tests and their headers need, unpacked in DIR.
# They are downloaded as packages and installed nowhere: what this machine has stays as it is.
set -euo pipefail
arch=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
[ ! -f "$dir/complete" ] || exit 0
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/packages"
cat > "$dir/apt.conf" <<CONF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Dir::State "$dir/apt";
Dir::State::status "/dev/null";
Dir::Cache "$dir/apt/cache";
CONF
export APT_CONFIG=$dir/apt.conf
apt-get update -q > "$dir/log" 2>&1 || echo "sysroot.sh: apt-get update: $(tail -n 1 "$dir/log")" >&2    # some lists may be missing
(cd "$dir/packages" && apt-get download -q zlib1g zlib1g-dev libpng16-16 libpng-dev libjpeg62-turbo libjpeg62-turbo-dev libzstd1 libzstd-dev \
    libxxhash0 libxxhash-dev libcmocka0 libcmocka-dev) >> "$dir/log" 2>&1 || { tail -n 5 "$dir/log" >&2; exit 1; }
for package in "$dir"/packages/*.deb; do dpkg --extract "$package" "$dir"; done
while read -r link; do                         # absolute ones would lead out of here
    target=$(readlink "$link")
    [[ $target != /* ]] || ln -sfn "$dir$target" "$link"
done < <(find "$dir/usr/lib" -type l)
touch "$dir/complete"
