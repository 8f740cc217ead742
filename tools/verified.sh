#!/bin/bash
# verified.sh                                  lists docs/verified.tsv: which slow checks still hold for the files as they are
# verified.sh add CHECK SECONDS FIGURE PATH... notes that CHECK, which covers the PATHs, passed at HEAD; replaces its last entry
# A check whose paths have changed since its commit is STALE: nothing is known about it. That is no failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
list=docs/verified.tsv
most=3                                         # changed files named in a line

add() {
    local check=$1 seconds=$2 figure=$3 path changed
    shift 3
    for path in "$@"; do
        [ -n "$(git ls-files -- "$path" | head -n 1)" ] || { echo "verified.sh: $check is not noted: git knows no $path" >&2; return 1; }
    done
    changed=$(git status --porcelain -- "$@") || return 1
    if [ -n "$changed" ]; then
        echo "$check: passed, but is not noted in $list: files that it covers are not committed"
        return 0
    fi
    [ -f "$list" ] || printf 'check\tcommit\tdate\tseconds\tpaths\tfigure\n' > "$list"
    awk -F'\t' -v check="$check" '$1 != check' "$list" > "$list.new" &&
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$check" "$(git rev-parse --short=10 HEAD)" "$(date -u +%F)" "$seconds" "$*" "$figure" >> "$list.new" &&
        mv "$list.new" "$list"
}

status_of() {   # status_of COMMIT PATH...
    local commit=$1 changed count
    shift
    if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
        echo "STALE (commit $commit is not in this clone; if it is a shallow one: git fetch --unshallow)"
        return
    fi
    changed=$({ git diff --name-only "$commit" -- "$@" && git ls-files --others --exclude-standard -- "$@"; } 2>&1) ||
        { echo "STALE (git: ${changed%%$'\n'*})"; return; }
    if [ -z "$changed" ]; then
        echo current
        return
    fi
    count=$(wc -l <<< "$changed")
    echo "STALE ($count covered files changed since $commit: $(head -n $most <<< "$changed" | paste -sd, | sed 's/,/, /g')$([ "$count" -le $most ] || echo ', ...'))"
}

show() {
    local check commit date seconds paths figure status stale=0
    if ! git rev-parse --git-dir > /dev/null 2>&1; then
        echo "$list: not a git checkout, so nothing is known about the slow checks"
        return
    fi
    while IFS=$'\t' read -r check commit date seconds paths figure; do
        [ "$check" != check ] || continue
        if [ -z "$figure" ]; then
            status="STALE (not a line of $list: check, commit, date, seconds, paths, figure)"
        else
            read -ra paths <<< "$paths"
            status=$(status_of "$commit" "${paths[@]}")
            [ "$figure" = - ] || status+="; $([[ $status != STALE* ]] || echo 'then: ')$figure"
        fi
        [[ $status != STALE* ]] || stale=$((stale + 1))
        printf '%-12s %s  %s\n' "$check" "$date" "$status"
    done < "$list"
    [ $stale -eq 0 ] || echo "$stale stale: nothing is known about these checks before ./test.sh --full has run again"
}

case ${1:-} in
'') show ;;
add) [ $# -ge 5 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }; add "${@:2}" ;;
*) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
