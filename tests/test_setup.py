import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = """#!/bin/bash
# Stands for python and its pip: writes down what is installed, and refuses what matches $REFUSE.
case "$*" in
    "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *" pip install "*)
        all="$*"
        echo "${all#*--no-compile }" >>installed
        [[ -z $REFUSE || ! "$*" =~ $REFUSE ]] ;;
esac
"""

Setup = Callable[..., tuple[int, list[str], str]]

pytestmark = pytest.mark.slow


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """Runs the script in a checkout whose pip only writes down; gives exit code, installations, messages."""
    for name in ("requirements", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    python = tmp_path / "python-stub"
    python.write_text(PYTHON, "utf-8")
    python.chmod(0o755)
    installed = tmp_path / "installed"

    def call(*arguments: str, refuse: str = "") -> tuple[int, list[str], str]:
        installed.write_text("")
        done = subprocess.run(
            [tmp_path / "scripts" / "setup.sh", *arguments],
            env=os.environ | {"PYTHON": str(python), "REFUSE": refuse},
            cwd="/",
            capture_output=True,
            text=True,
        )
        return done.returncode, sorted(installed.read_text().splitlines()), done.stderr

    return call


PROJECT = "--no-deps --no-build-isolation --editable ."
TORCH = "--no-deps -r requirements/torch.txt"


def packages(kind: str) -> str:
    return f"--no-deps -r requirements/{kind}.txt -r requirements/test.txt"


def test_the_second_call_does_nothing(setup: Setup) -> None:
    assert setup("cpu")[:2] == (0, sorted([packages("cpu"), TORCH, PROJECT]))
    assert setup("cpu") == (0, [], "")


def test_a_changed_pin_installs_again(setup: Setup, tmp_path: Path) -> None:
    setup("cpu")
    with open(tmp_path / "requirements" / "common.txt", "a") as pins:
        pins.write("another==1\n")
    assert packages("cpu") in setup("cpu")[1]


def test_a_gpu_brings_its_own_torch(setup: Setup) -> None:
    assert setup("gpu")[1] == sorted([packages("gpu"), PROJECT])


def test_without_vllm_it_goes_on_with_transformers_and_says_so(setup: Setup) -> None:
    code, installed, said = setup("cpu", refuse="cpu.txt")
    assert code == 0
    assert packages("base") in installed
    assert "going on without vLLM" in said
    assert setup("cpu") == (0, [], "")


def test_without_a_cpu_build_of_torch_the_default_one_is_taken_with_its_dependencies(setup: Setup) -> None:
    code, installed, said = setup("cpu", refuse="torch.txt")
    assert code == 0
    assert [each for each in installed if each.startswith("torch==") and "+cpu" not in each]
    assert "no CPU build of torch" in said


def test_a_failed_installation_is_an_error_and_is_tried_again(setup: Setup) -> None:
    for kind in ("base", "cpu"):
        code, _, said = setup(kind, refuse="requirements")
        assert code == 1
        assert "the installation failed" in said
    assert setup("base")[0] == 0


def test_an_unknown_kind_is_refused(setup: Setup) -> None:
    code, installed, said = setup("tpu")
    assert (code, installed) == (2, [])
    assert "choose gpu, cpu or base" in said


def test_every_requirement_is_pinned() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
        assert not [line for line in lines if "==" not in line and not line.startswith("-r ")]
