import json
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from tutelage.agents import CandidateState
from tutelage.errors import UserError
from tutelage.graphs import LoopState, initial_state, one_shot, solution_in
from tutelage.graphs.state import merge_candidates
from tutelage.types import Task

TASK = Task(id="t", problem="What is 2+3?", reference="5")
KEYS = list(LoopState.__annotations__)


def test_a_loop_starts_with_its_counters_set() -> None:
    state = initial_state(KEYS, TASK)
    assert (state["problem"], state["round"], state["candidates"]) == ("What is 2+3?", 0, [])
    assert Task.model_validate(state["task"]) == TASK


def test_other_states_get_only_what_they_ask_for() -> None:
    assert initial_state(["problem", "round"], TASK) == {"problem": "What is 2+3?"}
    assert initial_state(["messages", "problem"], TASK) == {"problem": "What is 2+3?"}
    assert initial_state(["messages"], TASK) == {"messages": [HumanMessage("What is 2+3?")]}
    with pytest.raises(UserError):
        initial_state(["question"], TASK)


async def test_a_final_state_is_plain_data(speaker: Any) -> None:
    app = one_shot(speaker({"solver": "answer: 5"}).model()).compile()
    state = await app.ainvoke(LoopState(**initial_state(KEYS, TASK)))  # type: ignore[typeddict-item]
    assert json.loads(json.dumps(state)) == state


def test_the_solution_is_the_field_or_the_models_last_message() -> None:
    assert solution_in({"solution": "a", "messages": [AIMessage("b")]}) == "a"
    assert solution_in({"messages": [HumanMessage("a"), AIMessage("b"), HumanMessage("c")]}) == "b"
    assert solution_in({"messages": [AIMessage([{"type": "text", "text": "b"}])]}) == "b"
    assert solution_in({}) == ""


def test_candidates_are_added_and_replaced_by_their_ids(pool: Any) -> None:
    first, second, third = pool(("a", None, None), ("b", None, None), ("c", None, None))
    scored = cast(CandidateState, {**first, "orm": 1.0})
    assert merge_candidates([first, second], [scored, third]) == [scored, second, third]
