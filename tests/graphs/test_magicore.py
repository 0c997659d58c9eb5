from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.graphs import Scale, annotated, initial_state, magicore
from tutelage.types import Task

TASK = Task(id="t", problem="What is 85*6+1?", reference="511")
EASY, HARD = Scale(-10.0, 1.0), Scale(10.0, 1.0)
FLAT = {name: (0.5, (0.5,)) for name in "abcdefgh"}


async def final(graph: Any) -> dict[str, Any]:
    app = graph.compile()
    state: dict[str, Any] = await app.ainvoke(initial_state(list(app.builder.channels), TASK))
    return state


def first_letters(prompt: str, sample: int) -> str:
    return f"answer: {'abcd'[sample]}"


def next_letter(prompt: str, sample: int) -> str:
    letter = prompt.split("answer: ")[1][0]
    return f"answer: {chr(ord(letter) + 4)}"


def test_scores_are_written_behind_the_steps() -> None:
    assert annotated("85*6=520\n\nanswer: 520", (0.04, 1.0)) == "85*6=520 [0.0]\nanswer: 520 [1.0]"
    assert annotated("1\n2\n3", (0.96,)) == "1 [1.0]\n2\n3"
    assert annotated("1", (0.5, 0.5)) == "1 [0.5]"
    assert annotated("1\n\n2", None) == "1\n\n2"


async def test_an_easy_problem_is_sampled_scored_and_voted_on(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters})
    scorer = table({"a": (0.1, (0.1,)), "b": (0.2, (0.1,)), "c": (0.9, (0.5,)), "d": (0.3, (0.0,))})
    state = await final(magicore(mouth.model(), 4, scorer=scorer, scale=EASY))
    assert mouth.roles() == ["solver"] * 4
    assert (state["answer"], state["solution"], state["round"]) == ("c", "answer: c", 0)
    assert [(each["orm"], each["prm"], each["scorer"]) for each in state["candidates"]][2] == (
        0.9,
        [0.5],
        "table",
    )


async def test_a_hard_problem_is_refined_k_at_a_time_with_scores_in_the_prompts(
    speaker: Any, table: Any
) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "look again", "refiner": next_letter})
    state = await final(magicore(mouth.model(), 4, scorer=table(FLAT), scale=HARD, rounds=1))
    assert mouth.roles() == ["solver"] * 4 + ["reviewer"] * 4 + ["refiner"] * 4
    reviewed = [prompt for role, prompt in mouth.asked if role == "reviewer"]
    refined = [prompt for role, prompt in mouth.asked if role == "refiner"]
    assert "Solution:\nanswer: a [0.5]" in reviewed[0]
    assert "Solution:\nanswer: a [0.5]" in refined[0]
    assert "Review:\nlook again" in refined[0]
    assert state["round"] == 1


async def test_refined_candidates_know_their_parents_and_rounds(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "look again", "refiner": next_letter})
    state = await final(magicore(mouth.model(), 4, scorer=table(FLAT), scale=HARD, rounds=1))
    old, new = state["candidates"][:4], state["candidates"][4:]
    assert [each["answer"] for each in new] == ["e", "f", "g", "h"]
    assert [each["parents"] for each in new] == [[each["id"]] for each in old]
    assert {each["round"] for each in new} == {1}


async def test_the_k_best_of_old_and_new_are_kept_and_refined_next(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "look again", "refiner": next_letter})
    rows = {**FLAT, "a": (0.9, (0.9,)), "c": (0.8, (0.9,)), "e": (0.1, (0.1,)), "h": (0.7, (0.7,))}
    rows |= {letter: (0.0, (0.0,)) for letter in "ijkl"}
    graph = magicore(mouth.model(), 4, scorer=table(rows), scale=HARD, rounds=2, refine_all=True)
    state = await final(graph)
    kept = {each["id"]: each["answer"] for each in state["candidates"]}
    assert [kept[each] for each in state["pool"]] == ["a", "c", "h", "b"]
    second = [each for each in state["candidates"] if each["round"] == 2]
    assert [kept[each["parents"][0]] for each in second] == ["a", "c", "h", "b"]
    assert state["answer"] == "a"


async def test_refining_stops_when_the_problem_is_no_longer_hard(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "look again", "refiner": "answer: z"})
    scale = Scale(1.5, 1.0)
    state = await final(magicore(mouth.model(), 4, scorer=table({**FLAT, "z": (0.9, (0.9,))}), scale=scale))
    assert (state["round"], state["answer"]) == (1, "z")


async def test_rounds_bound_the_refining(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "look again", "refiner": first_letters})
    for rounds in (0, 3):
        state = await final(magicore(mouth.model(), 4, scorer=table(FLAT), scale=HARD, rounds=rounds))
        assert state["round"] == rounds


async def test_without_the_gate_everything_is_refined(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "look again", "refiner": next_letter})
    graph = magicore(mouth.model(), 4, scorer=table(FLAT), scale=EASY, rounds=1, refine_all=True)
    assert (await final(graph))["round"] == 1


async def test_the_vote_weighs_by_score(speaker: Any, table: Any) -> None:
    texts = ["1 answer: a", "2 answer: a", "3 answer: b", "no idea"]
    mouth = speaker({"solver": lambda prompt, sample: texts[sample]})
    scorer = table({"a": (0.1, (0.1,)), "b": (0.5, (0.5,)), "idea": (1.0, (1.0,))})
    state = await final(magicore(mouth.model(), 4, scorer=scorer, scale=EASY))
    assert state["solution"] == "3 answer: b"


async def test_an_unreadable_review_and_an_empty_refinement_do_no_harm(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": first_letters, "reviewer": "", "refiner": "nothing"})
    graph = magicore(mouth.model(), 4, scorer=table({**FLAT, "nothing": (0.4, (0.1,))}), scale=HARD)
    assert (await final(graph))["answer"] == "a"


def test_the_papers_numbers_are_the_defaults(speaker: Any, table: Any) -> None:
    graph = magicore(speaker({}).model(), scorer=table({}), scale=EASY)
    solver: Any = graph.nodes["solver"].runnable
    assert (solver.samples, solver.sampling.temperature, solver.sampling.top_p) == (40, 0.8, 0.95)
    gate: Any = graph.branches["scorer"]["condition"].path
    assert (gate.afunc.rounds, gate.afunc.quality, gate.afunc.certainty) == (3, 0.0, 0.5)


@pytest.mark.parametrize("settings", [{"samples": 0}, {"rounds": -1}])
def test_a_wrong_setting_is_refused(speaker: Any, table: Any, settings: dict[str, int]) -> None:
    with pytest.raises(UserError):
        magicore(speaker({}).model(), scorer=table({}), scale=EASY, **settings)  # type: ignore[arg-type]
