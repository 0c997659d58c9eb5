"""Are advantages, importance ratios and losses through the graph what the formulas say?

    python -m benchmarks exactness [--quick]

The embedded model is rolled out through a graph with three roles, its turns are rewarded, and the rows go through
`GraphGRPOTrainer` twice: with the weights that sampled them, and with noise added to the weights. All is computed a
second time in float64, one sequence at a time, with numpy (`benchmarks/exacting`). Target: 1e-6. The trainer's
log-probabilities are of float32, and are compared by themselves.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["configure", "render", "run"]

TARGET = 1e-6


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how much to roll out."""
    parser.add_argument("--tasks", type=int, help="how many (default: 8)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Compare both ways, for every loss in float64 and in the trainer's own float32."""
    from benchmarks.exacting.both_ways import compared
    from benchmarks.exacting.recorded import recorded_rows

    tasks, losses = (3, ("dapo", "grpo")) if args.quick else (args.tasks or 8, LOSSES)
    with TemporaryDirectory() as folder:
        rows, advantage = recorded_rows(tasks, Path(folder) / "run")
        found = [compared(rows, loss, dtype, folder) for loss in losses for dtype in ("float64", "float32")]
    exact = [each for each in found if each["dtype"] == "float64"]
    return {
        "max_abs_error": {
            "loss": max(each["loss"] for each in exact),
            "advantage": advantage,
            "ratio": max(each["ratio"] for each in exact),
            "logprob": max(each["logprob"] for each in exact),
        },
        "rows": len(rows),
        "trained_tokens": sum(sum(row["completion_mask"]) for row in rows),
        "by_loss": found,
    }


LOSSES = ("dapo", "grpo", "bnpo", "dr_grpo", "cispo", "sequence")
"""TRL's names; `sequence` is `grpo` with ratios a row."""


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    rows = [
        f"| {each['name']} | {each['dtype']} | {each['value']:.6f} | {each['loss']:.1e} | "
        f"{each['ratio']:.1e} | {each['logprob']:.1e} |"
        for each in result["by_loss"]
    ]
    return "\n".join(
        [
            "## Is the loss through the graph the one of the formulas? (`python -m benchmarks exactness`)",
            "",
            f"{result['rows']} rows of a graph with three roles, {result['trained_tokens']:,} trained tokens; greatest "
            "absolute difference from an independent computation in float64 (numpy, one sequence at a time). "
            f"Advantages differ by {result['max_abs_error']['advantage']:.1e} at most.",
            "",
            "| loss | weights in | value | loss differs by | ratio differs by | log-probability differs by |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
