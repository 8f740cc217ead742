#!/bin/bash
# test_package.sh CMAKE GENERATOR BUILD_DIR CC   Installs the build into a scratch folder, builds examples/ against it through
# find_package and through pkg-config, and runs them: the files from both must be the same.
set -euo pipefail
export LC_ALL=C   # the pictures are bytes
cmake=$1 generator=$2 build=$3 cc=$4
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
"$cmake" --install "$build" --prefix "$prefix" >/dev/null

"$cmake" -G "$generator" -S "$root/examples" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >/dev/null
"$cmake" --build "$work/cmake" >/dev/null

for file in mime/packages/vqz.xml vqz/vqz.magic; do
    cmp "$root/data/${file##*/}" "$prefix/share/$file" || { echo "share/$file was not installed"; exit 1; }
done
for file in man/man1/vqz.1 bash-completion/completions/vqz zsh/site-functions/_vqz fish/vendor_completions.d/vqz.fish vqz/delegates.xml; do
    [ -s "$prefix/share/$file" ] || { echo "share/$file was not installed"; exit 1; }
done
pc=$(find "$prefix" -name vqz.pc)
[ -n "$pc" ] || { echo "vqz.pc was not installed"; exit 1; }
export PKG_CONFIG_PATH=${pc%/*}
lib=$(pkg-config --define-variable=prefix="$prefix" --variable=libdir vqz)
mkdir "$work/pc"
for source in "$root"/examples/*.c; do
    # shellcheck disable=SC2046  # flags are words
    "$cc" -std=c11 -Wall -Wextra -Werror -o "$work/pc/$(basename "$source" .c)" "$source" \
        $(pkg-config --define-variable=prefix="$prefix" --cflags --libs vqz) -Wl,-rpath,"$lib"
done

# A 70x50 PPM with a gradient.
{
    printf 'P6\n70 50\n255\n'
    for ((y = 0; y < 50; y++)); do
        for ((x = 0; x < 70; x++)); do printf '%b' "\\x$(printf %02x $((x * 3)))\\x$(printf %02x $((y * 5)))\\x80"; done
    done
} > "$work/in.ppm"
for how in cmake pc; do
    "$work/$how/encode" "$work/in.ppm" "$work/$how.vqz"
    "$work/$how/decode" "$work/$how.vqz" "$work/$how.pam"
    grep -aqx 'WIDTH 70' "$work/$how.pam"
    [ "$(sed '1,/^ENDHDR$/d' "$work/$how.pam" | wc -c)" -eq $((70 * 50 * 3)) ]
done
cmp "$work/cmake.vqz" "$work/pc.vqz"
cmp "$work/cmake.pam" "$work/pc.pam"
echo "examples built with find_package and with pkg-config work alike"
