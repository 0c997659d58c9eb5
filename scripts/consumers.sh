#!/usr/bin/env bash
# Makes .venv-consumers: the programs that the tests hand exports to (requirements/consumers.txt), pinned and apart
# from .venv. Does nothing the second time; takes about a minute and 650 MB the first. PYTHON names another
# interpreter (3.11 or later) than that of .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

key=$(cat requirements/consumers.txt scripts/consumers.sh | cksum)
if [[ "$(cat .venv-consumers/requirements.key 2>/dev/null)" == "$key" ]]; then
    exit 0
fi

echo "consumers: installing requirements/consumers.txt into .venv-consumers (about a minute)" >&2
[[ -x .venv-consumers/bin/python ]] || "${PYTHON:-.venv/bin/python}" -m venv .venv-consumers
.venv-consumers/bin/python -m pip install -qq --no-input --disable-pip-version-check --no-compile \
    --no-deps --ignore-requires-python -r requirements/consumers.txt
echo "$key" >.venv-consumers/requirements.key
