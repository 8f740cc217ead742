#!/bin/bash
# Speed and memory beside other codecs: bench/speed.sh [--quick] [--runs N] [--huge]. bench/README.md explains it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install-packages.sh build bench
cmake -S . -B build-bench -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build-bench --target vqz_cli >/dev/null
exec python3 bench/speed.py "$@"
