"""What all rooms' tests share: how they get along on one machine, several at a time.

- One thread a process, and no engine bound to cores of its own: OpenMP's threads spin while another process has their
  core, and vLLM binds every engine of a machine to the same ones. Who sets these variables is obeyed.
- Ctrl-C reaches child processes even where a shell runs the tests in its background. Such a shell lets SIGINT be
  ignored, and a child process inherits that; a handler is not inherited.
- With `--dist loadfile --no-loadscope-reorder` the files that take longest start first, so that no worker is left
  alone with one at the end, and those that share an engine are one worker's.
"""

import importlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

ONE_ENGINE = (
    "tests/agents/test_vllm_engine.py",
    "tests/agents/test_langchain_standard_vllm.py",
    "tests/agents/test_recorded_calls.py",
)
LONGEST = (
    *ONE_ENGINE,
    "tests/test_story.py",
    "tests/test_documentation.py",
    "tests/test_examples.py",
    "tests/training/test_exports.py",
    "tests/training/test_reference_curves.py",
    "tests/training/reinforcement/test_reinforce_adapters.py",
    "tests/training/reinforcement/test_reinforce.py",
    "tests/training/objectives/test_lora.py",
    "tests/training/test_critics.py",
    "tests/harnesses/test_trackers.py",
    "tests/training/improvement/test_improve.py",
    "tests/training/trainers/test_graph_grpo.py",
    "tests/training/objectives/distilling/test_soft_bootstrapping.py",
    "tests/training/objectives/distilling/test_self_distillation.py",
    "tests/training/objectives/distilling/test_on_policy_distillation.py",
    "tests/training/objectives/test_kto.py",
    "tests/training/test_sft.py",
    "tests/agents/test_adapters.py",
    "tests/agents/test_vllm_serve.py",
    "tests/cli/test_process.py",
    "tests/graphs/control/test_control_kill.py",
    "tests/traces/export/test_otel.py",
    "tests/graphs/debugging/test_teaching.py",
)
"""By the processor time of `pytest FILE`: half a minute and more, the others less."""

ROOT = Path(__file__).parent.parent

signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = {(ROOT / name).resolve(strict=True): at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadfile":
        return None
    scheduler = importlib.import_module("xdist.scheduler").LoadFileScheduling(config, log)
    file_of = scheduler._split_scope

    def unit_of(test: str) -> str:
        file = str(file_of(test))
        return ONE_ENGINE[0] if file in ONE_ENGINE else file

    scheduler._split_scope = unit_of
    return scheduler
