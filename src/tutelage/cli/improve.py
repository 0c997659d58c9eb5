"""`tutelage improve`: rounds of rolling out, training and evaluating; the leaderboard of versions, and the way back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.graphs import METHODS, Dials, Setting, graph_dials, planned, scale_in
from tutelage.cli.models import model_of
from tutelage.cli.options import (
    as_json,
    engine_options,
    judging_options,
    pairs_of,
    print_json,
    sampling_of,
    settings_of,
    tasks_of,
)
from tutelage.cli.output import echo
from tutelage.errors import UserError
from tutelage.tools.naming import verifier_named
from tutelage.types import Task

if TYPE_CHECKING:
    from tutelage.training import Improvement, ImproveSettings

__all__ = ["command"]

REVIEWER = "reviewer"
"""The proxy that is no verifier of its own."""


@click.command(name="improve")
@click.argument("tasks", required=False)
@click.option("--development", metavar="TASKS", help="What every version is examined on, and decides.")
@click.option("--others", metavar="TASKS", help="Tasks that are not trained on, to see what is forgotten.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder of the rounds; the same goes on.")
@click.option(
    "--graph",
    default="self_refine",
    show_default=True,
    help=f"{', '.join(METHODS)}; MODULE:ATTRIBUTE or FILE.py:ATTRIBUTE.",
)
@click.option("--model", "spec", metavar="MODEL", default="embedded", show_default=True)
@click.option(
    "--proxy",
    metavar="NAME",
    help="Who judges what is learnt, instead of the truth: a verifier, or reviewer, the model's own.",
)
@click.option("--set", "chosen", multiple=True, metavar="KEY=VALUE", help="A setting of the rounds.")
@click.option("--select", "selecting", multiple=True, metavar="KEY=VALUE", help="A setting of the selection.")
@click.option("--train", "training", multiple=True, metavar="KEY=VALUE", help="A setting of the objective.")
@graph_dials
@click.option("--leaderboard", type=click.Path(path_type=Path), metavar="OUT", help="Show the versions.")
@click.option("--rollback", metavar="ROUND|POLICY", help="Make a version of --out the current one again.")
@judging_options
@engine_options
@as_json
def command(
    tasks: str | None,
    development: str | None,
    out: Path | None,
    leaderboard: Path | None,
    rollback: str | None,
    json_: bool,
    **given: Any,
) -> None:
    """Improve a model in rounds on TASKS, and print the versions.

    Example: tutelage improve arithmetic:4:2000:0 --development arithmetic:4:200:0:dev --out policies/better
    """
    from tutelage import training

    if leaderboard is not None:
        _print(training.leaderboard(leaderboard), json_)
    elif rollback is not None:
        if out is None:
            raise UserError("--rollback needs --out, the folder of the rounds")
        training.rollback(out, int(rollback) if rollback.isdecimal() and len(rollback) < 6 else rollback)
        _print(training.leaderboard(out), json_)
    elif tasks is None or development is None or out is None:
        raise UserError(
            "give TASKS, --development and --out, for example: tutelage improve arithmetic:4:2000:0 "
            "--development arithmetic:4:200:0:dev --out policies/better"
        )
    else:
        _print(_improved(tasks_of(tasks), tasks_of(development), out, given), json_)


def _improved(tasks: list[Task], development: list[Task], out: Path, given: dict[str, Any]) -> "Improvement":
    from tutelage.agents import seeded
    from tutelage.training import OwnReviewer, improve

    others = [] if given["others"] is None else tasks_of(given["others"])
    judge = verifier_named(given["verifier"], [*tasks, *development, *others])
    proxy = None if given["proxy"] in (None, REVIEWER) else verifier_named(given["proxy"], tasks)
    settings = _settings(given)
    scale = given["scale"] or _recorded_scale(out)
    dials = Dials(given["samples"], given["rounds"], given["scorer"], scale)
    plan = planned(given["graph"], dials)
    sampling = sampling_of(given["temperature"], given["top_p"], given["max_tokens"])
    try:
        with model_of(given["spec"], given["settings"], sampling) as model:
            with seeded(settings.seed):
                graph = plan(Setting(model, judge, tasks, dials, out))
            return improve(
                graph,
                model,
                tasks,
                out,
                verifier=judge,
                development=development,
                settings=settings,
                proxy=OwnReviewer(model) if given["proxy"] == REVIEWER else proxy,
                others=others,
                concurrency=given["concurrency"],
                progress=not given["quiet"],
            )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("what is recorded is kept; the same command goes on") from interrupt


def _recorded_scale(out: Path) -> str | None:
    """The scale that earlier rounds in a folder were begun with."""
    file = out / "improve.json"
    found = scale_in(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None
    return None if found is None else f"{found.mean!r}:{found.std!r}"


def _settings(given: dict[str, Any]) -> "ImproveSettings":
    from tutelage.training import ImproveSettings, SelectionSettings

    chosen = settings_of(ImproveSettings, "--set", given["chosen"])
    selection = settings_of(SelectionSettings, "--select", given["selecting"])
    changes: dict[str, Any] = {"selection": selection} if given["selecting"] else {}
    if given["training"]:
        changes["training"] = pairs_of("--train", given["training"])
    return chosen.model_copy(update=changes)


def _print(found: "Improvement", json_: bool) -> None:
    if json_:
        versions = [each.model_dump(mode="json") for each in found.versions]
        print_json({"versions": versions, "current": found.current.round, "directory": str(found.directory)})
    else:
        echo(f"{found}\nweights in {found.directory}")
