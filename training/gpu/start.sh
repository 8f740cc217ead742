#!/bin/bash
# Unpacks what has arrived and trains until shortly before a time limit; resumes on the next call. Run it from the root of
# the repository (or of an unpacked part's code/). Settings, by environment:
#   LIMIT   seconds that this call may take, start included (580)     RESERVE  of them for the way home (45)
#   DEVICE  cuda or cpu (cuda)    STAGE  (trunk)    CONFIG  (training/gpu/gpu.json)    ARGS  further arguments of training.run
#   WORK    folder that outlives the call (/tmp/vqz-gpu)
#   OUT     folder that is brought home: at most 8 files of at most 16 MiB
#   PARTS   folder of the parts (training/gpu/parts)
set -eu
: "${LIMIT:=580}" "${RESERVE:=45}" "${DEVICE:=cuda}" "${STAGE:=trunk}" "${CONFIG:=training/gpu/gpu.json}" "${ARGS:=}"
: "${WORK:=/tmp/vqz-gpu}" "${OUT:=$WORK/home}" "${PARTS:=training/gpu/parts}"
: "${PYTHON:=$([ -x training/.venv/bin/python ] && echo training/.venv/bin/python || echo python3)}"
export PYTHONUNBUFFERED=1
run="$WORK/run"
mkdir -p "$WORK/data" "$run" "$OUT"

for part in "$PARTS"/*/part.tar; do
    [ -e "$part" ] || continue
    mark="$WORK/$(basename "$(dirname "$part")").done"
    if [ ! -e "$mark" ]; then
        tar -xf "$part" -C "$WORK"
        touch "$mark"
    fi
done
if [ -e "$PARTS/state/state.00" ]; then
    "$PYTHON" -m training.gpu.take "$PARTS/state" --out "$run"
fi
echo "$(ls "$WORK/data" | wc -l) pictures, $SECONDS s"

seconds=$((LIMIT - SECONDS - RESERVE))
if [ "$seconds" -lt 3 ] || [ -z "$(ls -A "$WORK/data")" ]; then
    echo "unpacked only"
    exit 0
fi
# The stage ends by itself in time; if it hangs, TERM makes it save and leave.
timeout --signal TERM --kill-after $((RESERVE / 4)) $((seconds + RESERVE / 2)) "$PYTHON" -m training.run \
    --stage "$STAGE" --config "$CONFIG" --data "$WORK/data" --out "$run" --home "$OUT" --device "$DEVICE" --resume \
    --deadline $(($(date +%s) + seconds)) $ARGS
