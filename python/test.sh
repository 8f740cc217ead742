#!/bin/bash
# test.sh [VQZ [PYTEST OPTION...]]   Installs the package into a virtual environment in build-python/, checks its types, and runs its tests against the
# program VQZ (build/vqz). Exit status 77: what requirements.txt names cannot be installed here (in CI that is a failure).
set -euo pipefail
vqz=$(realpath "${1:-build/vqz}")
shift || :
cd "$(dirname "$0")"
work=$PWD/../build-python
source ./environment.sh "$work/venv" requirements.txt
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall --config-settings=build-dir="$work/cmake" .
MYPYPATH=src "$work/venv/bin/mypy" -p vqz
VQZ=$vqz "$work/venv/bin/pytest" -q "$@"
