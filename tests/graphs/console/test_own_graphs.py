from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from tutelage.agents import connect
from tutelage.graphs import self_refine
from tutelage.graphs.console import Console, Reply
from tutelage.graphs.debugging import debug
from tutelage.tools import family_answer, make_tasks

Open = Callable[..., Console]


class Letters(TypedDict, total=False):
    problem: str
    text: str


def adding(letter: str) -> Callable[[Letters], Letters]:
    return lambda state: {"text": state.get("text", "") + letter}


def line_of(*nodes: tuple[str, Any]) -> StateGraph[Letters]:
    graph = StateGraph(Letters)
    for name, node in nodes:
        graph.add_node(name, node)
    for one, other in zip(
        [START, *(name for name, _ in nodes)], [*(name for name, _ in nodes), END], strict=True
    ):
        graph.add_edge(one, other)
    return graph


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    sessions = []

    def begin(graph: Any) -> Console:
        session = debug(graph, "a problem", store=tmp_path / "session")
        sessions.append(session)
        return Console(session)

    yield begin
    for each in sessions:
        each.close()


def execute(console: Console, *lines: str) -> Reply:
    reply = Reply()
    for each in lines:
        reply = console.execute(each)
        assert not reply.refused, f"{each}: {reply.text}"
    return reply


@pytest.fixture
def nested() -> StateGraph[Letters]:
    inner = line_of(("b", adding("b")), ("c", adding("c"))).compile()
    return line_of(("a", adding("a")), ("sub", inner), ("d", adding("d")))


def test_a_breakpoint_inside_a_subgraph_stops_there(opened: Open, nested: Any) -> None:
    console = opened(nested)
    text = execute(console, "b sub/c", "c").text
    assert text.startswith("> before sub/c")
    shown = execute(console, "w").text
    assert "the graph" in shown and "→" in shown and "sub" in shown
    drawn = execute(console, "l").text
    assert any(each.startswith("→") and each.split()[-1] and " c" in each for each in drawn.splitlines())


def test_up_and_down_choose_whose_state_is_looked_at(opened: Open, nested: Any) -> None:
    console = opened(nested)
    execute(console, "b sub/c", "c")
    assert execute(console, "p text").data == "ab"
    execute(console, "u")
    assert execute(console, "p text").data == "a"
    assert console.execute("u").text == "this is the outermost graph"
    execute(console, "d")
    assert execute(console, "p text").data == "ab"


def test_return_leaves_the_subgraph_and_next_passes_it(opened: Open, nested: Any) -> None:
    console = opened(nested)
    assert execute(console, "b b", "c").text.startswith("> before sub/b")
    execute(console, "r")
    stop = console.session.stop
    assert stop is not None and not stop.visit.within
    execute(console, "cl", "goto 1", "n", "n")
    assert console.session.stop is not None
    assert console.session.stop.visit.node == "d"


def test_a_question_is_shown_and_answered(opened: Open) -> None:
    def ask(state: Letters) -> Letters:
        return {"text": str(interrupt({"which": ["x", "y"]}))}

    console = opened(line_of(("ask", ask)))
    shown = execute(console, "c").text
    assert "> at a question of ask" in shown and '"which"' in shown and "answer JSON" in shown
    assert console.execute("answer").refused
    execute(console, 'answer "y"', "c")
    assert execute(console, "p text").data == "y"


def test_an_error_stops_shows_itself_and_can_be_mended(opened: Open) -> None:
    faults = [ValueError("\x1b[2Jno"), None]

    def fails(state: Letters) -> Letters:
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return {"text": "fine"}

    console = opened(line_of(("fails", fails)))
    text = execute(console, "c").text
    assert text.startswith("> at an error of fails")
    assert "⟨U+001B⟩[2Jno" in text
    execute(console, "retry", "c")
    assert execute(console, "p text").data == "fine"


@pytest.mark.slow
def test_real_tokens_prompts_and_probabilities_are_shown(tmp_path: Path) -> None:
    task = make_tasks("arithmetic", 1, 1, 0)[0]
    with (
        connect("embedded+transformers") as model,
        debug(
            self_refine(model.with_sampling(max_tokens=48), 1, verifier=family_answer),
            task,
            verifier=family_answer,
        ) as session,
    ):
        console = Console(session)
        assert "<|assistant|>" in execute(console, "s", "prompt text").text
        tokens = execute(console, "n", "tokens")
        assert tokens.data["available"] and "perplexity" in tokens.text
        surprising = execute(console, "surprise 2").data
        assert len(surprising) == 2 and surprising[0]["surprise"] >= surprising[1]["surprise"]
        assert "of 3 right" in execute(console, "goto 1", "resample 3").text
