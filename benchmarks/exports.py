"""Is every export consumed by the real thing? One step of each type's trainer, and its loss computed twice.

    python -m benchmarks exports

A branching loop of the embedded model (solver, reviewer, refiner) is recorded and exported to every type. TRL's
trainer takes one optimisation step on the rows; its loss is compared with one that is computed from the rows by other
means (`benchmarks/consumers`). The columns of lineage have to come through every trainer, to reward functions where
it has some, and to lead back to turns of the run. DuckDB has to find the same rows in the export's Parquet file.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.consumers.environment import quiet
from tutelage.errors import UserError
from tutelage.traces import Run

__all__ = ["TYPES", "configure", "render", "run"]


@dataclass(frozen=True, slots=True)
class Type:
    """An export and its consumer."""

    to: str
    """The format."""
    consumer: str
    """A function of a module of `benchmarks.consumers`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    most: int = 24
    """Rows that the trainer is given; fewer where it samples anew."""


TYPES: Mapping[str, Type] = {
    "sft/messages": Type("sft", "sft.messages", {"form": "messages"}),
    "sft/prompt_completion": Type("sft", "sft.prompt_completion", {"form": "prompt_completion"}),
    "sft/tokens": Type("sft", "sft.tokens", {"form": "tokens"}),
    "dpo": Type("dpo", "preference.dpo"),
    "kto": Type("kto", "kto.kto"),
    "reward": Type("reward", "preference.reward", {"with_margin": True}),
    "prm": Type("prm", "prm.prm"),
    "grpo/prompts": Type("grpo", "grpo.prompts", {"form": "prompts"}, most=4),
    "grpo/groups": Type("grpo", "grpo.groups", {"form": "groups", "roles": "solver", "deduplicate": False}),
    "sdft": Type("sdft", "self_distillation.sdft", most=4),
    "sdpo": Type("sdpo", "self_distillation.sdpo", most=4),
    "distill": Type("distill", "distill.distill"),
}

TASKS, QUICK_TASKS = 8, 4
"""Tasks of each of two families."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the choice of types and the folder."""
    parser.add_argument("--only", action="append", choices=TYPES, metavar="TYPE", help=f"{', '.join(TYPES)}")
    parser.add_argument("--out", type=Path, help="keep the run and its Parquet files here")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Record, export, consume; see the module."""
    quiet()
    with TemporaryDirectory() as scratch:
        folder: Path = args.out or Path(scratch)
        recording = importlib.import_module("benchmarks.consumers.recording")
        with recording.record(folder / "run", QUICK_TASKS if args.quick else TASKS) as recorded:
            found = {name: consumed(recorded, name, folder) for name in args.only or TYPES}
            turns = len(recorded.turns())
    met = all(passed(each) for each in found.values())
    return {"tasks": 2 * (QUICK_TASKS if args.quick else TASKS), "turns": turns, "met": met, "types": found}


def consumed(recorded: Run, name: str, folder: Path) -> dict[str, Any]:
    """What came of one type.

    Raises:
        UserError: the run gives no rows of this type.
    """
    kind = TYPES[name]
    print(f"exports: {name}", file=sys.stderr)
    export = recorded.export(kind.to, **options_of(kind))
    file = folder / f"{name.replace('/', '-')}.parquet"
    export.parquet(file)
    rows = export.dataset()
    if not len(rows):
        raise UserError(f"the run has no rows of {name!r}: {export.report()}")
    bench = importlib.import_module("benchmarks.consumers.bench")
    parquet = importlib.import_module("benchmarks.consumers.parquet")
    module, _, function = kind.consumer.partition(".")
    consume = getattr(importlib.import_module(f"benchmarks.consumers.{module}"), function)
    outcome = consume(rows.select(range(min(len(rows), kind.most))), bench.of(recorded, folder / "trainer"))
    numbers: dict[str, Any] = outcome.numbers()
    numbers["exported"] = len(rows)
    numbers["lineage_survives"] &= leads_back(recorded, rows)
    numbers["duckdb_reads"] = parquet.duckdb_reads(file, rows)
    return numbers


def options_of(kind: Type) -> dict[str, Any]:
    """The options of an export, with a teacher where it needs one."""
    if kind.to != "distill":
        return dict(kind.options)
    from tutelage.agents import embedded_directory
    from tutelage.agents.token_scorer import TokenScorer

    return {**kind.options, "teacher": TokenScorer(embedded_directory())}


def leads_back(recorded: Run, rows: Any) -> bool:
    """Whether every row names a turn of the run."""
    turns = {turn.id: turn for turn in recorded.turns()}
    return all(
        row["row_id"] == f"{recorded.id}/{row['turn_id']}"
        and turns[row["turn_id"]].rollout_id == row["rollout_id"]
        and turns[row["turn_id"]].policy == row["policy"]
        for row in rows
    )


def passed(numbers: Mapping[str, Any]) -> bool:
    """Whether all that a type has to show is there."""
    return all(numbers[name] for name in ("loss_matches", "updated", "lineage_survives", "duckdb_reads"))


def render(result: Mapping[str, Any]) -> str:
    """The benchmark's part of the results."""
    rows = [
        "## The exports",
        "",
        f"One run ({result['tasks']} tasks, {result['turns']} turns) exported to every type and given to its trainer for "
        "one optimisation step in float32; beside its loss the one computed from the rows by a plain forward pass in "
        "float64 over the tokens that carry loss. Lineage columns came through every trainer, DuckDB read every Parquet "
        "file: " + ("yes." if result["met"] else "**no**."),
        "",
        "| type | rows | trainer | its loss | independent |",
        "|---|---:|---|---:|---:|",
    ]
    for name, found in result["types"].items():
        rows.append(
            f"| {name} | {found['rows']} | `{found['trainer']}` | {found['loss']:.6f} | {found['independent']:.6f} |"
        )
    return "\n".join(rows)
