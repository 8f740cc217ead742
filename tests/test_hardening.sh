#!/bin/bash
# test_hardening.sh CC HARDENING_SH   tools/hardening.sh is content with a program and a library built with the flags of cmake/hardening.cmake, and
# names what is missing where one of them is taken back.
set -uo pipefail
cc=$1 script=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
cat > part.c <<'C'
#include <stdio.h>
#include <string.h>
int part(const char *text);
int elsewhere(char *text);
int part(const char *text) {
    char large[20000], copy[16];
    strcpy(copy, text);
    snprintf(large, sizeof large, "%s", copy);
    return elsewhere(large);
}
C
echo 'int elsewhere(char *text); int elsewhere(char *text) { return text[0]; }' > elsewhere.c
echo 'int part(const char *text); int main(int argc, char **argv) { return argc > 1 ? part(argv[1]) : 0; }' > main.c
case $(uname -m) in
x86_64) processor=-fcf-protection=full none=-fcf-protection=none ;;
aarch64) processor=-mbranch-protection=standard none=-mbranch-protection=none ;;
*) processor='' none='' ;;
esac
flags=(-O2 -w -fPIC -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection $processor -Wl,-z,relro,-z,now,-z,noexecstack)
failures=0
bad() { echo "FAIL: $*"; failures=$((failures + 1)); }
program() { "$cc" "${flags[@]}" -pie "$@" -o file main.c part.c elsewhere.c || bad "cannot build with $*"; }
library() { "$cc" "${flags[@]}" -shared "$@" -o file || bad "cannot build with $*"; }
names() {   # names TEXT: the file is refused, with that text
    local said
    said=$("$script" file) && bad "good without $1"
    [[ $said == *"($1)"* ]] || bad "no word of $1: $said"
}
program && said=$("$script" file) || bad "a program: $said"
library part.c elsewhere.c -Wl,-z,defs && said=$("$script" file) || bad "a library: $said"
library part.c && names '-z defs'
program -no-pie && names -pie
program -Wl,-z,norelro && names '-z relro'
program -Wl,-z,lazy && names '-z now'
program -Wl,-z,execstack && names '-z noexecstack'
program -fno-stack-protector && names -fstack-protector-strong
program -U_FORTIFY_SOURCE && names -D_FORTIFY_SOURCE
program -Wl,-rpath,/tmp && said=$("$script" file) && bad "good with a search path of its own"
[ -z "$none" ] || { program $none && names "${processor%=*}"; }
[ "$(uname -m)" != x86_64 ] || { program -fno-stack-clash-protection && names -fstack-clash-protection; }
[ $failures -eq 0 ] && echo "all passed"
exit $((failures > 0))
