#!/usr/bin/env bash
# Makes .venv-consumers: the programs that the tests hand exports to (requirements/consumers.txt), pinned and apart
# from .venv. Does nothing the second time; takes about a minute and 650 MB the first. PYTHON names another
# interpreter (3.11 or later) than that of .venv.
#
# With the word `harnesses` it makes .venv-harnesses (requirements/harnesses.txt): evaluation harnesses and trackers,
# which import the project. It sees the packages of .venv after its own, and has the project installed in place, since
# harnesses find its models by its entry points.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=${1:-consumers}
place=.venv-$name
inputs=("requirements/$name.txt" scripts/consumers.sh)
[[ $name == harnesses ]] && inputs+=(pyproject.toml)
key=$(cat "${inputs[@]}" | cksum)
if [[ "$(cat "$place/requirements.key" 2>/dev/null)" == "$key" ]]; then
    exit 0
fi

echo "consumers: installing requirements/$name.txt into $place (about a minute)" >&2
[[ -x $place/bin/python ]] || "${PYTHON:-.venv/bin/python}" -m venv "$place"
pip_install() {
    "$place/bin/python" -m pip install -qq --no-input --disable-pip-version-check --no-compile --no-deps "$@"
}
pip_install --ignore-requires-python -r "requirements/$name.txt"
if [[ $name == harnesses ]]; then
    packages=$("$place/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    .venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$packages/zz_main.pth"
    "$place/bin/python" -m pip uninstall -qq --yes setuptools 2>/dev/null # the one of .venv is newer
    pip_install --no-build-isolation --editable .
fi
echo "$key" >"$place/requirements.key"
