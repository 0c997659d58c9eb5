"""Train what `trainings.py` describes and tell the curves as JSON: `curves.py [--write] [--threads N] [NAME…]`.

A process of its own, since trainers set their process's threads. With `--write` the stored curves are made anew, which
is right only where an objective is meant to train otherwise than before (`make reference-curves`).
"""

import argparse
import json
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.training.reference_curves.trainings import MISTAKES, TRAININGS, Training

from tutelage.agents import embedded_directory
from tutelage.training import OBJECTIVES, write_rows
from tutelage.training.jobs.feed import Asker, Feed, Made, Question, serve
from tutelage.training.jobs.job import TrainingJob
from tutelage.training.jobs.worker import build
from tutelage.training.reinforcement.batch import write_batch

HERE = Path(__file__).parent
CURVES = ("loss", "grad_norm", "learning_rate")


def curves(training: Training, work: Path) -> dict[str, list[float]]:
    """Loss, gradient norm and learning rate at every update."""
    work.mkdir()
    told = {"teacher": _teacher(work)} if training.objective == "distillation" else {}
    settings = OBJECTIVES[training.objective].settings.model_validate({**training.settings, **told})
    job = TrainingJob.of(training.objective, embedded_directory(), training.rows, work / "out", settings, {})
    write_rows(work / "rows.jsonl", training.rows)
    trainer: Any = build(work, job, _feed(training, work)).trainer
    trainer.args.logging_steps = 1
    trainer.train()
    entries = [entry for entry in trainer.state.log_history if "loss" in entry]
    return {name: [float(entry[name]) for entry in entries] for name in CURVES}


def _teacher(work: Path) -> Path:
    """The embedded model with other weights, normal around its own."""
    import torch
    from safetensors.torch import load_file, save_file

    directory = work / "teacher"
    shutil.copytree(embedded_directory(), directory)
    chance = torch.Generator().manual_seed(1)
    weights = {
        name: (part.float() * (1 + 0.1 * torch.randn(part.shape, generator=chance))).to(part.dtype)
        for name, part in load_file(directory / "model.safetensors").items()
    }
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def _feed(training: Training, work: Path) -> Feed | None:
    """The rows of every step, from the other end of a pair of pipes."""
    if training.batch is None:
        return None
    file = work / "batch"
    write_batch(file, training.batch)
    questions, asks = os.pipe()
    hears, answers = os.pipe()

    def given(asked: Mapping[str, Question]) -> dict[str, Made]:
        return {name: Made(file, {"step": question.step}) for name, question in asked.items()}

    told = ({"": Asker(questions, answers)}, given, lambda name: None)
    threading.Thread(target=serve, args=told, daemon=True).start()
    return Feed(asks, hears)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    found: dict[str, Mapping[str, Any]] = {}
    with TemporaryDirectory() as folder:
        for number, name in enumerate(given.names or TRAININGS):
            objective, mistake = MISTAKES.get(name, (name, lambda training: training))
            training = mistake(TRAININGS[objective]()).changed(threads=given.threads)
            found[name] = curves(training, Path(folder) / str(number))
            if given.write and name in TRAININGS:
                text = json.dumps(found[name], indent=1) + "\n"
                (HERE / f"{name}.json").write_text(text, encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
