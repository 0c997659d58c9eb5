"""`tutelage train`: better weights, by any objective, from recorded runs, files of rows, or rollouts made meanwhile."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.formats import options_of, print_options
from tutelage.cli.graphs import METHODS, Dials, Setting, planned
from tutelage.cli.models import model_of
from tutelage.cli.options import (
    as_json,
    engine_options,
    exists,
    pairs_of,
    print_json,
    sampling_of,
    settings_of,
    tasks_of,
)
from tutelage.cli.output import echo
from tutelage.cli.tables import bold
from tutelage.errors import UserError
from tutelage.tools.naming import verifier_named

if TYPE_CHECKING:
    from tutelage.training import Objective

__all__ = ["command"]

ROWS = (".jsonl", ".parquet")


@click.command(name="train")
@click.argument("objective", required=False)
@click.argument("data", required=False, metavar="RUN|FILE|TASKS")
@click.option(
    "--objectives", "listing", is_flag=True, help="List the objectives (or the one) and their settings."
)
@click.option("--base", metavar="DIR", help="The directory to train. [default: the embedded model]")
@click.option("--out", type=click.Path(path_type=Path), help="The new directory.")
@click.option("--set", "chosen", multiple=True, metavar="KEY=VALUE", help="A setting of the objective.")
@click.option("--export", "exported", multiple=True, metavar="KEY=VALUE", help="An option of RUN's export.")
@click.option(
    "--graph", help=f"grpo: what to roll out: {', '.join(METHODS)}, MODULE:ATTRIBUTE or FILE.py:ATTRIBUTE."
)
@click.option("--model", "spec", metavar="MODEL", help="grpo: the policy and its engine. [default: embedded]")
@click.option(
    "--adapter", metavar="NAME", help="grpo: train this adapter of --engine adapters.NAME=DIR, not the base."
)
@click.option("--rounds", type=click.IntRange(min=0), help="grpo: refinements or hints at most. [default: 3]")
@click.option(
    "--verifier", metavar="NAME", help="grpo: who judges. [default: family_answer, else math_answer]"
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
@engine_options
@as_json
def command(
    objective: str | None,
    data: str | None,
    listing: bool,
    base: str | None,
    out: Path | None,
    chosen: tuple[str, ...],
    exported: tuple[str, ...],
    quiet: bool,
    json_: bool,
    **rollouts: Any,
) -> None:
    """Train by an OBJECTIVE, and print the new directory.

    RUN is exported in the objective's format; FILE (.jsonl or .parquet) holds such rows; grpo takes TASKS. With --set
    adapter.rank=8 (or adapter={}) a LoRA adapter over the base is trained.

    Example: tutelage train dpo runs/refined --out policies/dpo --set epochs=1
    """
    from tutelage.training.objectives import OBJECTIVES, objective_named

    if listing:
        _print([objective_named(objective)] if objective else list(OBJECTIVES.values()), json_)
        return
    if objective is None or data is None or out is None:
        raise UserError(
            "give an objective, what to train on, and --out, for example: tutelage train sft RUN --out DIR"
        )
    found = objective_named(objective)
    settings = settings_of(found.settings, "--set", chosen)
    given = {name: value for name, value in rollouts.items() if value not in (None, ())}
    if found.online:
        _refuse(
            objective,
            {"base": base, "export": exported},
            "it makes its rows itself; --model names the policy",
        )
    else:
        _refuse(objective, given, "it learns from rows that are there")
    try:
        if found.online:
            trained = _reinforced(data, out, settings, rollouts, quiet)
        else:
            trained = _trained(found, base, data, out, settings, exported, quiet)
    except KeyboardInterrupt as interrupt:
        if not any(Path(f"{out}.partial").glob("checkpoints/*")):
            raise
        raise KeyboardInterrupt("the same command goes on from the last checkpoint") from interrupt
    if json_:
        print_json({"directory": str(trained), "objective": objective})
    else:
        echo(str(trained))


def _trained(
    objective: "Objective",
    base: str | None,
    data: str,
    out: Path,
    settings: Any,
    exported: Sequence[str],
    quiet: bool,
) -> Path:
    from tutelage.agents import embedded_directory
    from tutelage.training import train

    rows = _rows(objective, data, pairs_of("--export", exported))
    start = embedded_directory() if base in (None, "embedded") else Path(str(base))
    return train(objective.name, start, rows, out, settings, lineage={"data": data}, progress=not quiet)


def _rows(objective: "Objective", data: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the rows of a file, or of a run's export.

    Raises:
        UserError: there is neither, or options are given that only an export has.
    """
    if Path(data).suffix in ROWS:
        if options:
            raise UserError("--export is for a run; a file's rows are taken as they are")
        if not exists(data):
            raise UserError(f"there is no file {data!r}")
        return _of_file(Path(data))
    from tutelage.traces import Run

    with Run.open(data) as run:
        return list(run.export(objective.export, **{**objective.options, **options}))


def _of_file(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_table

        try:
            return [dict(row) for row in read_table(file).to_pylist()]
        except ArrowInvalid as problem:
            raise UserError(f"{str(file)!r} is no Parquet file that can be read: {problem}") from problem
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"{str(file)!r} is not UTF-8: {problem}") from problem
    rows = []
    # Not splitlines(): a text in JSON may hold line separators of Unicode.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(dict(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as problem:
            raise UserError(f"{str(file)!r}, line {number}: it is no JSON object ({problem})") from problem
    return rows


def _reinforced(data: str, out: Path, settings: Any, rollouts: Mapping[str, Any], quiet: bool) -> Path:
    from tutelage.training import reinforce

    tasks = tasks_of(data)
    judge = verifier_named(rollouts["verifier"], tasks)
    dials = Dials(rounds=rollouts["rounds"])
    plan = planned(rollouts["graph"] or "one_shot", dials)
    sampling = sampling_of(rollouts["temperature"], rollouts["top_p"], rollouts["max_tokens"])
    with model_of(rollouts["spec"] or "embedded", rollouts["settings"], sampling) as model:
        policy = model if rollouts["adapter"] is None else model.with_adapter(rollouts["adapter"])
        graph = plan(Setting(policy, judge, tasks, dials, out))
        return reinforce(graph, policy, tasks, out, verifier=judge, settings=settings, progress=not quiet)


def _refuse(objective: str, given: Mapping[str, Any], why: str) -> None:
    names = [f"--{name}" for name, value in given.items() if value not in (None, ())]
    if names:
        told = ", ".join({"--spec": "--model", "--settings": "--engine"}.get(name, name) for name in names)
        raise UserError(f"{objective!r} has no {told}: {why}")


def _print(objectives: Sequence["Objective"], json_: bool) -> None:
    from tutelage.training.jobs.settings import TrainingSettings

    common = options_of(TrainingSettings)
    for each in objectives:
        own = options_of(each.settings)
        if json_:
            print_json({"name": each.name, "about": each.about, "options": own})
            continue
        echo(f"{bold(each.name)}: {each.about}")
        print_options({key: told for key, told in own.items() if common.get(key) != told})
    if not json_:
        echo(bold("all that pass over rows"))
        print_options(common)
