from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.graphs import critique, initial_state, rollout
from tutelage.tools import numeric
from tutelage.types import Sampling, Task

TASK = Task(id="t", problem="What is 2+3?", reference="5", metadata={"attempt": "2+3=4\nanswer: 4"})


async def final(graph: Any, task: Task = TASK) -> dict[str, Any]:
    app = graph.compile()
    state: dict[str, Any] = await app.ainvoke(initial_state(list(app.builder.channels), task))
    return state


def says(review: str) -> dict[str, str]:
    return {"solver": "answer: 4", "reviewer": review, "refiner": "answer: 5"}


async def test_critic_and_actor_are_two_models(speaker: Any) -> None:
    actor, critic = speaker(says("")), speaker(says("verdict: wrong"))
    state = await final(critique(actor.model(), critic.model()))
    assert (actor.roles(), critic.roles()) == (["solver", "refiner"], ["reviewer"])
    assert (state["answer"], state["round"]) == ("5", 1)


@pytest.mark.parametrize("verdict", ["right", "wrong", "none"])
@pytest.mark.parametrize(
    ("refine", "refined"),
    [
        ("always", {"right", "wrong", "none"}),
        ("wrong", {"wrong"}),
        ("never", set()),
    ],
)
async def test_the_actor_refines_once_when_it_should(
    speaker: Any, refine: Any, refined: set[str], verdict: str
) -> None:
    mouth = speaker(says(f"verdict: {verdict}"))
    state = await final(critique(mouth.model(), mouth.model(), refine=refine))
    assert state["round"] == (verdict in refined)
    assert mouth.roles().count("reviewer") == 1


def test_a_recorded_attempt_takes_the_solvers_place_whatever_it_says(speaker: Any) -> None:
    long = TASK.model_copy(update={"id": "long", "metadata": {"attempt": "\ud83d" + "so " * 2000}})
    actor, critic = speaker(says("")), speaker(says("verdict: wrong"))
    graph = critique(actor.model(), critic.model(), recorded=True, verifier=numeric)
    with rollout(graph, [TASK, long], verifier=numeric, repeats=2, progress=False) as run:
        assert [each.status for each in run.rollouts()] == ["done"] * 4
        of_task = next(each for each in run.rollouts() if each.task.id == "t")
        attempt, review, refined = run.turns(of_task.id)
        assert (attempt.role, attempt.model, attempt.completion) == (
            "attempt",
            "recorded",
            "2+3=4\nanswer: 4",
        )
        assert review.parents == (attempt.id,)
        assert set(refined.parents) == {attempt.id, review.id}
        first, second = run.candidates(of_task.id)
        assert (first.turn_id, second.parents) == (attempt.id, (first.id,))
        assert {each.completion for each in run.turns(role="attempt")} == {
            str(task.metadata["attempt"]) for task in (TASK, long)
        }
    assert "solver" not in actor.roles()
    assert any("2+3=4" in prompt for _, prompt in critic.asked)


async def test_a_task_without_an_attempt_is_told(speaker: Any) -> None:
    mouth = speaker(says("verdict: wrong"))
    with pytest.raises(UserError, match="task 'u' has no recorded attempt"):
        await final(
            critique(mouth.model(), mouth.model(), recorded=True), Task(id="u", problem="What is 2+3?")
        )


@pytest.mark.parametrize("wrong", [{"refine": "sometimes"}, {"sampling": {"judge": Sampling()}}])
def test_a_wrong_setting_is_refused(speaker: Any, wrong: Any) -> None:
    mouth = speaker({})
    with pytest.raises(UserError):
        critique(mouth.model(), mouth.model(), **wrong)
