#!/usr/bin/env bash
# Creates a virtual environment with pip, from any Python 3.11 or later.
#
#   scripts/venv.sh PYTHON FOLDER
#
# Without python3-venv, Debian's Python has no ensurepip; pip then comes from Debian's wheel.
set -euo pipefail

cd "$(dirname "$0")/.."
python=$1
folder=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "This needs Python 3.11 or later, and $python is older: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi

if "$python" -c 'import ensurepip' 2>/dev/null; then
  "$python" -m venv "$folder"
else
  scripts/fetch-debian.sh python3-pip-whl
  "$python" -m venv --without-pip "$folder"
  wheel=$(echo .cache/debian/usr/share/python-wheels/pip-*.whl)
  "$folder/bin/python" "$wheel/pip" install --quiet pip
fi
