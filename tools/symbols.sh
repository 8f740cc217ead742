#!/bin/bash
# symbols.sh SHARED STATIC HEADER...   Holds the library against the rules of CONTRIBUTING.md and says what breaks them: SHARED exports just what
# the HEADERs declare with VQZ_API; in STATIC all global names begin with vqz_, nothing is called that prints, ends the process or opens files,
# no data can be written, and (x86-64) no file but the named ones calculates with floating point.
# CC, NM, OBJDUMP: the build's tools. Exit status: 0 all right, 1 not, 2 usage.
set -uo pipefail
[ $# -ge 3 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
shared=$1 static=$2
shift 2
cc=${CC:-cc} nm=${NM:-nm} objdump=${OBJDUMP:-objdump}
export LC_ALL=C
# What the library may call: memory, strings in memory, threads, what the processor is, its two libraries, and what compilers put in.
# ldexp, rint, exp2: only in the files below.
may_call='memcpy|memset|memmove|memcmp|bcmp|strchr|strlen|strcmp|strncmp|v?snprintf|malloc|calloc|free|syscall|sysconf|getauxval|pthread_(cond|mutex)_[a-z]+|pthread_(create|join)|ldexpf?|rintf|exp2'
may_call+='|(ZSTD|XXH64|vqz)_[A-Za-z0-9_]+|__(memcpy|memset|memmove|v?snprintf)_chk|__stack_chk_(fail|guard)|_GLOBAL_OFFSET_TABLE_|__[a-z]+[sdt]i[234]'
# The plug-in for GPUs is loaded in one place only.
may_load=':device[.]c[.]o: .* dl(open|sym|close|error)$'
# Files that may use floating point: the search for better latents, whose result is integers, and the public setting `quality`.
may_float='refine|adjoint|adjoint_rows_[a-z0-9]+|settings|encoder'
broken=0
shopt -s lastpipe   # rule counts here, at the end of a pipe
rule() {    # rule TEXT: lines on standard input break it
    local lines
    lines=$(sort -u)
    [ -z "$lines" ] || { echo "$1:"; sed 's/^/    /' <<< "$lines"; broken=$((broken + 1)); }
}
declared=$(for header in "$@"; do "$cc" -E -P "$header" || exit 1; done | tr '\n' ' ' | grep -oE 'visibility *\("default"\)[^;(]*\)[^;(]*\(' | grep -oE '[A-Za-z0-9_]+ *\($' | tr -d ' (' | sort -u)
exported=$("$nm" -D --defined-only "$shared" | awk '{ print $NF }' | sort -u)
{ [ -n "$declared" ] && [ -n "$exported" ]; } || { echo "symbols.sh: no declarations, or no exported symbols" >&2; exit 2; }
objects=$("$nm" -A "$static") && code=$("$objdump" -h "$static") || exit 2

comm -13 <(echo "$declared") <(echo "$exported") | rule "exported, but not declared in the headers"
comm -23 <(echo "$declared") <(echo "$exported") | rule "declared in the headers, but not exported"
awk '$(NF - 1) ~ /^[A-TV-Z]$/ && $NF !~ /^vqz_/ { print $1, $NF }' <<< "$objects" | rule "global names without vqz_"
awk -v may="^($may_call)\$" -v load="$may_load" '$(NF - 1) == "U" && $NF !~ may && $0 !~ load { print $1, $NF }' <<< "$objects" | rule "calls of what the library must not use, or has not used so far"
awk '/file format/ { file = $1 } $2 ~ /^\.t?(data|bss)(\.|$)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ { print file, $2 }' <<< "$code" | rule "data that can be written"
awk '$(NF - 1) == "C" { print $1, $NF }' <<< "$objects" | rule "data that can be written"
case $code in
*elf64-x86-64*)
    # Arithmetic and comparisons of floating point; vectorized integer code moves, shuffles and converts with such instructions too.
    "$objdump" -d --no-show-raw-insn "$static" | awk -v may="^($may_float)\\\\.c\\\\.o:" '/file format/ { file = $1 }
        file !~ may && ($2 ~ /^v?(add|sub|addsub|mul|div|sqrt|max|min|round|rndscale|rcp|rsqrt|hadd|hsub|dp|fn?m(add|sub)(132|213|231)|u?comi|cmp[a-z]*)[sp][sd]$/ ||
            $2 ~ /^f(ld|i?add|i?mul|i?div|i?sub|sqrt)[a-z0-9]*$/) { print file, $2 }' | rule "floating point where there must be none"
    ;;
esac
[ $broken -eq 0 ] && echo "$(wc -l <<< "$exported") exported symbols, those of the headers; the other rules hold"
exit $((broken > 0))
