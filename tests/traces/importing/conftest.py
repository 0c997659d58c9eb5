"""What the tests of the importers share: a file of JSON lines, and a directory for the run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def written(*lines: dict[str, Any] | str, name: str = "file.jsonl") -> Path:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        path = tmp_path / name
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        return path

    return written


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "imported"
