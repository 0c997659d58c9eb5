import asyncio
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph

from tutelage.agents import Completion, Judge, Refiner, Reviewer, Solver, Teacher, scripted
from tutelage.errors import UserError
from tutelage.tools import numeric
from tutelage.traces import Run, Store, recording
from tutelage.types import Sampling, Task


def of_prompts(seen: list[str], *answers: str) -> Any:
    """A script that remembers its prompts."""
    left = list(answers)

    def answer(messages: Any, sample: int) -> str:
        seen.append(messages[-1]["content"])
        return left.pop(0) if len(left) > 1 else left[0]

    return scripted(answer)


async def test_a_solver_gives_n_solutions_with_their_answers_from_one_request() -> None:
    seen: list[str] = []
    solutions = await Solver(of_prompts(seen, "2+3=5\nanswer: 5", "no idea"), samples=2).solve("What is 2+3?")
    assert [each.answer for each in solutions] == ["5", None]
    assert seen[0] == seen[1]
    assert seen[0].startswith("Problem: What is 2+3?\n\nSolve it step by step")


async def test_the_solvers_solution_is_the_first_of_the_majority() -> None:
    texts = ["answer: 1", "x\nanswer: 2", "none", "none", "none", "y\nanswer: 2"]
    after = await Solver(scripted(texts), samples=6)({"problem": "p"})
    assert after["solution"] == "x\nanswer: 2"
    assert after["answer"] == "2"
    assert [each["text"] for each in after["candidates"]] == texts
    assert after["round"] == 0


async def test_a_verifier_makes_answers_of_one_meaning_one_answer() -> None:
    texts = ["answer: 7", "answer: 1,000", "answer: 1000"]
    after = await Solver(scripted(texts), samples=3, verifier=numeric)({"problem": "p"})
    assert after["solution"] == "answer: 1,000"


async def test_a_solver_takes_the_hint_that_the_state_holds() -> None:
    seen: list[str] = []
    await Solver(of_prompts(seen, "answer: 5"))({"problem": "2+3", "hint": "count on"})
    assert "Hint: count on" in seen[0]


@pytest.mark.parametrize(
    ("text", "verdict", "step"),
    [
        ("2*3=6 ok\nverdict: right", "right", None),
        ("verdict: right\nno, Verdict:  WRONG at step 3", "wrong", 3),
        ("verdict: wrong", "wrong", None),
        ("verdict: wrong at step 0", "wrong", None),
        ("verdict: wrong at step 99999999999999999999", "wrong", None),
        ("verdict: rightly so", "none", None),
        ("it is fine", "none", None),
        ("", "none", None),
    ],
)
async def test_a_review_has_the_last_verdict_of_its_text(text: str, verdict: str, step: int | None) -> None:
    review = await Reviewer(scripted([text])).review("p", "s")
    assert (review.verdict, review.step, review.text) == (verdict, step, text)


async def test_an_unreadable_review_is_asked_for_again_as_often_as_allowed() -> None:
    seen: list[str] = []
    reviewer = Reviewer(of_prompts(seen, "hm", "well", "verdict: right"), retries=1)
    assert (await reviewer.review("p", "s")).verdict == "none"
    assert len(seen) == 2
    assert (await reviewer.review("p", "s")).verdict == "right"


async def test_only_the_unreadable_ones_of_several_reviews_are_asked_for_again() -> None:
    seen: list[str] = []
    reviewer = Reviewer(of_prompts(seen, "verdict: right", "hm", "verdict: wrong at step 1"), retries=5)
    reviews = await reviewer.reviews("p", "s", 2)
    assert [each.verdict for each in reviews] == ["right", "wrong"]
    assert len(seen) == 3


async def test_a_refiner_sees_the_review_and_leaves_a_child_of_the_solution() -> None:
    seen: list[str] = []
    state = await Solver(scripted(["answer: 4"]))({"problem": "2+3"})
    after = await Refiner(of_prompts(seen, "answer: 5"))({**state, "problem": "2+3", "review": "4 is 2+2"})
    assert "Solution:\nanswer: 4" in seen[0]
    assert "Review:\n4 is 2+2" in seen[0]
    first, second = after["candidates"]
    assert second["parents"] == [first["id"]]
    assert (second["round"], after["round"], after["answer"], after["verdict"]) == (1, 1, "5", None)


async def test_a_teacher_shows_the_worked_solution_or_else_the_answer_to_nobody_but_itself() -> None:
    seen: list[str] = []
    teacher = Teacher(of_prompts(seen, "count on"))
    task = Task(id="t", problem="2+3", reference="5", solution="2+3=5\nanswer: 5")
    state = {"problem": "2+3", "solution": "answer: 4", "task": task.model_dump()}
    after = await teacher(state)
    assert (after["hint"], after["round"]) == ("count on", 1)
    assert "Reference:\n2+3=5\nanswer: 5" in seen[0]
    await teacher({**state, "task": {"id": "t", "reference": "5"}})
    assert "Reference:\n5" in seen[1]


async def test_a_teacher_without_a_reference_says_which_task_lacks_it() -> None:
    with pytest.raises(UserError, match="'t7' has neither a solution nor a reference"):
        await Teacher(scripted(["x"]))({"problem": "p", "solution": "s", "task": {"id": "t7"}})


async def test_a_teacher_can_correct_as_a_node() -> None:
    teacher = Teacher(scripted(["2+3=5\nanswer: 5"]), gives="correction")
    state = {"problem": "2+3", "solution": "answer: 4", "task": {"reference": "5"}}
    after = await teacher(state)
    assert (after["answer"], after["round"]) == ("5", 1)


@pytest.mark.parametrize(
    ("said", "value", "kind"),
    [("yes", 0.25, "yes"), ("No.", 0.75, "no"), (" maybe", 0.5, "none"), ("", 0.5, "none")],
)
async def test_a_judgement_is_the_probability_of_yes(said: str, value: float, kind: str) -> None:
    logprobs = (-1.3862943611198906,) * len(said)
    model = scripted([Completion(text=said, token_ids=tuple(range(len(said))), logprobs=logprobs)])
    judgement = await Judge(model).judge("p", "s")
    assert judgement.value == pytest.approx(value)
    assert judgement.said == kind


async def test_without_log_probabilities_a_judgement_is_one_or_zero() -> None:
    model = scripted([Completion(text="yes"), Completion(text="no")])
    assert (await Judge(model).judge("p", "s")).value == 1.0
    assert (await Judge(model)({"problem": "p", "solution": "s"})) == {
        "judgement": 0.0,
        "verdict": "wrong",
        "step": None,
    }


async def test_turns_know_their_role_their_node_and_what_they_build_on() -> None:
    model = scripted(["answer: 4", "verdict: wrong at step 1", "answer: 5"])
    run = await recorded_loop(model)
    solver, reviewer, refiner = run.turns()
    assert [(turn.role, turn.node) for turn in (solver, reviewer, refiner)] == [
        ("solver", "first"),
        ("reviewer", "second"),
        ("refiner", "third"),
    ]
    assert (solver.parents, reviewer.parents) == ((), (solver.id,))
    assert refiner.parents == (solver.id, reviewer.id)


async def test_a_text_that_a_person_changed_has_no_turn_behind_it() -> None:
    model = scripted(["answer: 4", "verdict: wrong at step 1", "answer: 5"])
    run = await recorded_loop(model, edited="2+3 is 5, not 4")
    assert run.turns()[-1].parents == (run.turns()[0].id,)


async def recorded_loop(model: Any, edited: str | None = None) -> Run:
    class State(TypedDict, total=False):
        problem: str
        solution: str
        review: str
        candidates: list[Any]
        lineage: dict[str, str]

    async def edit(state: State) -> dict[str, Any]:
        return {"review": edited or state["review"]}

    graph = StateGraph(State)
    graph.add_node("first", Solver(model))
    graph.add_node("second", Reviewer(model))
    graph.add_node("person", edit)
    graph.add_node("third", Refiner(model))
    for start, end in (
        (START, "first"),
        ("first", "second"),
        ("second", "person"),
        ("person", "third"),
        ("third", END),
    ):
        graph.add_edge(start, end)
    run = Store.memory().start_run({})
    with recording(run.begin(Task(id="t", problem="2+3"))):
        await graph.compile().ainvoke({"problem": "2+3"})
    return run


def test_a_role_runs_in_a_graph_without_asyncio_and_with_a_state_of_ones_own() -> None:
    class Own(TypedDict):
        problem: str
        solution: str

    graph = StateGraph(Own)
    graph.add_node("solver", Solver(scripted(["answer: 4"])))
    graph.add_edge(START, "solver")
    assert graph.compile().invoke(Own(problem="2+2", solution="")) == {
        "problem": "2+2",
        "solution": "answer: 4",
    }


async def test_a_role_runs_without_asyncio_below_a_running_loop() -> None:
    assert Solver(scripted(["answer: 4"])).invoke({"problem": "p"})["answer"] == "4"


async def test_a_state_may_be_an_object() -> None:
    from pydantic import BaseModel

    class Own(BaseModel):
        problem: str
        solution: str = ""

    graph = StateGraph(Own)
    graph.add_node("solver", Solver(scripted(["answer: 4"])))
    graph.add_edge(START, "solver")
    assert (await graph.compile().ainvoke(Own(problem="2+2")))["solution"] == "answer: 4"


async def test_a_state_that_lacks_what_a_role_reads_is_told_so() -> None:
    with pytest.raises(UserError, match="no text 'solution', which the role 'critic' reads"):
        await Reviewer(scripted(["x"]), name="critic")({"problem": "p"})


@pytest.mark.parametrize(
    "make",
    [
        lambda model: Solver(model, samples=0),
        lambda model: Reviewer(model, retries=-1),
        lambda model: Teacher(model, gives="answers"),  # type: ignore[arg-type]
        lambda model: Solver(model, prompt="reviewer"),
        lambda model: Refiner(model, prompt="nonesuch"),
    ],
)
def test_a_wrong_setting_is_refused_at_once(make: Any) -> None:
    with pytest.raises(UserError):
        make(scripted(["x"]))


def test_settings_tell_what_changes_what_a_role_says() -> None:
    model = scripted(["x"])
    known = Solver(model, samples=8).settings()
    assert known["samples"] == 8
    assert known != Solver(model, samples=8, sampling=Sampling(temperature=0)).settings()


async def test_a_role_samples_as_told() -> None:
    run = Store.memory().start_run({})
    with recording(run.begin(Task(id="t", problem="p"))):
        await Solver(scripted(["answer: 4"]), sampling=Sampling(temperature=0.3)).solve("p")
        await asyncio.sleep(0)
    assert run.turns()[0].sampling.temperature == 0.3
