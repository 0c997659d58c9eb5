"""What states hold comes back as it was; what cannot be kept is told, and runs again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import add_messages
from pydantic import BaseModel

from tutelage.errors import UserError
from tutelage.graphs import Session, debug

At = Callable[[Session], str]


class Held(TypedDict, total=False):
    problem: str
    value: Any
    seen: str
    messages: Annotated[list[Any], add_messages]


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    label: str = ""


class Note(BaseModel):
    text: str
    points: list[int] = []


class Typed(TypedDict, total=False):
    problem: str
    point: Point
    note: Note
    colour: Colour
    log: list[str]


def kept(line: Any, directory: Path, value: Any) -> Any:
    """A value that one node gave, after the session was opened again."""
    graph = line(Held, one=lambda state: {"value": value}, two=lambda state: {"seen": "two"})
    with debug(graph, "p", store=directory) as session:
        session.until("two")
    with debug(graph, store=directory) as session:
        assert session.stop is not None and session.stop.visit.node == "two"
        return session.state["value"]


TEXT = st.text(st.characters(codec=None) | st.sampled_from("\ud800\udfff\0\x1b\u202e"), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_data_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, line: Any, value: Any
) -> None:
    assert kept(line, tmp_path_factory.mktemp("kept"), value) == value


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 2, 3, 4, 5),
        UUID(int=7),
        Decimal("1.10"),
        {1, 2, 3},
        b"\0\xff",
        Path("/tmp/x"),
        HumanMessage("\ud800 said", id="h1"),
        [AIMessage("a", id="1", response_metadata={"token_ids": [1, 2]})],
        float("inf"),
        10**30,
    ],
)
def test_common_objects_come_back_as_they_were(line: Any, tmp_path: Path, value: Any) -> None:
    found = kept(line, tmp_path, value)
    assert found == value
    assert type(found) is type(value)


def test_classes_that_the_schema_names_come_back(line: Any, tmp_path: Path) -> None:
    made = {"point": Point(1, "\udfff"), "note": Note(text="a", points=[1]), "colour": Colour.RED}
    graph = line(Typed, one=lambda state: made, two=lambda state: {"log": [type(state["note"]).__name__]})
    with debug(graph, "p", store=tmp_path) as session:
        session.until("two")
        before = session.state
    with debug(graph, store=tmp_path) as session:
        assert session.state == before == {"problem": "p", **made}
        session.go()
        assert session.state["log"] == ["Note"]


def test_a_lone_surrogate_in_the_task_the_state_and_an_edit(line: Any, tmp_path: Path, at: At) -> None:
    graph = line(one=lambda state: {"said": state["problem"] + "\ud800"}, two="\udfff")
    with debug(graph, "p\udc80", store=tmp_path) as session:
        session.step()
        session.set("other", "edit \ud83d")
        session.until("two")
    with debug(graph, store=tmp_path) as session:
        session.go()
        assert session.state == {
            "problem": "p\udc80",
            "said": "p\udc80\ud800",
            "other": "edit \ud83d",
            "log": ["\udfff"],
        }


def test_ten_megabytes_in_the_state_are_kept_once(line: Any, tmp_path: Path, at: At) -> None:
    import random

    text = random.Random(0).randbytes(5_000_000).hex()
    graph = line(one="1", two="2", three="3")
    with debug(graph, {"problem": "p", "said": text}, store=tmp_path) as session:
        session.until("three")
    size = sum(each.stat().st_size for each in tmp_path.iterdir())
    assert size < 2.5 * len(text)
    with debug(graph, store=tmp_path) as session:
        assert (at(session), session.state["said"] == text) == ("before three", True)


class Odd:
    """Nothing that can be kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_what_cannot_be_kept_runs_again_where_it_is_needed(line: Any, tmp_path: Path, at: At) -> None:
    ran: list[str] = []

    def make(state: Any) -> dict[str, Any]:
        ran.append("make")
        return {"value": Odd()}

    def use(state: Any) -> dict[str, Any]:
        ran.append("use")
        return {"seen": type(state["value"]).__name__}

    graph = line(Held, make=make, use=use, last=lambda state: {"seen": state["seen"] + "!"})
    with debug(graph, "p", store=tmp_path) as session:
        session.until("last")
        assert type(session.state["value"]) is Odd
    with debug(graph, store=tmp_path) as session:
        assert (at(session), ran) == ("before last", ["make", "use", "make"])
        assert type(session.state["value"]) is Odd
        session.go()
        assert session.state["seen"] == "Odd!"


def test_a_class_that_cannot_be_found_again_is_not_taken_for_something_else(
    line: Any, tmp_path: Path
) -> None:
    @dataclass
    class Local:
        x: int

    graph = line(
        Held,
        make=lambda state: {"value": Local(1)},
        use=lambda state: {"seen": type(state["value"]).__name__},
    )
    with debug(graph, "p", store=tmp_path) as session:
        session.until("use")
    with debug(graph, store=tmp_path) as session:
        session.go()
        assert session.state["seen"] == "Local"


def test_an_edit_that_cannot_be_kept_is_refused(line: Any) -> None:
    with debug(line(Held, one=lambda state: {"seen": "1"}), "p") as session:
        for _ in range(2):
            with pytest.raises(UserError, match="kept"):
                session.set("value", Odd())
            with pytest.raises(UserError, match="kept"):
                session.fork({"value": Odd()})
            session.step()
        assert session.status == "done"
        assert len(session.branches()) == 1


def test_an_input_that_cannot_be_kept_must_be_given_again(line: Any, tmp_path: Path, at: At) -> None:
    graph = line(
        Held,
        one=lambda state: {"seen": type(state["value"]).__name__},
        two=lambda state: {"seen": state["seen"] + "!"},
    )
    with debug(graph, {"problem": "p", "value": Odd()}, store=tmp_path) as session:
        session.until("two")
    with pytest.raises(UserError, match="input"):
        debug(graph, store=tmp_path)
    with debug(graph, {"problem": "p", "value": Odd()}, store=tmp_path) as session:
        assert at(session) == "before two"
        session.go()
        assert session.state["seen"] == "Odd!"


def test_no_pickle_is_written(line: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("the trap sprang",))

    with debug(line(Held, one=lambda state: {"value": Trap()}), "p", store=tmp_path) as session:
        session.go()
    raw = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"the trap sprang" not in raw
