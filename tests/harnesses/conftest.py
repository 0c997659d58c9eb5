import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parent.parent.parent

Child = Callable[..., Any]


@pytest.fixture(scope="session")
def harnesses() -> Path:
    """The folder of the programs of requirements/harnesses.txt, installed where they are not."""
    with FileLock(ROOT / ".venv-harnesses.lock"):
        subprocess.run([ROOT / "scripts" / "consumers.sh", "harnesses"], check=True)
    return ROOT / ".venv-harnesses" / "bin"


@pytest.fixture(scope="session")
def child(harnesses: Path) -> Child:
    """Run a script beside this file where the harnesses are, and give the JSON that it prints last."""

    def run(script: str, *arguments: str | Path, cwd: Path) -> Any:
        command = [str(harnesses / "python"), str(Path(__file__).with_name(script)), *map(str, arguments)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cwd / "cache")}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
