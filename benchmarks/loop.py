"""The whole loop on held-out tasks, three seeds: methods at their token bills, and one shot after fine-tuning.

Every seed has a fresh engine, its own sampling, its own training tasks and its own fine-tuning; the held-out tasks
are the same. The controls (see `LoopSettings`) are measured for the first seed. `--out` keeps the runs, and the same
folder continues.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from tutelage.agents import connect
from tutelage.training.demo import Experiment, LoopSettings
from tutelage.training.demo.numbers import numbers
from tutelage.training.demo.table import methods_table
from tutelage.training.embedded.heldout import SAMPLING, disjoint
from tutelage.training.objectives import SftSettings

SEEDS = (0, 1, 2)
QUICK = LoopSettings(heldout_per_family=34, training_per_family=100, sft=SftSettings(epochs=3, batch_size=16))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-loop"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    say = partial(print, file=sys.stderr)
    seeds: dict[str, Any] = {}
    clear = True
    for seed in SEEDS[:1] if args.quick else SEEDS:
        settings = (QUICK if args.quick else LoopSettings()).model_copy(
            update={"seed": seed, "controls": seed == SEEDS[0] and not args.quick}
        )
        model = connect(args.model, sampling=SAMPLING, seed=seed)
        folder = args.out / ("quick" if args.quick else f"seed-{seed}")
        experiment = Experiment(model, folder, settings, say)
        try:
            outcome = experiment.run()
        finally:
            model.close()
        outcome.loop.close()
        say(f"\nseed {seed}\n{methods_table(outcome)}\n")
        clear &= disjoint(experiment.heldout, experiment.learning)
        found = numbers(outcome)
        seeds[str(seed)] = {**found.pop("methods"), **found}
    return {"n": seeds["0"]["n"], "seeds": seeds, "disjoint": clear}


def render(result: dict[str, Any]) -> str:
    rows = [
        "## The loop",
        "",
        f"{result['n']} held-out tasks, seeds {', '.join(result['seeds'])}; accuracy in % with its 95 % Wilson interval, "
        "tokens a task (read and written, all roles). Two CPU cores, vLLM.",
        "",
    ]
    methods = [name for name, found in result["seeds"]["0"].items() if isinstance(found, dict)]
    rows += ["| method | " + " | ".join(f"seed {seed} | tokens" for seed in result["seeds"]) + " |"]
    rows += ["|---|" + "---|---:|" * len(result["seeds"])]
    for name in methods:
        cells = []
        for found in result["seeds"].values():
            cells += [accuracy(found[name]), f"{found[name]['tokens']:.0f}"] if name in found else ["", ""]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    rows.append("")
    for seed, found in result["seeds"].items():
        rows.append(
            f"- seed {seed}: fine-tuning gains {100 * found['gain']:+.1f} points "
            f"[{100 * found['gain_interval'][0]:+.1f}, {100 * found['gain_interval'][1]:+.1f}], "
            f"{found['wrong_to_right']} wrong→right, {found['right_to_wrong']} right→wrong, "
            f"McNemar p = {found['mcnemar_p']:.2g}"
        )
    return "\n".join(rows)


def accuracy(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{100 * found['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
