"""A base, a teacher, and two ways to a first loss: the trainer's, and a plain one in float64."""

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.training import Objective, write_rows
from tutelage.training.jobs.job import TrainingJob
from tutelage.training.jobs.settings import TrainingSettings
from tutelage.training.objectives.objective import Site

Floats = NDArray[np.float64]
Ids = Sequence[int]
Distributions = Callable[[Path, Ids, Ids, float], Floats]
Job = tuple[str, Sequence[Mapping[str, Any]], TrainingSettings]
FirstSteps = Callable[[Mapping[str, Job]], dict[str, dict[str, Any]]]


@pytest.fixture(scope="session")
def base() -> Path:
    return embedded_directory()


@pytest.fixture(scope="session")
def other(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model with other weights, normal around its own."""
    torch = importlib.import_module("torch")
    safetensors = importlib.import_module("safetensors.torch")
    directory = tmp_path_factory.mktemp("models") / "other"
    shutil.copytree(base, directory)
    chance = torch.Generator().manual_seed(1)
    weights = {
        name: (part.float() * (1 + 0.1 * torch.randn(part.shape, generator=chance))).to(part.dtype)
        for name, part in safetensors.load_file(base / "model.safetensors").items()
    }
    safetensors.save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


@pytest.fixture(scope="session")
def cut(base: Path) -> Callable[[str], list[int]]:
    """Text as token ids, special tokens by their names."""
    tokenizer: Any = importlib.import_module("transformers").AutoTokenizer.from_pretrained(base)
    return lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.fixture(scope="session")
def distributions() -> Distributions:
    """Log-probabilities at every token of a completion, (tokens, vocabulary), in float64, one sequence at a time."""
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    known: dict[Path, Any] = {}

    def of(directory: Path, prompt: Ids, completion: Ids, heat: float = 1.0) -> Floats:
        if directory not in known:
            loaded = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float64)
            known[directory] = loaded.eval()
        with torch.no_grad():
            logits = known[directory](torch.tensor([[*prompt, *completion]])).logits[0].numpy()
        cool = logits[len(prompt) - 1 : -1] / heat
        peak = cool.max(axis=1, keepdims=True)
        return np.asarray(cool - peak - np.log(np.exp(cool - peak).sum(axis=1, keepdims=True)))

    return of


@pytest.fixture(scope="session")
def first_steps(base: Path, tmp_path_factory: pytest.TempPathFactory) -> FirstSteps:
    """What trainers do with their first batch, in one child process: by name, of objective, rows and settings."""

    def steps(jobs: Mapping[str, Job]) -> dict[str, dict[str, Any]]:
        folder = tmp_path_factory.mktemp("jobs")
        files = []
        for name, (objective, rows, settings) in jobs.items():
            job = TrainingJob.of(objective, base, rows, folder / "out", settings, {})
            files.append(folder / name / "job.json")
            files[-1].parent.mkdir()
            files[-1].write_text(job.model_dump_json(), encoding="utf-8")
            write_rows(files[-1].with_name("rows.jsonl"), rows)
        script = Path(__file__).with_name("first_step.py")
        command = [sys.executable, "-P", str(script), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {file.parent.name: json.loads(file.with_name("told.json").read_bytes()) for file in files}

    return steps


@pytest.fixture
def refusal(base: Path, tmp_path: Path) -> Callable[..., str]:
    """The one sentence with which an objective refuses to build its trainer."""

    def refuse(objective: Objective, rows: Sequence[Mapping[str, Any]], settings: TrainingSettings) -> str:
        tokenizer: Any = importlib.import_module("transformers").AutoTokenizer.from_pretrained(base)
        with pytest.raises(UserError) as told:
            objective.build(Site(tmp_path, base, settings, rows, tokenizer))
        return str(told.value)

    return refuse
