from typing import Any

import pytest

from tutelage.agents import Judge, Reviewer
from tutelage.errors import UserError
from tutelage.graphs import (
    best_of_k,
    initial_state,
    majority_vote,
    model_scorer,
    one_shot,
    self_refine,
    tutoring,
    verifier_scorer,
)
from tutelage.tools import numeric
from tutelage.types import Task

TASK = Task(id="t", problem="What is 2+3?", reference="5", solution="2+3=5\nanswer: 5")


async def final(graph: Any) -> dict[str, Any]:
    app = graph.compile()
    state: dict[str, Any] = await app.ainvoke(initial_state(list(app.builder.channels), TASK))
    return state


def sampled(*texts: str) -> Any:
    return lambda prompt, sample: texts[sample]


async def test_one_shot_asks_once(speaker: Any) -> None:
    mouth = speaker({"solver": "answer: 4"})
    assert (await final(one_shot(mouth.model())))["answer"] == "4"
    assert mouth.roles() == ["solver"]


async def test_majority_vote_counts_by_the_verifiers_answers(speaker: Any) -> None:
    mouth = speaker({"solver": sampled("answer: 4", "no idea", "answer: 5.0", "no idea", "answer: 5")})
    state = await final(majority_vote(mouth.model(), 5, numeric))
    assert state["solution"] == "answer: 5.0"


async def test_a_scorer_weighs_the_votes_and_its_scores_are_kept(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": sampled("answer: 4", "answer: 5", "answer: 4")})
    scorer = table({"4": (0.2, None), "5": (0.9, None)})
    state = await final(majority_vote(mouth.model(), 3, scorer=scorer))
    assert (state["answer"], [each["orm"] for each in state["candidates"]]) == ("5", [0.2, 0.9, 0.2])


async def test_best_of_k_takes_the_scorers_favourite_that_answers(speaker: Any, table: Any) -> None:
    mouth = speaker({"solver": sampled("answer: 4", "answer: 5", "no idea")})
    scorer = table({"4": (0.3, None), "5": (0.6, None), "idea": (1.0, None)})
    assert (await final(best_of_k(mouth.model(), 3, scorer)))["answer"] == "5"


async def test_best_of_k_by_the_verifier_is_the_oracle(speaker: Any) -> None:
    mouth = speaker({"solver": sampled("answer: 4", "answer: 4", "answer: 5")})
    state = await final(best_of_k(mouth.model(), 3, verifier_scorer(numeric)))
    assert (state["answer"], state["candidates"][2]["scorer"]) == ("5", "numeric")


async def test_self_refine_goes_on_while_the_review_says_wrong(speaker: Any) -> None:
    said = iter(["verdict: wrong at step 1", "verdict: wrong", "verdict: right"])
    mouth = speaker({"solver": "answer: 3", "reviewer": lambda *_: next(said), "refiner": "answer: 5"})
    state = await final(self_refine(mouth.model(), 5))
    assert mouth.roles() == ["solver", "reviewer", "refiner", "reviewer", "refiner", "reviewer"]
    assert (state["answer"], state["round"], state["verdict"]) == ("5", 2, "right")


@pytest.mark.parametrize(("review", "refinements"), [("verdict: wrong", 2), ("gibberish", 0)])
async def test_self_refine_ends(speaker: Any, review: str, refinements: int) -> None:
    mouth = speaker({"solver": "answer: 3", "reviewer": review, "refiner": "answer: 4"})
    assert (await final(self_refine(mouth.model(), 2)))["round"] == refinements


async def test_tutoring_hints_until_the_verifier_is_content(speaker: Any) -> None:
    def solve(prompt: str, sample: int) -> str:
        return "answer: 5" if "Hint: count on" in prompt else "answer: 4"

    mouth = speaker({"solver": solve, "teacher": "count on"})
    state = await final(tutoring(mouth.model(), numeric))
    assert mouth.roles() == ["solver", "teacher", "solver"]
    assert "Reference:\n2+3=5" in mouth.asked[1][1]
    assert "2+3=5" not in mouth.asked[2][1]
    assert (state["answer"], state["verdict"], state["round"]) == ("5", "right", 1)
    first, second = state["candidates"]
    assert second["parents"] == [first["id"]]


async def test_tutoring_gives_up_after_its_rounds_and_may_have_another_teacher(speaker: Any) -> None:
    student, teacher = speaker({"solver": "answer: 4"}), speaker({"teacher": "think"})
    state = await final(tutoring(student.model(), numeric, 2, teacher=teacher.model()))
    assert (student.roles(), teacher.roles()) == (["solver"] * 3, ["teacher"] * 2)
    assert state["verdict"] == "wrong"


@pytest.mark.parametrize("method", [majority_vote, self_refine])
def test_a_wrong_setting_is_refused(speaker: Any, method: Any) -> None:
    with pytest.raises(UserError):
        method(speaker({}).model(), -1)


async def test_a_judge_scores_outcomes_and_unreadable_judgements_count_half(speaker: Any) -> None:
    mouth = speaker({"judge": sampled("yes", "no", "hm", "yes")})
    score = await model_scorer(Judge(mouth.model()), samples=4).score(TASK, "answer: 5")
    assert (score.value, score.steps, score.name) == (0.625, None, "judge")


async def test_a_reviewer_scores_steps_so_that_their_product_is_the_share_of_clean_reviews(
    speaker: Any,
) -> None:
    said = ["verdict: wrong at step 1", "verdict: wrong at step 2", "verdict: right", "verdict: right", "hm"]
    mouth = speaker({"reviewer": sampled(*said)})
    score = await model_scorer(Reviewer(mouth.model()), samples=5).score(TASK, "2+3=5\nso\nanswer: 5")
    assert score.value == 0.5
    assert score.steps == pytest.approx((3 / 4, 2 / 3, 1.0))


async def test_one_review_scores_right_before_and_wrong_from_the_step_it_names(speaker: Any) -> None:
    mouth = speaker({"reviewer": "verdict: wrong at step 2"})
    score = await model_scorer(Reviewer(mouth.model())).score(TASK, "2+3=5\nso\nanswer: 5")
    assert (score.value, score.steps) == (0.0, (1.0, 0.0, 0.0))


async def test_reviews_without_a_verdict_score_nothing(speaker: Any) -> None:
    score = await model_scorer(Reviewer(speaker({"reviewer": "hm"}).model())).score(TASK, "answer: 5")
    assert (score.value, score.steps, score.passed) == (0.5, None, None)


@pytest.mark.parametrize(("role", "samples"), [(Judge, 0), (None, 1)])
def test_a_scorer_needs_a_role_and_a_sample(speaker: Any, role: Any, samples: int) -> None:
    with pytest.raises(UserError):
        model_scorer(role(speaker({}).model()) if role else "judge", samples=samples)  # type: ignore[arg-type]
