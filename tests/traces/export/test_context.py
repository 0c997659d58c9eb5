from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.traces.export import export


def prompts(toy: Any, **options: Any) -> list[tuple[str, str]]:
    data = export(toy.run, "sft", form="prompt_completion", **options)
    return [(" | ".join(each["content"] for each in row["prompt"]), row["context"]) for row in data]


@pytest.fixture
def refined(toy: Any) -> Any:
    recorder = toy.begin(problem="6 times 7?")
    (wrong,) = toy.solve(recorder, ("41", False))
    toy.refine(recorder, wrong, toy.review(recorder, wrong, said=False), ("42", True))
    recorder.finish()
    return toy


def test_the_recorded_prompt_is_the_training_context(refined: Any) -> None:
    assert prompts(refined, roles="refiner") == [("Mend 41; verdict: wrong", "recorded")]


def test_root_trains_a_refinement_on_the_first_solvers_prompt(refined: Any) -> None:
    assert prompts(refined, roles="refiner", context="root") == [("6 times 7?", "root")]


def test_task_trains_on_the_bare_problem_and_says_where_that_was_recorded_so(refined: Any) -> None:
    assert prompts(refined, roles="refiner", context="task") == [("6 times 7?", "task")]
    assert prompts(refined, roles="solver", context="task", passed=None) == [("6 times 7?", "recorded")]


def test_last_leaves_the_history_out_and_keeps_the_system_message(toy: Any) -> None:
    recorder = toy.begin()
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "6 times 7?"},
        {"role": "assistant", "content": "41"},
        {"role": "user", "content": "Sure?"},
    ]
    toy.say(recorder, "solver", history, "42")
    recorder.finish()
    assert prompts(toy, context="last", passed=None) == [("Be brief. | Sure?", "last")]


def test_a_function_makes_any_context(refined: Any) -> None:
    def context(example: Any) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"{example.story.task.id} by {example.turn.speaker.role}"}]

    assert prompts(refined, roles="refiner", context=context) == [("t1 by refiner", "custom")]


@pytest.mark.parametrize("made", ["a text", [1], [{"content": "no role"}], {"role": "user"}])
def test_a_function_that_gives_no_messages_is_told(refined: Any, made: Any) -> None:
    with pytest.raises(UserError, match="must give messages"):
        prompts(refined, context=lambda example: made)


def test_an_unknown_context_is_told(refined: Any) -> None:
    with pytest.raises(UserError, match="option 'context"):
        prompts(refined, context="bare")
