import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tutelage.agents
from tutelage.agents import Prompt, connect, embedded_directory
from tutelage.errors import UserError
from tutelage.types import Sampling


@pytest.mark.parametrize("spec", ["vlm:/models/a", "vllm:", "vllm", "localhost:8000", "embedded+tpu", ""])
def test_a_spec_that_is_not_understood_lists_those_that_are(spec: str) -> None:
    with pytest.raises(UserError, match="'vllm:DIR', 'transformers:DIR'"):
        connect(spec)


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        ("vllm:{}", {"max_len": 5}, "no setting 'max_len'; its settings are: .*max_model_len"),
        ("vllm:{}", {"kv_cache_gib": 0}, "kv_cache_gib=0 is refused"),
        ("vllm:{}", {"max_model_len": 10**6}, "max_model_len=1000000 is more than"),
        ("transformers:{}", {"gpu_memory_utilization": 0.5}, "its settings are: .*batch_size"),
        ("http://localhost:1/v1", {"seed": 1}, "its settings are: api_key"),
    ],
)
def test_a_wrong_setting_is_named(tiny: Path, spec: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        connect(spec.format(tiny), **settings)


def test_the_door_opens_quickly_and_loads_no_engine() -> None:
    code = (
        "import sys, tutelage.agents; "
        "print([m for m in ('torch', 'transformers', 'vllm', 'langchain_core', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert tutelage.agents.__all__ == sorted(tutelage.agents.__all__)
    for name in tutelage.agents.__all__:
        assert getattr(tutelage.agents, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        tutelage.agents.Nobody  # noqa: B018


@pytest.mark.slow
def test_the_embedded_model_needs_no_download_and_answers_in_the_format_of_its_prompt() -> None:
    with connect("embedded+transformers", sampling=Sampling(temperature=0, max_tokens=64)) as model:
        answer = model.invoke(Prompt.load("solver").render(problem="Compute 3+4-2."))
        assert str(embedded_directory().resolve()) in model.engine.name
    assert str(answer.content).splitlines()[-1].startswith("answer: ")
