#!/bin/bash
# test_symbols.sh CC SYMBOLS_SH   tools/symbols.sh is content with a small library that keeps the rules, and names each rule that one breaks.
set -uo pipefail
export CC=$1
script=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
bad() { echo "FAIL: $*"; failures=$((failures + 1)); }
cat > api.h <<'C'
#define VQZ_API __attribute__((visibility("default")))
VQZ_API int vqz_one(int x);
VQZ_API const char *
vqz_two(const struct vqz_thing *t,
        int (*call)(int));
C
cat > good.c <<'C'
#include <string.h>
struct vqz_thing;
#include "api.h"
static const int table[] = {1, 2};
static const char *const names[] = {"a", "b"};
int vqz_one(int x) { return table[x & 1]; }
const char *vqz_two(const struct vqz_thing *t, int (*call)(int)) { return strchr(names[call(1) & 1], 0) || t ? names[0] : names[1]; }
C
build() {   # build CODE: the library with more code in a file of its own
    printf '%s\n' "$1" > more.c
    for name in good more; do "$CC" -O2 -w -fPIC -fvisibility=hidden -c -o $name.c.o $name.c || { bad "cannot build: $1"; return 1; }; done
    rm -f lib.a
    ar rc lib.a good.c.o more.c.o && "$CC" -shared -o lib.so good.c.o more.c.o
}
says() {    # says RULE CODE: the library with that code is refused, and for that
    local said
    build "$2" || return
    said=$("$script" lib.so lib.a api.h) && bad "good with $2"
    [[ $said == *"$1:"* ]] || bad "nothing of \"$1\" with $2: $said"
}
build 'int vqz_more(int x) { return x; }' && said=$("$script" lib.so lib.a api.h) || bad "$said"
says 'exported, but not declared in the headers' '__attribute__((visibility("default"))) int vqz_more(int x) { return x; }'
says 'global names without vqz_' 'int more(int x) { return x; }'
says 'global names without vqz_' 'const int more = 1;'
says 'calls of what the library must not use, or has not used so far' '#include <stdio.h>
void vqz_more(void) { puts("more"); }'
says 'calls of what the library must not use, or has not used so far' '#include <stdlib.h>
void vqz_more(int x) { if (x) abort(); }'
says 'calls of what the library must not use, or has not used so far' '#include <dlfcn.h>
void *vqz_more(void) { return dlopen("/lib/x.so", 1); }'
says 'data that can be written' 'static int n; int vqz_more(void) { return n++; }'
says 'data that can be written' 'static _Thread_local int n; int vqz_more(void) { return n++; }'
says 'data that can be written' 'int vqz_more = 3;'
says 'data that can be written' '__attribute__((common)) int vqz_more;'
[ "$(uname -m)" != x86_64 ] || for type in float double 'long double'; do says 'floating point where there must be none' "$type vqz_more($type x) { return x * 3; }"; done
[ "$(uname -m)" != x86_64 ] || says 'floating point where there must be none' 'int vqz_more(const float *x) { return *x < 3; }'
echo 'VQZ_API int vqz_three(void);' >> api.h
says 'declared in the headers, but not exported' ''
[ $failures -eq 0 ] && echo "all passed"
exit $((failures > 0))
