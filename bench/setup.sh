#!/bin/bash
# Prepares the rate-distortion bench: Debian packages and the Python environment bench/.venv.
set -euo pipefail
cd "$(dirname "$0")"
../tools/install-packages.sh bench
[ -x .venv/bin/python ] || python3 -m venv .venv
if ! cmp -s requirements.txt .venv/installed.txt; then
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt .venv/installed.txt
fi
