# source environment.sh VENV REQUIREMENTS   Makes the virtual environment VENV with what the file REQUIREMENTS names, unless it is there. Ends the script with 77
# where it cannot be had, in CI with 1. PYTHON: the interpreter, 3.11 or newer.
if ! cmp -s "$2" "$1/requirements.txt"; then
    "${PYTHON:-python3}" -m venv --clear "$1"
    if ! "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2"; then
        echo "the packages of $2 cannot be installed here"
        [ -z "${CI:-}" ] || exit 1
        exit 77
    fi
    cp "$2" "$1/requirements.txt"
fi
