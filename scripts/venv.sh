#!/usr/bin/env bash
# Makes the virtual environment .venv with pip in it, from any Python 3.11 or later.
#
#   scripts/venv.sh PYTHON
#
# Debian ships Python without ensurepip unless python3-venv is installed; then pip comes from Debian's wheel of it.
set -euo pipefail

cd "$(dirname "$0")/.."
python=$1

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Python 3.11 or later is needed, and $python is not: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi

if "$python" -c 'import ensurepip' 2>/dev/null; then
  "$python" -m venv .venv
else
  scripts/fetch-debian.sh python3-pip-whl
  "$python" -m venv --without-pip .venv
  wheel=$(echo .cache/debian/usr/share/python-wheels/pip-*.whl)
  .venv/bin/python "$wheel/pip" install --quiet pip
fi
