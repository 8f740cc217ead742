#!/bin/bash
# build.sh DIR [CMAKE OPTION...]   Configures and builds; prints the log only where that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$1
shift
mkdir -p "$dir"
log=$dir/build.log
generator=()
[ -f "$dir/CMakeCache.txt" ] || generator=(-G Ninja)
if ! { cmake -S . -B "$dir" "${generator[@]}" "$@" && cmake --build "$dir" --parallel "$(nproc)"; } > "$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "build failed; the whole log is $log" >&2
    exit 1
fi
