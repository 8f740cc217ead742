#!/bin/sh
# Creates training/.venv with the pinned packages; does nothing when it is up to date. Never called by ./test.sh.
set -eu
cd "$(dirname "$0")"
stamp=.venv/requirements.txt
if [ -f "$stamp" ] && cmp -s requirements.txt "$stamp"; then
    exit 0
fi
"${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
cp requirements.txt "$stamp"
