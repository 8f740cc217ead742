#!/bin/bash
# install-packages.sh GROUP...   installs the Debian packages of the groups that are missing.
#   build  the library and the program      quickstart  + JPEG tools to compare with
#   test   + CMocka, git, valgrind, ffmpeg and its libraries (vqz transcode), hosts of plugins/
#   full   + what test.sh --full adds
#   static + clang-tidy, cppcheck (tools/static.sh)
#   python  for python/test.sh
#   train  Python for training/             bench  tools of bench/
#   arm64  cross compiler, libraries and qemu-user for tools/test-arm64.sh
#   ffmpeg  for tools/test-ffmpeg.sh
#   cluster  for tools/test-cluster.sh: Slurm, Open MPI, GNU parallel (Dask: python)
#   deb  for tools/test-deb.sh
#   s390x, i386  cross compilers, and qemu-user for the first, for tools/test-arch.sh
set -euo pipefail
wanted=()
for group in "$@"; do
    case $group in
    build) wanted+=(gcc libc6-dev cmake ninja-build pkg-config libpng-dev libjpeg62-turbo-dev libzstd-dev libxxhash-dev libwebp-dev libtiff-dev libheif-dev) ;;
    quickstart) wanted+=(libjpeg-turbo-progs netpbm) ;;
    test) wanted+=(g++ libcmocka-dev git valgrind ffmpeg libavcodec-dev libavfilter-dev libavformat-dev libswscale-dev
        libgdk-pixbuf-2.0-dev libgdk-pixbuf2.0-bin libglib2.0-bin shared-mime-info imagemagick) ;;
    static) wanted+=(clang-tidy cppcheck) ;;
    full) wanted+=(python3 clang libclang-rt-14-dev llvm zsh fish chromium) ;;
    python) wanted+=(python3 python3-dev python3-venv ca-certificates) ;;
    train) wanted+=(python3 python3-venv ca-certificates) ;;
    ffmpeg) wanted+=(dpkg-dev make xz-utils zlib1g-dev python3 ffmpeg) ;;
    bench) wanted+=(python3 python3-venv ca-certificates libjpeg-turbo-progs libjxl-tools libjxl-devtools webp netpbm libavif-bin libopenjp2-tools optipng fonts-dejavu-core) ;;
    arm64) wanted+=(gcc-aarch64-linux-gnu qemu-user libc6-dev:arm64 libpng-dev:arm64 libjpeg62-turbo-dev:arm64 libzstd-dev:arm64 libxxhash-dev:arm64 libcmocka-dev:arm64) ;;
    cluster) wanted+=(slurmctld slurmd slurm-client munge parallel openmpi-bin procps) ;;
    deb) wanted+=(dpkg-dev lintian man-db debootstrap git) ;;
    s390x) wanted+=(gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user) ;;
    i386) wanted+=(gcc-i686-linux-gnu libc6-dev-i386-cross) ;;
    *) echo "install-packages.sh: no group '$group'" >&2; exit 2 ;;
    esac
done
missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")   # a line an architecture
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "Installing Debian packages: ${missing[*]}"
as_root=(env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes)
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root, and no sudo: install these packages first." >&2; exit 1; }
    as_root=(sudo "${as_root[@]}")
fi
case "${missing[*]}" in *:arm64*) "${as_root[@]}" dpkg --add-architecture arm64 ;; esac
"${as_root[@]}" apt-get update -q >/dev/null
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
