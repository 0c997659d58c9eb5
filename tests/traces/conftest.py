"""What the tests of the record share: a run in a fresh directory, and turns that say something."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tutelage import Sampling, Task
from tutelage.traces import RolloutRecorder, Run, Store, Turn

Say = Callable[..., Turn]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "first"


@pytest.fixture
def run(directory: Path) -> Iterator[Run]:
    with Store.open(directory).start_run({"samples": 8}) as run:
        yield run


@pytest.fixture
def task() -> Task:
    return Task(id="t1", problem="What is 6 times 7?", reference="42", metadata={"source": "a book"})


@pytest.fixture
def say() -> Say:
    def say(recorder: RolloutRecorder, completion: str = "42", **fields: Any) -> Turn:
        plain: dict[str, Any] = {
            "role": "solver",
            "messages": [{"role": "user", "content": "What is 6 times 7?"}],
            "sampling": Sampling(temperature=0.7),
            "model": "vllm:DIR",
            "policy": "0123456789abcdef",
            "started": time.time(),
            "seconds": 0.25,
        }
        return recorder.turn(completion=completion, **plain | fields)

    return say
