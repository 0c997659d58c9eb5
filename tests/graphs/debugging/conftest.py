import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph

from tutelage.graphs import Session

Graph = StateGraph[Any, Any, Any, Any]


class Words(TypedDict, total=False):
    problem: str
    said: str
    other: str
    count: int
    log: Annotated[list[str], operator.add]


def logging(text: str) -> Any:
    return lambda state: {"log": [text]}


def place(session: Session) -> str:
    """Where a session is held: "before team/critic"; its status where it is not."""
    stop = session.stop
    return (
        session.status if stop is None else f"{stop.when} {'/'.join((*stop.visit.within, stop.visit.node))}"
    )


@pytest.fixture(name="Words")
def words() -> type[Words]:
    return Words


@pytest.fixture
def line() -> Callable[..., Graph]:
    """Nodes one after the other; a text stands for a node that adds it to `log`."""

    def make(state: Any = Words, **nodes: Any) -> Graph:
        graph: Graph = StateGraph(state)
        before = START
        for name, node in nodes.items():
            graph.add_node(name, logging(node) if isinstance(node, str) else node)
            graph.add_edge(before, name)
            before = name
        graph.add_edge(before, END)
        return graph

    return make


@pytest.fixture
def fan() -> Callable[..., Graph]:
    """`split`, nodes side by side, and `join` after them."""

    def make(**nodes: Any) -> Graph:
        graph: Graph = StateGraph(Words)
        graph.add_node("split", logging("split"))
        graph.add_edge(START, "split")
        for name, node in nodes.items():
            graph.add_node(name, logging(node) if isinstance(node, str) else node)
            graph.add_edge("split", name)
            graph.add_edge(name, "join")
        graph.add_node("join", logging("join"))
        return graph

    return make


@pytest.fixture
def nested(line: Callable[..., Graph]) -> Graph:
    """Two subgraphs deep: first, team (plan, pair (write, check)), last."""
    pair = line(write="write", check="check").compile()
    team = line(plan="plan", pair=pair).compile()
    return line(first="first", team=team, last="last")


@pytest.fixture
def at() -> Callable[[Session], str]:
    return place


@pytest.fixture
def walk() -> Callable[[Session], list[str]]:
    """Step to the end; tell all places on the way."""

    def walked(session: Session) -> list[str]:
        places = []
        while session.stop is not None:
            places.append(place(session))
            session.step()
        return places

    return walked
