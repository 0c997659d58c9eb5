#!/usr/bin/env bash
# Makes .venv with every requirement pinned and the project installed in place; does nothing the second time.
#
#   scripts/setup.sh [gpu|cpu|base]
#
# Without a word the machine decides: an NVIDIA GPU takes requirements/gpu.txt, Linux on x86-64 or aarch64 takes
# cpu.txt (vLLM built for the CPU), everything else base.txt, where transformers serves the models. Where vLLM
# cannot be installed it says so and goes on with base.txt. PYTHON names another interpreter (3.11 or later).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "setup: $*" >&2; }

machine() {
    if nvidia-smi --list-gpus 2>/dev/null | grep -q GPU; then
        echo gpu
    elif [[ "$(uname -s)-$(uname -m)" =~ ^Linux-(x86_64|aarch64)$ ]]; then
        echo cpu
    else
        echo base
    fi
}

interpreter() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    say "no Python 3.11 or later found; install one, or name it: PYTHON=/path/to/python make"
    return 1
}

pip_install() {
    .venv/bin/python -m pip install -qq --no-input --disable-pip-version-check --no-compile "$@"
}

install_torch() {
    if ! pip_install --no-deps -r requirements/torch.txt 2>/dev/null; then
        say "pip finds no CPU build of torch; taking the default build, which may be large"
        pip_install "$(sed -n 's/^\(torch==[^+]*\).*/\1/p' requirements/torch.txt)"
    fi
}

# torch and the rest are unpacked side by side: each is bound by one core.
install() {
    local torch=""
    if [[ $1 != gpu ]]; then
        install_torch &
        torch=$!
    fi
    local failed=0
    pip_install --no-deps -r "requirements/$1.txt" -r requirements/test.txt || failed=1
    if [[ -n $torch ]]; then wait "$torch" || failed=1; fi
    [[ $failed == 0 ]] && .venv/bin/python -c "import torch, transformers"
}

kind=${1:-$(machine)}
if [[ ! $kind =~ ^(gpu|cpu|base)$ ]]; then
    say "unknown requirements '$kind'; choose gpu, cpu or base"
    exit 2
fi
key="$kind $(cat requirements/*.txt pyproject.toml scripts/setup.sh | cksum)"
if [[ "$(cat .venv/requirements.key 2>/dev/null)" == "$key" ]]; then
    exit 0
fi

python=$(interpreter)
[[ -x .venv/bin/python ]] || "$python" -m venv .venv
say "installing requirements/$kind.txt into .venv (one to four minutes)"
installed=$kind
if ! install "$kind"; then
    if [[ $kind != base ]]; then
        say "requirements/$kind.txt could not be installed; going on without vLLM"
    fi
    if [[ $kind == base ]] || ! install base; then
        say "the installation failed; pip's reason is above"
        exit 1
    fi
    installed=base
fi
if [[ $installed == base ]]; then
    say "without vLLM; transformers serves the models"
fi
pip_install --no-deps --no-build-isolation --editable .
echo "$key" >.venv/requirements.key
