#!/bin/bash
# test_verified.sh VERIFIED_SH: entries of docs/verified.tsv in a repository made for this: current, stale, unknown.
set -u
script=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!GIT_@}"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CEILING_DIRECTORIES=$dir
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t
failures=0

bad() { echo "FAIL: $*"; failures=$((failures + 1)); }
# lists PATTERN...: the script succeeds, and what it prints has a line for every extended regular expression
lists() {
    local out
    out=$(tools/verified.sh 2>&1) || bad "exit $?: $out"
    for pattern in "$@"; do grep -qE -- "$pattern" <<< "$out" || bad "no line \"$pattern\" in: $out"; done
}
# changes FILE TEXT: a commit
changes() { echo "$2" > "$1" && git add . && git commit -q -m "$1"; }

mkdir "$dir/repo" && cd "$dir/repo" && mkdir a b docs tools && cp "$script" tools/verified.sh || exit 1
lists 'not a git checkout'
git init -q . && echo x > a/x && changes b/y 1 && first=$(git rev-parse --short=10 HEAD)

# ---- added entries are current until their paths change, and only then
tools/verified.sh add one 12 'rate -3 %' a b/y || bad "add one"
tools/verified.sh add two 3 - a || bad "add two"
[ "$(sed -n 2p docs/verified.tsv)" = "one"$'\t'"$first"$'\t'"$(date -u +%F)"$'\t'"12"$'\t'"a b/y"$'\t'"rate -3 %" ] || bad "not the line: $(sed -n 2p docs/verified.tsv)"
git add docs && git commit -q -m docs
lists '^one +[0-9-]+  current; rate -3 %$' '^two +[0-9-]+  current$'
changes b/y 2
lists "^one .*STALE \(1 covered files changed since $first: b/y\); then: rate -3 %$" '^two .*current$' '^1 stale'
for i in 1 2 3 4 5; do changes a/n$i $i; done
lists "^one .*STALE \(6 covered files changed since $first: a/n1, a/n2, a/n3, \.\.\.\)" "^two .*STALE \(5 "

# ---- run again: one line a check; the other entry is kept
tools/verified.sh add one 11 - a b/y || bad "add one again"
lists '^one .*current$' '^two .*STALE'
[ "$(grep -c . docs/verified.tsv)" = 3 ] || bad "lines: $(cat docs/verified.tsv)"

# ---- what is not committed counts as changed, and cannot be noted
echo 3 > b/y
lists '^one .*STALE \(1 covered files.*: b/y\)'
tools/verified.sh add one 10 - a b/y | grep -q 'not noted' || bad "noted with changes"
grep -q $'\t10\t' docs/verified.tsv && bad "written with changes"
git checkout -q b/y
touch a/new
lists '^one .*STALE \(1 covered files.*: a/new\)'
rm a/new
git rm -q b/y && git commit -q -m gone
lists '^one .*STALE \(1 covered files.*: b/y\)'
tools/verified.sh add three 1 - nowhere 2> /dev/null && bad "a path that does not exist was noted"

# ---- commits that are not here, lines that are none
printf 'four\t0123456789\t2026-01-01\t1\ta\t-\nfive\tonly this\n' >> docs/verified.tsv
lists '^four .*STALE \(commit 0123456789 is not in this clone' '^five .*STALE \(not a line' '^4 stale'
git add . && git commit -q -m list
git clone -q --depth 1 "file://$dir/repo" ../shallow && cd ../shallow || exit 1
lists "^two .*STALE \(commit $first is not in this clone.*git fetch --unshallow\)"

[ $failures -eq 0 ] && echo "all passed"
exit $((failures > 0))
