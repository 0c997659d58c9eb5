import asyncio
import threading
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

from tutelage.agents import Judge, Refiner, Reviewer, Solver, Teacher, scripted
from tutelage.errors import EngineError, StoreError, UserError
from tutelage.graphs import (
    LoopState,
    Scale,
    arollout,
    best_of_k,
    magicore,
    majority_vote,
    model_scorer,
    one_shot,
    rollout,
    self_refine,
)
from tutelage.tools import exact, numeric
from tutelage.traces import Run
from tutelage.types import Score, Task


def solve(prompt: str, sample: int = 0) -> str:
    """The right answer to "What is N+1?"."""
    number = int(prompt.split("What is ")[1].split("+")[0])
    return f"{number}+1={number + 1}\nanswer: {number + 1}"


def right(messages: Any, sample: int) -> str:
    return solve(messages[-1]["content"])


def loop(model: Any) -> Any:
    """The graph of the README."""
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, samples=3))
    graph.add_node("reviewer", Reviewer(model))
    graph.add_node("refiner", Refiner(model))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    graph.add_conditional_edges(
        "reviewer", lambda s: "refiner" if s["verdict"] == "wrong" and s["round"] < 3 else END
    )
    graph.add_edge("refiner", "reviewer")
    return graph


def test_a_loop_of_roles_is_run_judged_and_recorded(speaker: Any, tasks: Any, tmp_path: Path) -> None:
    said = {
        "solver": "answer: 0",
        "reviewer": lambda prompt, sample: (
            "verdict: wrong at step 1" if "answer: 0" in prompt else "verdict: right"
        ),
        "refiner": solve,
    }
    run = rollout(loop(speaker(said).model()), tasks(5), verifier=numeric, store=tmp_path / "first")
    assert run.path == tmp_path / "first"
    counted = run.summary()["scores"]["numeric"]
    assert (counted["passed"], counted["scored"], counted["wrong_to_right"]) == (5, 5, 5)
    assert {role: count.turns for role, count in run.tokens().items()} == {
        "solver": 15,
        "reviewer": 10,
        "refiner": 5,
    }
    assert [(each.status, each.answer) for each in run.rollouts()] == [
        ("done", str(at + 1)) for at in range(5)
    ]
    assert "5 of 5 right" in run.report()


def test_candidates_are_recorded_with_parents_turns_and_everybodys_scores(
    speaker: Any, table: Any, tasks: Any
) -> None:
    said = {"solver": lambda _, sample: f"answer: {sample}", "reviewer": "again", "refiner": "answer: 1"}
    scorer = table({"0": (0.5, (0.5,)), "1": (0.5, (0.5,))})
    graph = magicore(speaker(said).model(), 2, scorer=scorer, scale=Scale(9, 1), rounds=1, refine_all=True)
    run = rollout(graph, tasks(1), verifier=exact)
    candidates, turns = run.candidates(), {turn.id: turn for turn in run.turns()}
    assert [each.text for each in candidates] == ["answer: 0", "answer: 1", "answer: 1", "answer: 1"]
    assert [each.parents for each in candidates[2:]] == [(candidates[0].id,), (candidates[1].id,)]
    assert [turns[str(each.turn_id)].completion for each in candidates] == [each.text for each in candidates]
    assert [turns[str(each.turn_id)].node for each in candidates] == ["solver"] * 2 + ["refiner"] * 2
    scores = [(row.score.name, row.score.value, row.score.steps) for row in run.scores(subject="candidate")]
    assert scores[:4] == [
        ("table", 0.5, (0.5,)),
        ("exact", 0.0, None),
        ("table", 0.5, (0.5,)),
        ("exact", 1.0, None),
    ]


def test_n_samples_are_one_request(tasks: Any) -> None:
    run = rollout(majority_vote(scripted(right), 4), tasks(2), verifier=exact)
    assert [(turn.call, turn.sample) for turn in run.turns(run.rollouts()[0].id)] == [
        (0, at) for at in range(4)
    ]


def test_any_langgraph_app_with_messages_will_do(tasks: Any) -> None:
    model = scripted(right)

    async def chat(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("chat", chat)
    graph.add_edge(START, "chat")
    run = rollout(graph.compile(), tasks(3), verifier=numeric)
    assert run.summary()["scores"]["numeric"]["passed"] == 3
    assert {turn.role for turn in run.turns()} == {"chat"}
    assert run.rollouts()[0].output == {
        "messages": [
            {"type": "human", "content": "What is 0+1?"},
            {"type": "ai", "content": "0+1=1\nanswer: 1"},
        ]
    }


def test_a_node_without_asyncio_is_recorded_too(tasks: Any) -> None:
    model = scripted(right)

    def chat(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("chat", chat)
    graph.add_edge(START, "chat")
    run = rollout(graph, tasks(3), verifier=numeric)
    assert len(run.turns()) == 3


def test_what_the_state_holds_is_kept_as_plain_data(tasks: Any) -> None:
    class Own(TypedDict, total=False):
        problem: str
        solution: str
        odd: Any

    async def think(state: Own) -> Own:
        return {"solution": "answer: 1", "odd": {1: (float("nan"), {2}, b"x", Score(name="n", value=1.0))}}

    graph = StateGraph(Own)
    graph.add_node("think", think)
    graph.add_edge(START, "think")
    (done,) = rollout(graph, tasks(1), verifier=exact).rollouts()
    score = {"name": "n", "value": 1.0, "passed": None, "steps": None, "feedback": None}
    assert done.output == {"solution": "answer: 1", "odd": {"1": ["nan", [2], "b'x'", score]}}


def test_a_failed_task_is_recorded_and_the_others_go_on(tasks: Any) -> None:
    def sometimes(messages: Any, sample: int) -> str:
        if "What is 2+1" in messages[-1]["content"]:
            raise ZeroDivisionError("by zero")
        return right(messages, sample)

    run = rollout(one_shot(scripted(sometimes)), tasks(5), verifier=exact)
    (failed,) = run.rollouts("failed")
    place = f"{__file__}:{sometimes.__code__.co_firstlineno + 2}"
    assert (failed.task.id, failed.error) == ("t2", f"ZeroDivisionError: by zero ({place})")
    assert len(run.rollouts("done")) == 4


def test_a_teacher_without_reference_fails_its_task_only(speaker: Any, tasks: Any) -> None:
    graph = StateGraph(LoopState)
    model = speaker({"solver": "answer: 9", "teacher": "hm"}).model()
    graph.add_node("solver", Solver(model))
    graph.add_node("teacher", Teacher(model))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "teacher")
    run = rollout(graph, [*tasks(1), Task(id="bare", problem="?", solution=None)], verifier=exact)
    assert [(each.task.id, each.status) for each in run.rollouts()] == [("t0", "done"), ("bare", "failed")]


def test_an_endless_loop_fails_its_task(speaker: Any, tasks: Any) -> None:
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(speaker({"solver": "answer: 9"}).model()))
    graph.add_edge(START, "solver")
    graph.add_conditional_edges("solver", lambda s: "solver", ["solver", END])
    run = rollout(graph.compile().with_config(recursion_limit=20), tasks(1), verifier=exact)
    assert "GraphRecursionError" in str(run.rollouts()[0].error)


def test_a_dead_engine_ends_the_batch_and_costs_only_what_is_in_flight(tasks: Any, tmp_path: Path) -> None:
    dead = False

    def answer(messages: Any, sample: int) -> str:
        if dead and "What is 3+1" in messages[-1]["content"]:
            raise EngineError("the engine died")
        return right(messages, sample)

    dead = True
    graph = one_shot(scripted(answer))
    with pytest.raises(EngineError, match="the engine died"):
        rollout(graph, tasks(6), verifier=exact, store=tmp_path / "r", concurrency=1)
    with Run.open(tmp_path / "r") as before:
        assert [each.task.id for each in before.rollouts()] == ["t0", "t1", "t2"]
        assert [each.error for each in before.rollouts("abandoned")] == ["the engine died"]
    dead = False
    run = rollout(graph, tasks(6), verifier=exact, store=tmp_path / "r", concurrency=2)
    assert run.summary()["scores"]["exact"]["passed"] == 6
    assert {each.repeat for each in run.rollouts()} == {0}


def test_the_same_call_again_runs_nothing_twice(tasks: Any, tmp_path: Path) -> None:
    calls = 0

    def answer(messages: Any, sample: int) -> str:
        nonlocal calls
        calls += 1
        return right(messages, sample)

    graph = one_shot(scripted(answer))
    first = rollout(graph, tasks(4), verifier=exact, store=tmp_path / "r", repeats=2)
    again = rollout(graph, tasks(4), verifier=exact, store=tmp_path / "r", repeats=2)
    assert calls == 8
    assert again.id == first.id
    assert len(again.rollouts()) == 8


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"repeats": 2}, "repeats"),
        ({"verifier": numeric}, "verifier"),
        ({"count": 3}, "tasks.count"),
        ({"samples": 3}, "graph.nodes.solver.samples"),
        ({"temperature": 0.5}, "graph.nodes.solver.sampling.temperature"),
    ],
)
def test_another_call_on_the_same_directory_names_the_setting_that_differs(
    tasks: Any, tmp_path: Path, change: dict[str, Any], setting: str
) -> None:
    def call(
        *, count: int = 2, samples: int = 2, verifier: Any = exact, repeats: int = 1, temperature: float = 1
    ) -> None:
        graph = majority_vote(scripted(right).with_sampling(temperature=temperature), samples)
        rollout(graph, tasks(count), verifier=verifier, repeats=repeats, store=tmp_path / "r").close()

    call()
    with pytest.raises(UserError, match=f"setting '{setting}"):
        call(**change)


def test_no_more_rollouts_run_at_once_than_allowed(tasks: Any) -> None:
    running, most = 0, 0

    class Own(TypedDict, total=False):
        problem: str
        solution: str

    async def slow(state: Own) -> Own:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return {"solution": solve(state["problem"])}

    graph = StateGraph(Own)
    graph.add_node("slow", slow)
    graph.add_edge(START, "slow")
    rollout(graph, tasks(20), verifier=exact, concurrency=4)
    assert most == 4


def test_rollouts_overlap(tasks: Any) -> None:
    class Own(TypedDict, total=False):
        problem: str
        solution: str

    meeting = asyncio.Barrier(20)

    async def meet(state: Own) -> Own:
        await meeting.wait()
        return {"solution": solve(state["problem"])}

    graph = StateGraph(Own)
    graph.add_node("meet", meet)
    graph.add_edge(START, "meet")
    assert len(rollout(graph, tasks(40), verifier=exact, concurrency=20).rollouts("done")) == 40


def test_a_cancelled_batch_abandons_what_is_in_flight_and_closes_the_store(
    tasks: Any, tmp_path: Path
) -> None:
    calls = 0

    def answer(messages: Any, sample: int) -> str:
        nonlocal calls
        calls += 1
        return right(messages, sample)

    async def cancelled() -> None:
        model = scripted(answer, latency=0.05)
        work = asyncio.create_task(
            arollout(one_shot(model), tasks(50), verifier=exact, store=tmp_path / "r", concurrency=2)
        )
        while calls < 6 and not work.done():
            await asyncio.sleep(0.001)
        work.cancel()
        await work

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    with Run.open(tmp_path / "r") as run:
        assert 0 < len(run.rollouts("done")) < 50
        assert not run.rollouts("running")
        assert {each.error for each in run.rollouts("abandoned")} == {"interrupted"}
    done = rollout(one_shot(scripted(right)), tasks(50), verifier=exact, store=tmp_path / "r")
    assert done.summary()["scores"]["exact"]["passed"] == 50


def test_two_calls_cannot_write_one_run(tasks: Any, tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def waits(messages: Any, sample: int) -> str:
        entered.set()
        leave.wait(20)
        return right(messages, sample)

    graph = one_shot(scripted(waits))
    first = threading.Thread(
        target=lambda: rollout(graph, tasks(1), verifier=exact, store=tmp_path / "r").close()
    )
    first.start()
    try:
        assert entered.wait(20)
        with pytest.raises(StoreError):
            rollout(graph, tasks(1), verifier=exact, store=tmp_path / "r")
    finally:
        leave.set()
        first.join()


def test_a_checkpointer_of_the_users_is_given_a_thread_of_its_own_per_rollout(
    speaker: Any, tasks: Any
) -> None:
    graph = one_shot(speaker({"solver": "answer: 1"}).model()).compile(checkpointer=InMemorySaver())
    assert len(rollout(graph, tasks(3), verifier=exact).rollouts("done")) == 3


def test_a_graph_that_waits_for_a_person_fails(tasks: Any) -> None:
    class Own(TypedDict, total=False):
        problem: str
        solution: str

    async def wait(state: Own) -> Own:
        return {"solution": str(interrupt("?"))}

    graph = StateGraph(Own)
    graph.add_node("wait", wait)
    graph.add_edge(START, "wait")
    run = rollout(graph.compile(checkpointer=InMemorySaver()), tasks(1), verifier=exact)
    assert "interrupt" in str(run.rollouts("failed")[0].error)


def no_entry(model: Any) -> Any:
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model))
    return graph


def no_problem(model: Any) -> Any:
    class Own(TypedDict):
        question: str

    graph = StateGraph(Own)
    graph.add_node("solver", Solver(model))
    graph.add_edge(START, "solver")
    return graph


def no_solution(model: Any) -> Any:
    class Own(TypedDict):
        problem: str
        notes: Annotated[list[str], lambda a, b: a + b]

    graph = StateGraph(Own)
    graph.add_node("solver", Solver(model))
    graph.add_edge(START, "solver")
    return graph


def nowhere(model: Any) -> Any:
    graph = no_entry(model)
    graph.add_edge(START, "solver")
    graph.add_conditional_edges("solver", lambda s: END, ["judge"])
    return graph


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (no_entry, r"no entry point; add graph.add_edge\(START, 'solver'\)"),
        (no_problem, r"neither a field 'problem' nor a field 'messages'.*it has: question"),
        (no_solution, r"neither a field 'solution' nor a field 'messages'"),
        (nowhere, r"cannot be compiled: .*judge"),
        (lambda model: StateGraph(LoopState), "has no nodes"),
        (lambda model: model, "not ChatModel"),
    ],
)
def test_a_graph_that_cannot_run_is_told_in_a_sentence(tasks: Any, graph: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rollout(graph(scripted(right)), tasks(1), verifier=exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": []}, "no tasks"),
        ({"tasks": [Task(id="a", problem="p"), Task(id="a", problem="q")]}, "two tasks have the id 'a'"),
        ({"tasks": ["What is 1+1?"]}, "not str"),
        ({"verifier": "exact"}, "str has not"),
        ({"repeats": 0}, "repeats=0"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"tasks": [Task(id="a", problem="p")]}, "'a' has no reference"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_runs(
    tasks: Any, arguments: dict[str, Any], message: str
) -> None:
    called = {"graph": one_shot(scripted([])), "tasks": tasks(1), "verifier": exact, **arguments}
    with pytest.raises(UserError, match=message):
        rollout(**called)


def test_an_unknown_keyword_is_an_error(tasks: Any) -> None:
    with pytest.raises(TypeError, match="temperature"):
        rollout(one_shot(scripted([])), tasks(1), verifier=exact, temperature=1)  # type: ignore[call-arg]


async def test_inside_an_event_loop_it_says_what_to_write_instead(tasks: Any) -> None:
    with pytest.raises(UserError, match="await arollout"):
        rollout(one_shot(scripted([])), tasks(1), verifier=exact)
    run = await arollout(one_shot(scripted(right)), tasks(1), verifier=exact)
    assert len(run.rollouts("done")) == 1


def test_nothing_that_a_model_says_can_break_a_rollout(tasks: Any) -> None:
    nasty = [
        "",
        "\ud800",
        "\x00",
        "{review}",
        "verdict: verdict:",
        "answer: " + "9" * 5000,
        "[/bold] \x1b[2J",
    ]
    model = scripted(lambda messages, sample: nasty[(len(messages[-1]["content"]) + sample) % len(nasty)])

    for graph in (
        self_refine(model, 2),
        majority_vote(model, 7),
        best_of_k(model, 7, model_scorer(Judge(model))),
        magicore(
            model, 7, scorer=model_scorer(Reviewer(model)), scale=Scale(1, 1), refine_all=True, rounds=2
        ),
    ):
        run = rollout(graph, tasks(3), verifier=numeric)
        assert [each.error for each in run.rollouts()] == [None] * 3
