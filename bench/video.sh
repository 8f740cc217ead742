#!/bin/bash
# Rate and quality of films: bench/video.sh [--frames N] [--vqz PROGRAM]; writes docs/video.md. bench/README.md explains what is measured.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh"
"$here/../tools/install-packages.sh" test
exec "$here/.venv/bin/python" "$here/video.py" "$@"
