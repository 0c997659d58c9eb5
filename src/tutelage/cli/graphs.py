"""The graphs that `--graph` names: the shipped methods, each with its own dials, or a graph of the user's."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from tutelage.errors import UserError
from tutelage.nearest import near
from tutelage.objects import load_object
from tutelage.tools.naming import verifier_named
from tutelage.types import Task

if TYPE_CHECKING:
    from tutelage.agents import ChatModel
    from tutelage.graphs import Scale, Scorer
    from tutelage.graphs.compiled import AnyGraph
    from tutelage.tools import Verifier

__all__ = ["METHODS", "SCORERS", "Dials", "Plan", "Setting", "graph_dials", "planned", "scale_in"]

Command = TypeVar("Command", bound=Callable[..., Any])

METHODS: Mapping[str, frozenset[str]] = {
    "one_shot": frozenset(),
    "majority_vote": frozenset({"samples", "scorer"}),
    "best_of_k": frozenset({"samples", "scorer"}),
    "self_refine": frozenset({"rounds"}),
    "magicore": frozenset({"samples", "rounds", "scorer", "scale"}),
    "tutoring": frozenset({"rounds"}),
}
"""The shipped methods, and which dials each has."""

SCORERS = ("reviewer", "judge", "verifier")
SAMPLES, ROUNDS = 8, 3
MEASURED_ON = 64
"""How many tasks the scale of MAgICoRe's scores is measured on, where none is given."""


@dataclass(frozen=True, slots=True)
class Dials:
    """A method's dials; `None` for its default."""

    samples: int | None = None
    rounds: int | None = None
    scorer: str | None = None
    scale: str | None = None

    def given(self) -> set[str]:
        """The names of those that are set."""
        return {each.name for each in fields(self) if getattr(self, each.name) is not None}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a method is built from."""

    model: "ChatModel"
    verifier: "Verifier"
    """Reads answers, and checks where the method does."""
    tasks: Sequence[Task]
    """What will be run; the scale of scores is measured on some of them."""
    dials: Dials
    store: Path
    """The run's directory, which may exist already."""

    @property
    def samples(self) -> int:
        """How many solutions."""
        return SAMPLES if self.dials.samples is None else self.dials.samples

    @property
    def rounds(self) -> int:
        """How many rounds at most."""
        return ROUNDS if self.dials.rounds is None else self.dials.rounds

    def scorer(self) -> "Scorer":
        """Who scores candidates: a role, the verifier, or a verifier by its name; by default the reviewer."""
        from tutelage.agents.roles import Judge, Reviewer
        from tutelage.graphs import model_scorer, verifier_scorer

        match self.dials.scorer or SCORERS[0]:
            case "verifier":
                return verifier_scorer(self.verifier)
            case "judge":
                return model_scorer(Judge(self.model))
            case "reviewer":
                return model_scorer(Reviewer(self.model))
            case name:
                return verifier_scorer(verifier_named(name, self.tasks))

    def scale(self) -> "Scale":
        """The scale of the scores: as given, else as the run to be continued has it, else measured now."""
        from tutelage.agents.roles import Solver
        from tutelage.graphs import Scale

        if self.dials.scale is not None:
            mean, _, std = self.dials.scale.partition(":")
            try:
                return Scale(float(mean), float(std))
            except ValueError as error:
                raise UserError(f"--scale {self.dials.scale!r} is not MEAN:DEVIATION, two numbers") from error
        recorded = recorded_scale(self.store)
        if recorded is not None:
            return recorded
        some = self.tasks[:MEASURED_ON]
        return asyncio.run(Scale.measure(Solver(self.model, verifier=self.verifier), some, self.scorer()))


def graph_dials(command: Command) -> Command:
    """Give a command the options of a method's dials, by the names of `Dials`."""
    for option in (
        click.option(
            "--scale", metavar="MEAN:DEVIATION", help="Of magicore's scores. [default: measured first]"
        ),
        click.option(
            "--scorer",
            metavar="NAME",
            help=f"Who scores candidates: {', '.join(SCORERS)}, or another verifier, as reward:DIR or prm:DIR. "
            "[default: reviewer; of majority_vote nobody]",
        ),
        click.option(
            "--rounds",
            type=click.IntRange(min=0),
            help=f"Refinements or hints at most. [default: {ROUNDS}]",
        ),
        click.option("--samples", type=click.IntRange(min=1), help=f"Solutions a task. [default: {SAMPLES}]"),
    ):
        command = option(command)
    return command


Plan = Callable[[Setting], "AnyGraph"]
"""Makes a graph once there is a model."""


def recorded_scale(store: Path) -> "Scale | None":
    """The scale that the run in a directory was started with; `None` where there is no run or no scale."""
    from tutelage.traces import Run

    if not (store / "run.sqlite").exists():
        return None
    with Run.open(store) as run:
        return scale_in(run.settings)


def scale_in(settings: Any) -> "Scale | None":
    """The scale that a graph's settings hold; `None` where they hold none."""
    from tutelage.graphs import Scale

    found = _find(settings, "Scale")
    return None if found is None else Scale(float(found["mean"]), float(found["std"]))


def _find(value: Any, kind: str) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        if value.get("kind") == kind:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next((found for each in value if (found := _find(each, kind)) is not None), None)
    return None


def planned(name: str, dials: Dials) -> Plan:
    """The plan of a graph's name; whatever is wrong with the name is found before an engine starts.

    Args:
        name: a method, or MODULE:ATTRIBUTE: a graph, or a function that takes the model and gives one.
        dials: the method's.

    Raises:
        UserError: no such graph, or a dial that it has not.
    """
    if ":" in name:
        _refuse(name, dials.given())
        found = load_object(name)
        if not hasattr(found, "nodes") and not callable(found):
            raise UserError(
                f"graph {name!r} is neither a graph nor a function that makes one, but {type(found).__name__}"
            )
        return lambda setting: _called(found, name, setting.model)
    if name not in METHODS:
        raise UserError(
            f"unknown graph {name!r}{near(name, METHODS)}; known are {', '.join(METHODS)}, or give MODULE:ATTRIBUTE"
        )
    _refuse(name, dials.given() - METHODS[name])
    _check_scorer(dials.scorer)
    return _methods()[name]


def _check_scorer(name: str | None) -> None:
    if name is None or name in SCORERS:
        return
    try:
        verifier_named(name, ())
    except UserError as error:
        raise UserError(f"scorer: {error}; or one of {', '.join(SCORERS)}") from None


def _refuse(name: str, dials: set[str]) -> None:
    if dials:
        listed = ", ".join(f"--{dial}" for dial in sorted(dials))
        raise UserError(f"graph {name!r} has no {listed}; leave it out")


def _called(found: Any, name: str, model: "ChatModel") -> "AnyGraph":
    if hasattr(found, "nodes") or not callable(found):
        return cast("AnyGraph", found)
    try:
        return cast("AnyGraph", found(model))
    except TypeError as error:
        raise UserError(f"graph {name!r}: calling it with the model fails: {error}") from error


def _methods() -> Mapping[str, Plan]:
    from tutelage import graphs

    return {
        "one_shot": lambda s: graphs.one_shot(s.model, verifier=s.verifier),
        "majority_vote": lambda s: graphs.majority_vote(
            s.model, s.samples, s.verifier, scorer=s.scorer() if s.dials.scorer else None
        ),
        "best_of_k": lambda s: graphs.best_of_k(s.model, s.samples, s.scorer(), verifier=s.verifier),
        "self_refine": lambda s: graphs.self_refine(s.model, s.rounds, verifier=s.verifier),
        "magicore": lambda s: graphs.magicore(
            s.model, s.samples, scorer=s.scorer(), scale=s.scale(), rounds=s.rounds, verifier=s.verifier
        ),
        "tutoring": lambda s: graphs.tutoring(s.model, s.verifier, s.rounds),
    }
