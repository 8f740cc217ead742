#!/bin/bash
# fatbin-size.sh LIBRARY   Bytes of device code in LIBRARY.
set -euo pipefail
objdump -h "$1" | awk '$2 == ".nv_fatbin" { cmd = "printf %d 0x" $3; cmd | getline n; close(cmd); sum += n } END { print sum + 0 }'
