#!/bin/bash
# soak.sh [--hours H | --once] [--jobs N] [--slice SECONDS] [DIR]   Fuzzes with all targets in turn, until stopped, for H hours, or once;
# goes on where it was.
# DIR (runs/soak) keeps what is found: corpus/TARGET, findings/TARGET, logs, and soak.tsv with a line for every slice (300 s) of a target.
# BUILD: where the targets are built (DIR/build); FUZZ_TARGETS: only these.
# Exit status: 0 no findings in this run, 1 findings, 2 usage or no build.
set -umo pipefail       # m: each job a process group of its own, to be ended as one
source=$(cd "$(dirname "$0")/.." && pwd)
usage() { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
hours=0 once=0 jobs=1 slice=300 dir=$source/runs/soak
while [ $# -gt 0 ]; do
    case $1 in
    --hours) hours=${2:-}; shift 2 || usage ;;
    --once) once=1; shift ;;
    --jobs) jobs=${2:-}; shift 2 || usage ;;
    --slice) slice=${2:-}; shift 2 || usage ;;
    -*) usage ;;
    *) dir=$1; shift ;;
    esac
done
[[ $hours =~ ^[0-9]+(\.[0-9]+)?$ && $jobs =~ ^[1-9][0-9]*$ && $slice =~ ^[1-9][0-9]*$ ]] || usage
mkdir -p "$dir"/{corpus,findings,logs} || exit 2
dir=$(cd "$dir" && pwd)
build=${BUILD:-$dir/build}
read -ra targets <<< "${FUZZ_TARGETS:-decode sequence model symbols roundtrip demux alpha residual pixels metadata image_png image_jpeg image_pnm image_y4m image_webp image_tiff image_heif probe}"
if [ -z "${BUILD:-}" ]; then
    nice -n 10 "$source/tools/build.sh" "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O2 -g" \
        -DVQZ_BUILD_FUZZERS=ON || exit 2
    git -C "$source" rev-parse --short HEAD > "$build/commit" 2> /dev/null
fi
commit=$(cat "$build/commit" 2> /dev/null || echo -)
table=$dir/soak.tsv
[ -s "$table" ] || printf 'time\tcommit\ttarget\tseconds\tcpu\texecutions\tedges\tinputs\tfindings\n' > "$table"
export ASAN_OPTIONS=quarantine_size_mb=32:allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 LSAN_OPTIONS=suppressions=$source/fuzz/leaks.supp:print_suppressions=0

one() {     # one TARGET SECONDS: a slice, again from its corpus where a finding ended it early
    local target=$1 left=$2 corpus=$dir/corpus/$1 findings=$dir/findings/$1 log=$dir/logs/$1.log start ran=0 executed=0 edges=0 before
    local inputs=("$corpus" "$build/fuzz/seeds/$target") options=(-timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1)
    mkdir -p "$corpus" "$findings"
    for folder in corpus regressions; do
        [ ! -d "$source/fuzz/$folder/$target" ] || inputs+=("$source/fuzz/$folder/$target")
    done
    case $target in
    probe | demux | decode | sequence | metadata) options+=("-dict=$source/fuzz/dict/vqz.dict") ;;
    image_*) options+=("-dict=$source/fuzz/dict/${target#image_}.dict") ;;
    esac
    [ "$target" != image_heif ] || local ASAN_OPTIONS=$ASAN_OPTIONS:fast_unwind_on_malloc=0     # for leaks.supp to see names
    before=$(find "$findings" -type f | wc -l)
    for _ in 1 2 3 4 5; do
        start=$SECONDS
        nice -n 10 "$build/fuzz/fuzz_$target" "${options[@]}" -max_total_time="$left" -artifact_prefix="$findings/" "${inputs[@]}" > "$log" 2>&1
        status=$?
        ran=$((ran + SECONDS - start)) left=$((left - SECONDS + start))
        executed=$((executed + $(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1 | grep . || echo 0)))
        edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
        [ $status -ne 0 ] || break
        cp "$log" "$dir/logs/$target-$(date -u +%Y%m%dT%H%M%S)-failed.log"
        [ "$left" -gt 5 ] || break
    done
    times > "$dir/logs/$target.times"       # of this slice's own shell: second line, its children
    cpu=$(awk -F'[ms ]+' 'NR == 2 { printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }' "$dir/logs/$target.times")
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$commit" "$target" "$ran" "$cpu" "$executed" "${edges:-0}" \
        "$(find "$corpus" -type f | wc -l)" "$(($(find "$findings" -type f | wc -l) - before))" >> "$table"
}

first=$(wc -l < "$table")
finish() {  # a stop is no failure: the slices that ran are in the table
    trap - INT TERM EXIT
    local job
    for job in $(jobs -p); do kill -- "-$job" 2> /dev/null; done
    wait
    tail -n +$((first + 1)) "$table" | awk -F'\t' '{ n += $6; s += $4; c += $5; f += $9 } END { printf "%d executions in %d s (%d of a core), %d findings\n", n, s, c, f; exit f > 0 }'
    exit $?
}
trap finish INT TERM EXIT
end=$(awk -v h="$hours" -v s="$SECONDS" 'BEGIN { print int(s + h * 3600) }')
while :; do
    for target in "${targets[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
        seconds=$slice
        if [ "$hours" != 0 ]; then
            [ "$SECONDS" -lt "$end" ] || exit
            [ $((end - SECONDS)) -ge "$slice" ] || seconds=$((end - SECONDS))
        fi
        one "$target" "$seconds" &
    done
    wait                        # never two of one target at once
    [ $once = 0 ] || exit
done
