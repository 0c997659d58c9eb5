"""What a person changes: state before and after nodes, prompts, answers, sampling, and who sees it."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import BaseModel

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import Session, debug, one_shot, self_refine
from tutelage.tools import exact
from tutelage.types import Task

At = Callable[[Session], str]


def routed(Words: Any) -> StateGraph[Any, Any, Any, Any]:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("count", lambda state: {"count": 1})
    graph.add_node("low", lambda state: {"said": "low"})
    graph.add_node("high", lambda state: {"said": "high"})
    graph.add_edge(START, "count")
    graph.add_conditional_edges(
        "count", lambda state: "low" if state["count"] < 5 else "high", ["low", "high"]
    )
    return graph


def asking(model: ChatModel, times: int = 1) -> Callable[[Any], Any]:
    async def solver(state: Any) -> dict[str, Any]:
        said = [await model.ainvoke(state["problem"]) for _ in range(times)]
        return {"log": [str(each.content) for each in said]}

    return solver


def echo(messages: Any, sample: int) -> str:
    return f"<{messages[-1]['content']}>"


def test_a_field_set_before_a_node_is_read_by_it(line: Any) -> None:
    with debug(line(one=lambda state: {"said": state["problem"].upper()}), "p") as session:
        session.set("problem", "q")
        session.go()
        assert session.state == {"problem": "q", "said": "Q", "log": []}


def test_a_field_that_was_never_set_can_be_set_before_a_node(line: Any) -> None:
    with debug(line(one=lambda state: {"count": len(state.get("said", ""))}), "p") as session:
        session.set("said", "four")
        session.go()
        assert session.state["count"] == 4


def test_a_field_set_after_a_node_is_seen_by_its_router(Words: Any) -> None:
    with debug(routed(Words), "p") as session:
        session.step()
        session.set("count", 9)
        assert session.state["count"] == 9
        session.go()
        assert session.state["said"] == "high"
        assert session.visits()[0].edited


def test_a_field_set_before_the_next_node_is_too_late_for_the_router(Words: Any) -> None:
    with debug(routed(Words), "p") as session:
        session.until("low")
        session.set("count", 9)
        session.go()
        assert (session.state["said"], session.state["count"]) == ("low", 9)


def test_a_set_value_goes_through_no_reducer(line: Any) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        session.step()
        session.set("log", ["only this"])
        assert session.state["log"] == ["only this"]
        session.step()
        session.set("log", [])
        session.go()
        assert session.state["log"] == ["2"]


def test_a_set_value_goes_through_no_delta_either(line: Any) -> None:
    class Delta(TypedDict, total=False):
        problem: str
        log: Annotated[list[str], DeltaChannel(lambda before, after: [*before, *itertools.chain(*after)])]

    with debug(line(Delta, one="1", two="2"), "p") as session:
        session.step()
        session.set("log", ["after"])
        session.next()
        assert session.state["log"] == ["after"]
        session.set("log", ["before"])
        assert session.state["log"] == ["before"]
        session.go()
        assert session.state["log"] == ["before", "2"]


def test_setting_a_field_twice_leaves_the_last_value(line: Any) -> None:
    with debug(line(one="1"), "p") as session:
        session.step()
        session.set("said", "a")
        session.set("said", "b")
        session.go()
        assert session.state["said"] == "b"
        assert session.branches()[0].edits == 2


def test_where_a_command_leads_stays_when_its_update_is_changed(Words: Any) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node(
        "one", lambda state: Command(goto="there", update={"said": "its"}), destinations=("here", "there")
    )
    graph.add_node("here", lambda state: {"log": ["here"]})
    graph.add_node("there", lambda state: {"log": ["there", state["said"]]})
    graph.add_edge(START, "one")
    with debug(graph, "p") as session:
        session.step()
        session.set("said", "mine")
        session.go()
        assert session.state["log"] == ["there", "mine"]


@dataclass
class Data:
    problem: str = ""
    count: int = 0


class Model(BaseModel):
    problem: str
    count: int = 0


@pytest.mark.parametrize("state", [Data, Model])
def test_states_of_classes_are_read_and_set(line: Any, state: Any) -> None:
    graph = line(
        state,
        one=lambda state: type(state)(problem=state.problem, count=state.count + 1),
        two=lambda state: {"count": state.count + 1},
    )
    with debug(graph, "p") as session:
        session.set("count", 10)
        session.step()
        assert session.state == {"problem": "p", "count": 11}
        session.set("count", 20)
        session.go()
        assert session.state["count"] == 21


def test_a_state_without_fields_is_one_field() -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(list)
    graph.add_node("one", lambda state: ["one"])
    graph.add_node("two", lambda state: [*state, "two"])
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    with debug(graph, {"anything": 1}) as session:
        session.until("two")
        assert session.state == {"__root__": ["one"]}
        session.set("__root__", ["mine"])
        session.go()
        assert session.state == {"__root__": ["mine", "two"]}


def test_one_message_is_changed_and_keeps_its_id() -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(MessagesState)
    graph.add_node("one", lambda state: {"messages": [AIMessage("four", id="m1")]})
    graph.add_node("two", lambda state: {"messages": [AIMessage(state["messages"][-1].content * 2)]})
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    graph.add_edge("two", END)
    with debug(graph, "p") as session:
        session.step()
        session.edit_message(-1, "five")
        session.go()
        assert [each.content for each in session.state["messages"]] == ["p", "five", "fivefive"]
        assert session.state["messages"][1].id == "m1"


def test_an_edited_prompt_is_what_the_model_gets_and_what_is_recorded(line: Any) -> None:
    with debug(line(solver=asking(scripted(echo))), "p") as session:
        session.step()
        session.edit_prompt(text="q", sampling={"temperature": 0.5})
        assert session.stop is not None and session.stop.request is not None
        assert session.stop.request.messages[-1]["content"] == "q"
        session.go()
        (turn,) = session.run_record.turns()
        assert (turn.messages[-1]["content"], turn.completion) == ("q", "<q>")
        assert turn.sampling.temperature == 0.5
        assert (turn.metadata["edited"], turn.author) == (True, None)


def test_all_messages_of_a_prompt_can_be_replaced(line: Any) -> None:
    with debug(line(solver=asking(scripted(echo))), "p") as session:
        session.step()
        session.edit_prompt([{"role": "system", "content": "be brief"}, {"role": "user", "content": "r"}])
        session.go()
        (turn,) = session.run_record.turns()
        assert [dict(each) for each in turn.messages] == [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "r"},
        ]


@pytest.mark.parametrize("sampling", [{"heat": 1}, {"temperature": -1}])
def test_a_sampling_setting_that_cannot_be_is_refused(line: Any, sampling: Any) -> None:
    with debug(line(solver=asking(scripted(echo))), "p") as session:
        session.step()
        with pytest.raises(UserError):
            session.edit_prompt(sampling=sampling)
        session.go()
        assert session.state["log"] == ["<p>"]


def test_a_person_answers_for_the_model_and_is_named(line: Any) -> None:
    asked: list[Any] = []

    def answer(messages: Any, sample: int) -> str:
        asked.append(messages)
        return "model"

    model = scripted(answer)
    with debug(line(solver=asking(model)), "p") as session:
        session.step()
        session.say("person")
        session.go()
        (turn,) = session.run_record.turns()
        assert (turn.completion, turn.author, asked) == ("person", "person", [])
        assert session.state["log"] == ["person"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda session: session.say("person"), ["person", "<p>"]),
        (lambda session: session.edit_prompt(text="q"), ["<q>", "<p>"]),
    ],
)
def test_an_edit_counts_for_one_call_though_the_next_asks_the_same(line: Any, edit: Any, said: Any) -> None:
    with debug(line(solver=asking(scripted(echo), times=2)), "p") as session:
        session.step()
        edit(session)
        session.go()
        assert session.state["log"] == said


def test_every_later_prompt_of_a_role_is_rewritten_on_this_branch_only() -> None:
    prompts: list[str] = []

    def answer(messages: Any, sample: int) -> str:
        prompts.append(messages[-1]["content"])
        return "verdict: wrong at step 1" if "Check every step" in prompts[-1] else "1\nanswer: 1"

    with debug(self_refine(scripted(answer), rounds=2), "apples") as session:
        fork = session.fork(name="pears")
        fork.rewrite("reviewer", "apples", "pears")
        fork.sample_with("refiner", temperature=0.25)
        fork.go()
        assert [("pears" in each, "apples" in each) for each in prompts] == [
            (False, True),
            (True, False),
            (False, True),
            (True, False),
            (False, True),
            (True, False),
        ]
        turns = session.run_record.turns(fork.rollout_id)
        assert {turn.sampling.temperature for turn in turns if turn.role == "refiner"} == {0.25}
        assert {turn.sampling.temperature for turn in turns if turn.role != "refiner"} != {0.25}
        prompts.clear()
        session.go()
        assert not any("pears" in each for each in prompts)


def test_a_value_of_the_wrong_kind_for_the_field_is_refused_or_kept_whole(line: Any) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        session.step()
        session.set("count", "not a number")
        session.go()
        assert session.state["count"] == "not a number"


def test_an_outer_state_is_not_changed_from_inside(nested: Any) -> None:
    with debug(nested, "p") as session:
        session.until("check")
        session.up()
        with pytest.raises(UserError, match="from inside"):
            session.set("log", [])


def test_a_private_field_of_a_node_is_shown_and_set(Words: Any) -> None:
    class Private(TypedDict):
        secret: int

    def use(state: Any) -> dict[str, Any]:
        return {"count": state["secret"]}

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("make", lambda state: {"secret": 42})
    graph.add_node("use", use, input_schema=Private)
    graph.add_edge(START, "make")
    graph.add_edge("make", "use")
    with debug(graph, "p") as session:
        session.until("use")
        assert session.state["secret"] == 42
        session.set("secret", 7)
        session.go()
        assert session.state["count"] == 7


def test_what_a_person_said_trains_nothing_unless_it_is_accepted(tmp_path: Path) -> None:
    graph = one_shot(scripted(["answer: 1"]))
    task = Task(id="t", problem="What is 1+1?", reference="2")
    with debug(graph, task, verifier=exact, store=tmp_path) as session:
        session.step()
        session.say("answer: 2")
        session.go()
        run = session.run_record
        for form in ("sft", "kto", "grpo"):
            assert list(run.export(form)) == []
        session.accept()
        (row,) = run.export("sft", taught=True)
        assert (row["author"], row["completion"][0]["content"]) == ("person", "answer: 2")
