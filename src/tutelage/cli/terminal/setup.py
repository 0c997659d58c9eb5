"""How a session came about: graph, dials, model and verifier, kept with it so that it opens again by its directory.

Options given again win over what is kept. For a run that was made by `tutelage run` the same is read off its record.
Not covered: keys of servers, which the environment holds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tutelage.cli.graphs import METHODS, Dials, Setting, planned
from tutelage.graphs.debugging import session_settings
from tutelage.types import Data

if TYPE_CHECKING:
    from tutelage.traces import Run

__all__ = ["Setup", "kept_setup", "recorded_setup"]

DIALS = ("samples", "rounds", "scorer", "scale")


class Setup(Data):
    """The words by which a session is made; `None` for what was not said."""

    graph: str | None = None
    model: str | None = None
    verifier: str | None = None
    samples: int | None = None
    rounds: int | None = None
    scorer: str | None = None
    scale: str | None = None
    engine: tuple[str, ...] = ()
    sampling: dict[str, Any] | None = None

    def over(self, other: "Setup") -> "Setup":
        """Give this, and what it does not say from another."""
        said = {key: value for key, value in self.model_dump().items() if value not in (None, ())}
        return Setup.model_validate({**other.model_dump(), **said})

    def anywhere(self) -> "Setup":
        """Give the same with the graph's file by its whole path, so that it is found from another directory."""
        place, colon, name = (self.graph or "").rpartition(":")
        if not place.endswith(".py"):
            return self
        return self.model_copy(update={"graph": f"{Path(place).absolute()}{colon}{name}"})

    @property
    def dials(self) -> Dials:
        """The dials of the graph."""
        return Dials(**{each: getattr(self, each) for each in DIALS})


def kept_setup(directory: Path) -> Setup:
    """Read how a kept session came about; empty where it was opened otherwise than by the command.

    Raises:
        StoreError: There is no session.
    """
    about = session_settings(directory).get("about")
    try:
        return Setup.model_validate(about)
    except ValidationError:
        return Setup()


def recorded_setup(run: "Run") -> Setup:
    """Read off a run's record how it was made: a shipped method by its edges, its dials, the model, the sampling."""
    graph: Any = run.settings.get("graph")
    if not isinstance(graph, Mapping):
        return Setup()
    name = _method(graph)
    speakers = [each for each in _parts(graph, "nodes") if "model" in each]
    verifier: Any = run.settings.get("verifier")
    sampling = speakers[0].get("sampling") if speakers else None
    return Setup(
        graph=name,
        model=str(speakers[0]["model"]) if speakers else None,
        verifier=verifier.get("name") if isinstance(verifier, Mapping) else None,
        sampling=dict(sampling) if isinstance(sampling, Mapping) else None,
        **({} if name is None else _dials(graph, METHODS[name])),
    )


def _parts(graph: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = graph.get(name)
    return (
        [each for each in found.values() if isinstance(each, Mapping)] if isinstance(found, Mapping) else []
    )


def _method(graph: Mapping[str, Any]) -> str | None:
    """The shipped method that has these edges."""
    from tutelage.agents import scripted
    from tutelage.graphs.compiled import compiled, graph_settings
    from tutelage.tools import exact

    with scripted([]) as model:
        for name, dials in METHODS.items():
            given = Dials(scale="0:1" if "scale" in dials else None)
            setting = Setting(model, exact, (), given, Path())
            built = graph_settings(compiled(planned(name, given)(setting)))
            if built["edges"] == graph.get("edges") and _keys(built) == _keys(graph):
                return name
    return None


def _keys(graph: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    return set(graph.get("nodes") or ()), set(graph.get("branches") or ())


def _dials(graph: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    found = {name: _first(graph, name) for name in ("samples", "rounds") if name in known}
    return {name: value for name, value in found.items() if isinstance(value, int)}


def _first(value: Any, name: str) -> Any:
    """The first value of a name anywhere in plain data that is larger than 1, else the first."""
    found: list[Any] = []
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, Mapping):
            if name in each:
                found.append(each[name])
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    return max((each for each in found if isinstance(each, int)), default=None)
