#!/bin/bash
# compile.sh LOG COMMAND...   Runs nvcc; what ptxas says of registers goes to LOG instead of the screen, unless something fails.
set -uo pipefail
log=$1
shift
"$@" -Xptxas -v 2> "$log" && exit 0
status=$?
cat "$log" >&2
exit $status
