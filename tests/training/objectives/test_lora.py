"""Every objective that trains a language model trains an adapter over it, too."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.training.objectives.plain_losses import pairs

from tutelage.agents import connect, embedded_directory, open_model_directory
from tutelage.agents.adapter_directory import open_adapter_directory
from tutelage.errors import ModelDirectoryError, UserError
from tutelage.tools import make_tasks
from tutelage.training import OBJECTIVES, LoraSettings, train

BASE = embedded_directory()
PAIRS = pairs()
CHOSEN = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in PAIRS]
TASKS = [task.model_dump(mode="json") for task in make_tasks("arithmetic", difficulty=1, count=4, seed=0)]
PROMPTS = [{"prompt": [{"role": "user", "content": task["problem"]}], "task": task} for task in TASKS]
SAMPLED = {"max_completion_length": 12}
CASES: Mapping[str, tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]] = {
    "sft": (CHOSEN, {"adapter": {"rank": 4, "dropout": 0.1, "targets": ["q_proj", "down_proj"]}}),
    "dpo": (PAIRS, {}),
    "kto": (
        [{**row, "label": at % 2 == 0} for at, row in enumerate(CHOSEN)],
        {"gradient_checkpointing": True},
    ),
    "soft_bootstrapping": ([{**row, "teacher_prompt": PAIRS[0]["prompt"]} for row in CHOSEN], {}),
    "distillation": (PROMPTS, {**SAMPLED, "teacher": str(BASE)}),
    "sdft": ([{**row, "privileged_context": "The answer is 4."} for row in PROMPTS], SAMPLED),
    "sdpo": (
        [{**row, "privileged_context": "The answer is 4."} for row in PROMPTS],
        {**SAMPLED, "samples": 2, "teacher": "base"},
    ),
}


def settings_of(objective: str, **more: Any) -> Any:
    told = {"epochs": 1, "batch_size": 4, "threads": 1, "adapter": {"rank": 4}, **CASES[objective][1], **more}
    return OBJECTIVES[objective].settings.model_validate(told)


def tensors(adapter: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(adapter / "adapter_model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("objective", CASES)
def test_an_objective_trains_an_adapter_that_engines_take(objective: str, tmp_path: Path) -> None:
    out = train(
        objective, BASE, CASES[objective][0], tmp_path / "out", settings_of(objective), progress=False
    )
    base = open_model_directory(BASE)
    found = open_adapter_directory(out, base)
    origin = json.loads((out / "policy.json").read_text("utf-8"))
    assert {each.name for each in out.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "policy.json",
    }
    assert (origin["policy"], origin["base"]["policy"]) == (found.policy, base.policy())
    assert (found.rank, origin["objective"], origin["updates"]) == (4, objective, 1)
    weights = tensors(out)
    layers = {name.split(".")[-3] for name in weights}
    wanted = CASES[objective][1].get("adapter", {}).get("targets")
    assert layers == set(
        wanted or ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    )
    learnt = [float(part.abs().max()) for name, part in weights.items() if "lora_B" in name]
    assert any(learnt) or objective == "distillation", "a teacher that is the student teaches nothing"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Other weights of the same shapes."""
    from safetensors.torch import load_file, save_file

    directory = Path(shutil.copytree(BASE, tmp_path / "other"))
    weights = {name: part * 1.01 for name, part in load_file(BASE / "model.safetensors").items()}
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


@pytest.mark.slow
def test_an_adapter_is_gone_on_from_and_not_over_another_base(tmp_path: Path, other: Path) -> None:
    first = train("sft", BASE, CHOSEN, tmp_path / "first", settings_of("sft"), progress=False)
    again = settings_of("dpo", adapter={"start": str(first)}, learning_rate=1e-9)
    second = train("dpo", BASE, PAIRS, tmp_path / "second", again, progress=False)
    before, after = tensors(first), tensors(second)
    assert before.keys() == after.keys()
    assert all(float((before[name] - after[name]).abs().max()) < 1e-6 for name in before)
    origin = json.loads((second / "policy.json").read_text("utf-8"))
    assert origin["start"] == {"policy": open_adapter_directory(first, open_model_directory(BASE)).policy}
    with pytest.raises(ModelDirectoryError, match="was trained over policy"):
        train("dpo", other, PAIRS, tmp_path / "third", again, progress=False)
    with pytest.raises(ModelDirectoryError, match="was trained over policy"):
        connect(f"transformers:{other}", adapters={"first": first})


@pytest.mark.slow
def test_a_killed_training_of_an_adapter_goes_on_and_gives_the_same_weights(tmp_path: Path) -> None:
    settings = settings_of("dpo", epochs=30, checkpoint_every=5, learning_rate=1e-3)
    code = (
        "import json, sys\n"
        "from tutelage.agents import embedded_directory\n"
        "from tutelage.training import DpoSettings, train\n"
        "settings = DpoSettings.model_validate_json(sys.argv[3])\n"
        "train('dpo', embedded_directory(), json.loads(sys.argv[1]), sys.argv[2], settings, progress=False)"
    )
    out = tmp_path / "out"
    command = [sys.executable, "-P", "-c", code, json.dumps(PAIRS), str(out), settings.model_dump_json()]
    checkpoints = tmp_path / "out.partial" / "checkpoints"
    with subprocess.Popen(command) as parent:
        while not any(checkpoints.glob("checkpoint-*/trainer_state.json")):
            assert parent.poll() is None and not out.exists()
            time.sleep(0.02)
        os.kill(parent.pid, signal.SIGKILL)
    time.sleep(1.5)
    train("dpo", BASE, PAIRS, out, settings, progress=False)
    whole = train("dpo", BASE, PAIRS, tmp_path / "whole", settings, progress=False)
    told = [json.loads((each / "policy.json").read_text("utf-8")) for each in (out, whole)]
    assert [each["updates"] for each in told] == [30, 30]
    assert told[0]["resumed_from"].startswith("checkpoint-") and told[1]["resumed_from"] is None
    assert told[0]["policy"] == told[1]["policy"]


@pytest.mark.parametrize("objective", ["reward", "prm"])
def test_a_model_with_a_head_of_its_own_is_no_adapter(objective: str, tmp_path: Path) -> None:
    rows = [{"prompt": "1+1", "completions": ["2"], "labels": [True], **PAIRS[0]}]
    settings = OBJECTIVES[objective].settings(adapter=LoraSettings())
    with pytest.raises(UserError, match="a head of its own"):
        train(objective, BASE, rows, tmp_path / "out", settings)


def test_dropout_that_a_trainer_would_turn_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"adapter.dropout=0.1: 'dpo' compares"):
        train("dpo", BASE, PAIRS, tmp_path / "out", settings_of("dpo", adapter={"dropout": 0.1}))


def test_an_adapter_that_is_gone_on_from_keeps_its_shape() -> None:
    with pytest.raises(ValueError, match="has its own rank; leave rank out"):
        LoraSettings(start=Path("a"), rank=4)


@pytest.mark.slow
def test_layers_that_the_base_has_not_are_told_with_those_it_has(tmp_path: Path) -> None:
    settings = settings_of("sft", adapter={"targets": ["w1"]})
    with pytest.raises(UserError, match="no linear layer 'w1'; it has: down_proj, gate_proj"):
        train("sft", BASE, CHOSEN, tmp_path / "out", settings, progress=False)
