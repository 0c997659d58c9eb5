"""Teaches a recorded run, and gives each kind of row to its trainer for one step; prints what came of it as JSON.

Run by test_teaching.py in a process of its own, since trainers set their process's threads.
"""

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.consumers.environment import quiet

quiet()

from benchmarks.consumers import bench  # noqa: E402
from benchmarks.consumers.recording import record  # noqa: E402

from tutelage.agents import embedded_directory  # noqa: E402
from tutelage.graphs.debugging.teaching import Lessons  # noqa: E402
from tutelage.traces import Run  # noqa: E402

CONSUMERS = {
    "sft": ("sft.prompt_completion", {}),
    "sft/tokens": ("sft.tokens", {"form": "tokens"}),
    "dpo": ("preference.dpo", {}),
    "reward": ("preference.reward", {}),
    "kto": ("kto.kto", {}),
    "prm": ("prm.prm", {}),
}


def teach(directory: Path) -> None:
    """Say something of every kind about each task."""
    with Lessons(directory) as taught:
        for rollout in taught.run.rollouts("done"):
            turns = taught.run.turns(rollout.id)
            solved = [turn for turn in turns if turn.role == "solver"]
            review = next(turn for turn in turns if turn.role == "reviewer")
            taught.accept(solved[0].id)
            taught.reject(solved[1].id)
            text = f"{review.completion}\nverdict: wrong at step 1"
            taught.correct(review.id, text, tokenizer=embedded_directory())
            if len({turn.completion for turn in solved}) > 1:
                taught.rank([turn.id for turn in solved])
            taught.label_steps(solved[0].id, {1: True, 2: False})


def main(folder: Path) -> None:
    record(folder / "run", 2).close()
    teach(folder / "run")
    with Run.open(folder / "run") as run:
        found = {}
        for name, (consumer, options) in CONSUMERS.items():
            rows = run.export(name.partition("/")[0], taught=True, **options).dataset()
            module, _, function = consumer.partition(".")
            consume = getattr(importlib.import_module(f"benchmarks.consumers.{module}"), function)
            found[name] = consume(rows, bench.of(run, folder / "trainer")).numbers()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
