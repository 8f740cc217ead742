#!/bin/bash
# Rate-distortion bench on real files: bench/rd.sh --help. bench/README.md explains what is measured.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh"
exec "$here/.venv/bin/python" "$here/rd.py" "$@"
