#!/bin/bash
# hardening.sh FILE...   Looks in programs and shared libraries for what cmake/hardening.cmake asks of the compiler; says what is missing.
# OBJDUMP (objdump): one that knows the FILEs' processor. Exit status: 0 all there, 1 not, 2 usage.
set -uo pipefail
[ $# -gt 0 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
objdump=${OBJDUMP:-objdump} missing=0

lacks() { echo "$file: $1"; missing=$((missing + 1)); }
first() {   # the first instruction of a function that others may call
    "$objdump" -d --no-show-raw-insn "$file" | awk -v name="<$1>:" '$2 == name { getline; $1 = ""; print; exit }'
}
for file in "$@"; do
    { headers=$(readelf -W -h -l -d "$file") && symbols=$(readelf -W -s "$file") && undefined=$(readelf -W --dyn-syms "$file"); } || exit 2
    program=0
    [[ $headers != *INTERP* ]] || program=1
    [[ $headers == *Type:*' DYN '* ]] || lacks "the program has a fixed address (-pie)"
    grep -q GNU_RELRO <<< "$headers" || lacks "relocations stay writable (-z relro)"
    grep -qE 'FLAGS_1.*NOW|BIND_NOW' <<< "$headers" || lacks "functions are bound when they are first called (-z now)"
    grep -qE 'GNU_STACK .* RW +0x' <<< "$headers" || lacks "the stack is executable (-z noexecstack)"
    ! grep -qE '\((RPATH|RUNPATH|TEXTREL)\)' <<< "$headers" || lacks "it has a search path of its own, or relocations in its code"
    grep -q ' UND __stack_chk_fail' <<< "$undefined" || lacks "no function guards its stack (-fstack-protector-strong)"
    grep -qE ' UND __(mem|str|sn?printf|vs?n?printf|fprintf|printf)[a-z]*_chk' <<< "$undefined" || lacks "no checked string function (-D_FORTIFY_SOURCE)"
    if [ $program = 1 ]; then
        name=main
    else
        name=$(awk '$4 == "FUNC" && $5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" { print $8; exit }' <<< "$undefined")
        ! ldd -r "$file" 2>&1 | grep 'undefined symbol' || lacks "symbols come from nowhere (-z defs)"
    fi
    grep -qw -- "$name" <<< "$symbols" || { lacks "no symbol $name to look at"; continue; }
    case $headers in
    *X86-64*)
        [[ $(first "$name") == *endbr64* ]] || lacks "$name does not begin with endbr64 (-fcf-protection)"
        # Frames beyond a page are touched page by page: gcc does it by or, clang by mov.
        "$objdump" -d --no-show-raw-insn "$file" | awk 'page && /(or|mov)q? +\$0x0,(0x[0-9a-f]+)?\(%rsp\)/ { found = 1 } { page = /sub +\$0x1000,%rsp/ } END { exit !found }' ||
            lacks "no large frame is probed (-fstack-clash-protection)"
        ;;
    *AArch64*) [[ $(first "$name") =~ paciasp|bti ]] || lacks "$name begins with neither paciasp nor bti (-mbranch-protection)" ;;
    esac
done
[ $missing -eq 0 ] && echo "$*: hardened"
exit $((missing > 0))
