#!/bin/bash
# test_conformance.sh VQZ CPU   All vectors of conformance/ through `vqz decode`, as a whole and in parts, on one kernel variant. Exit status 77:
# this machine or build has no such kernels.
set -u
export vqz=$1 cpu=$2
"$vqz" --version | tail -n 1 | sed 's/.*build have/ /' | grep -qw -- "$cpu" || { echo "SKIPPED: no kernels $cpu"; exit 77; }
decode='"$vqz" decode --cpu "$cpu" -j 1 --quiet -f --stored-orientation --model "$MODEL" -o "$OUT" "$IN"'
conformance/run --strict --partial "${decode/decode/decode --partial}" "$decode"
