#!/bin/bash
# Lossless sizes and times: bench/lossless.sh [--vqz PROGRAM]; writes docs/lossless.md. bench/README.md explains what is measured.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh"
exec "$here/.venv/bin/python" "$here/lossless.py" "$@"
