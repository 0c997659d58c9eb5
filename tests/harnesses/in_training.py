"""What a tracker holds after a tiny training: `python in_training.py OBJECTIVE TRACKER`."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.agents import connect, embedded_directory
from tutelage.graphs import one_shot
from tutelage.tools import make_tasks, step_checker
from tutelage.training import GrpoSettings, SftSettings, own_reward, reinforce, train
from tutelage.types import Sampling

OUT = Path("policies/tiny")
LOGS = Path("policies/tiny-logs")
UPDATES = 2


def sft(report: Any) -> None:
    tasks = make_tasks("arithmetic", 1, 4, seed=0)
    rows = [
        {
            "prompt": [{"role": "user", "content": task.problem}],
            "completion": [{"role": "assistant", "content": task.solution}],
        }
        for task in tasks
    ]
    settings = SftSettings(report=report, batch_size=4, epochs=UPDATES)
    train("sft", embedded_directory(), rows, OUT, settings, progress=False)


def grpo(report: Any) -> None:
    settings = GrpoSettings(report=report, steps=UPDATES, tasks=3, samples=4)
    with connect("embedded+transformers", sampling=Sampling(max_tokens=100), seed=1) as model:
        reinforce(
            one_shot(model), model, make_tasks("arithmetic", 4, 12, seed=1), OUT,
            verifier=step_checker, reward=own_reward, settings=settings, progress=False,
        )  # fmt: skip


def tensorboard() -> Mapping[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(LOGS))
    events.Reload()
    return {
        name: [(each.step, each.value) for each in events.Scalars(name)] for name in events.Tags()["scalars"]
    }


def trackio() -> Mapping[str, list[tuple[int, float]]]:
    os.environ["TRACKIO_DIR"] = str(LOGS)
    from trackio.sqlite_storage import SQLiteStorage

    curves: dict[str, list[tuple[int, float]]] = {}
    for row in SQLiteStorage.get_logs("tutelage", "tiny"):
        # Its own steps count log calls; rows without the trainer's are none of its curves.
        step = row.get("train/global_step")
        for name, value in row.items() if step is not None else ():
            if isinstance(value, int | float):
                curves.setdefault(name, []).append((step, value))
    return curves


def main(objective: str, tracker: str) -> None:
    {"sft": sft, "grpo": grpo}[objective](tracker)
    curves = {"tensorboard": tensorboard, "trackio": trackio}[tracker]()
    steps = Path(f"{OUT}-runs/steps.jsonl")
    told = [json.loads(line) for line in steps.read_text("utf-8").splitlines()] if steps.exists() else []
    losses = json.loads((OUT / "policy.json").read_text("utf-8"))["loss"]
    print(json.dumps({"curves": curves, "steps": told, "losses": losses}))


main(*sys.argv[1:])
