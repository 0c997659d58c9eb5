"""Replaying a recorded run into a new store, against plain LangGraph with a model that answers at once.

The run: a loop over 1,000 arithmetic tasks. A solver drafts four times at once, a reviewer reads the chosen draft, a
refiner rewrites it while the review says "wrong", three times at most. The answers are made up beforehand, each with
token ids and log-probabilities. It is measured twice:

- `plain`: the nodes are functions that call `model.ainvoke`, as in anybody's LangGraph app. The baseline has nothing of
  ours in it: that graph, `graph.ainvoke`, and a minimal LangChain chat model that looks its answer up in a dictionary.
- `roles`: the nodes are our roles, which ask for four samples in one request and spare LangChain's bookkeeping. The
  baseline is the same graph through `graph.ainvoke`, over an engine that looks its answer up; nothing is recorded.

The other side of both is `replay(graph, RUN, store=NEW)`: calls read from RUN and matched, turns, candidates and scores
written to a new store on disk, ends judged by the verifier (the baseline does not), outcomes compared with RUN's.

The sides are timed in turns, in one process, with as many rollouts at once, after one round that is not counted. The
ratio is that of the medians. Equal: the same rollouts with the same ends, turns (token ids and log-probabilities bit by
bit), candidates and scores, apart from ids and times.
"""

import argparse
import asyncio
import gc
import random
import statistics
import sys
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel

from tutelage.agents import Answer, ChatModel, Completion, Piece, Refiner, Request, Reviewer, Solver
from tutelage.graphs import LoopState, initial_state, replay, rollout
from tutelage.graphs.compiled import input_keys
from tutelage.tools import family_answer, make_tasks
from tutelage.traces import Rollout, Run
from tutelage.types import Task

Graph = CompiledStateGraph[Any, Any, Any, Any]

TARGET = 1.5
TASKS, QUICK_TASKS = 1000, 40
SAMPLES, ROUNDS = 4, 3
CONCURRENCY = 64
"""Rollouts at once, on both sides; `rollout`'s own default."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how often both sides are timed."""
    parser.add_argument("--repetitions", type=int, default=5, help="of each side [default: 5]")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Record, then time both sides in turns, for both kinds of nodes."""
    tasks = make_tasks("arithmetic", 3, QUICK_TASKS if args.quick else TASKS, seed=0)
    repetitions = 1 if args.quick else args.repetitions
    with TemporaryDirectory() as folder:
        plain = measured(plain_loop, Instant, tasks, Path(folder) / "plain", repetitions)
        roles = measured(role_loop, talking, tasks, Path(folder) / "roles", repetitions)
    return {
        "tasks": len(tasks),
        "ratio_to_langgraph": plain["ratio"],
        "target": TARGET,
        "met": plain["ratio"] <= TARGET,
        "equal": plain["equal"] and roles["equal"],
        "concurrency": CONCURRENCY,
        "plain": plain,
        "roles": roles,
    }


def measured(
    loop: Callable[[Any], Graph],
    baseline: Callable[["Answers"], Any],
    tasks: Sequence[Task],
    folder: Path,
    repetitions: int,
) -> dict[str, Any]:
    """Time a loop with the model of the baseline, and replayed.

    Returns:
        `calls` and `turns` of the run, `ratio`, `equal`, and the `seconds` of either side.
    """
    answers: Answers = {}
    recorded = folder / "recorded"
    size = record(loop(talking(answers)), tasks, recorded)
    stores = [folder / f"again-{number}" for number in range(repetitions + 1)]
    times: dict[str, list[float]] = {"langgraph": [], "replay": []}
    for number, store in enumerate(stores):
        graph = loop(baseline(answers))
        seconds = {
            "langgraph": timed(partial(plainly, graph, tasks)),
            "replay": timed(partial(replayed, loop, recorded, store)),
        }
        print(f"replay: {folder.name} {number}: {seconds}", file=sys.stderr)
        for name, each in seconds.items():
            times[name] += [each] if number else []
    expected = contents(recorded)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    return {
        **size,
        "ratio": round(medians["replay"] / medians["langgraph"], 3),
        "equal": all(contents(store) == expected for store in stores),
        "seconds": {name: [round(each, 3) for each in seconds] for name, seconds in times.items()},
    }


class Desk(TypedDict, total=False):
    """The state of the plain loop."""

    problem: str
    solution: str
    review: str
    round: int


def plain_loop(model: BaseChatModel) -> Graph:
    """Functions over any chat model of LangChain's."""

    async def draft(state: Desk) -> Desk:
        prompt = f'Problem: {state["problem"]}\n\nSolve it step by step. End with a line "answer: X".'
        drafts = await asyncio.gather(*(model.ainvoke(prompt) for _ in range(SAMPLES)))
        return {"solution": min((str(each.content) for each in drafts), key=len), "round": 0}

    async def review(state: Desk) -> Desk:
        prompt = f'{state["problem"]}\n\n{state["solution"]}\n\nCheck it. End with a line "verdict: X".'
        return {"review": str((await model.ainvoke(prompt)).content)}

    async def refine(state: Desk) -> Desk:
        prompt = f"{state['problem']}\n\n{state['solution']}\n\nA critic said:\n{state['review']}\n\nWrite it again."
        return {"solution": str((await model.ainvoke(prompt)).content), "round": state["round"] + 1}

    def wrong(state: Desk) -> str:
        return "refine" if "wrong" in state["review"] and state["round"] < ROUNDS else END

    graph = StateGraph(Desk)
    graph.add_node("draft", draft)
    graph.add_node("review", review)
    graph.add_node("refine", refine)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "review")
    graph.add_conditional_edges("review", wrong, ["refine", END])
    graph.add_edge("refine", "review")
    return graph.compile()


def role_loop(model: ChatModel) -> Graph:
    """The same of our roles."""

    async def wrong(state: LoopState) -> str:
        return "refiner" if state["verdict"] == "wrong" and state["round"] < ROUNDS else END

    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, samples=SAMPLES))
    graph.add_node("reviewer", Reviewer(model))
    graph.add_node("refiner", Refiner(model))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    graph.add_conditional_edges("reviewer", wrong, ["refiner", END])
    graph.add_edge("refiner", "reviewer")
    return graph.compile()


Answers = dict[tuple[str, int, int], Answer]
"""By prompt, number of samples, and how often the same was asked before."""


class Talker:
    """An engine that makes up each answer once, and then has it at hand."""

    name = policy = "talker"
    context_length = None

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._asked: Counter[tuple[str, int]] = Counter()

    async def generate(self, request: Request) -> Answer:
        return self.answer(request.messages[-1]["content"], request.n)

    def answer(self, prompt: str, n: int) -> Answer:
        before = self._asked[prompt, n]
        self._asked[prompt, n] += 1
        answer = self._answers.get((prompt, n, before))
        if answer is None:
            answer = self._answers[prompt, n, before] = made_up(prompt, n, before)
        return answer

    def stream(self, request: Request) -> AsyncIterator[Piece]:
        raise NotImplementedError

    def reload(self, directory: Path) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def talking(answers: Answers) -> ChatModel:
    """Our chat model over a `Talker`."""
    return ChatModel(engine=Talker(answers))


class Instant(BaseChatModel):
    """As little of a LangChain chat model as there can be."""

    talker: Any

    def __init__(self, answers: Answers) -> None:
        super().__init__(talker=Talker(answers))

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        (said,) = self.talker.answer(messages[-1].content, 1).completions
        return ChatResult(generations=[ChatGeneration(message=AIMessage(said.text))])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return self._generate(messages)


def made_up(prompt: str, n: int, before: int) -> Answer:
    """`n` answers with one token id and log-probability a word."""
    ids = tuple(zlib.crc32(word.encode()) >> 1 for word in prompt.split())
    return Answer(tuple(completion(prompt, before + sample) for sample in range(n)), ids, Talker.policy)


def completion(prompt: str, sample: int) -> Completion:
    """A solution that is one of five, or a review that finds it wrong two times in three."""
    dice = random.Random(f"{prompt}{sample}")
    lines = [f"{(a := dice.randrange(900))}+{(b := dice.randrange(900))}={a + b} so far" for _ in range(12)]
    if "verdict:" in prompt:
        end = "verdict: right" if dice.random() < 1 / 3 else f"verdict: wrong at step {dice.randrange(1, 12)}"
    else:
        end = f"answer: {dice.randrange(5)}"
    text = "\n".join([*lines, end])
    ids = tuple(zlib.crc32(word.encode()) >> 1 for word in text.split())
    return Completion(text, "stop", ids, tuple(-dice.random() for _ in ids))


def record(graph: Graph, tasks: Sequence[Task], store: Path) -> dict[str, int]:
    """Record the run to be replayed; its size."""
    with rollout(
        graph, tasks, verifier=family_answer, store=store, concurrency=CONCURRENCY, progress=False
    ) as run:
        turns = run.turns()
        return {"calls": len({(turn.rollout_id, turn.call) for turn in turns}), "turns": len(turns)}


def plainly(graph: Graph, tasks: Sequence[Task]) -> None:
    """Every task through `graph.ainvoke`, `CONCURRENCY` at once."""
    waiting = iter(tasks)
    keys = input_keys(graph)

    async def work() -> None:
        for task in waiting:
            await graph.ainvoke(initial_state(keys, task))

    async def all_at_once() -> None:
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))

    asyncio.run(all_at_once())


def replayed(loop: Callable[[Any], Graph], recorded: Path, store: Path) -> None:
    """Replay the run into a new store."""
    replay(loop, recorded, store=store, concurrency=CONCURRENCY).run.close()


def timed(work: Callable[[], None]) -> float:
    """Seconds of one call; what was there before it is no work for the garbage collector, on either side."""
    gc.collect()
    gc.freeze()
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    gc.unfreeze()
    return seconds


def contents(store: Path) -> list[Any]:
    """Everything on record but ids and times, in the order of tasks; ids are replaced by what they name."""
    with Run.open(store) as run:
        return [rollout_contents(run, each) for each in sorted(run.rollouts(), key=lambda each: each.task.id)]


def rollout_contents(run: Run, rollout: Rollout) -> list[Any]:
    """A rollout, its turns, candidates and scores; a turn is named by its call and sample, others by their place."""
    turns, candidates = run.turns(rollout.id), run.candidates(rollout.id)
    names: dict[str | None, Any] = {None: None, rollout.id: "rollout"}
    names |= {each.id: (each.call, each.sample) for each in turns}
    names |= {each.id: number for number, each in enumerate(candidates)}

    def plain(record: BaseModel, *times: str) -> dict[str, Any]:
        fields = record.model_dump(exclude={"id", "rollout_id", "run_id", *times})
        for key in ("turn_id", "subject_id"):
            if key in fields:
                fields[key] = names[fields[key]]
        if "parents" in fields:
            fields["parents"] = [names[parent] for parent in fields["parents"]]
        return fields

    return [
        plain(rollout, "started", "ended"),
        [plain(each, "started", "seconds") for each in turns],
        [plain(each) for each in candidates],
        [plain(each, "given") for each in run.scores(rollout.id)],
    ]


def render(result: Mapping[str, Any]) -> str:
    """The benchmark's part of the results."""
    rows = [
        "## Replay",
        "",
        f"A loop over {result['tasks']:,} tasks, {result['concurrency']} rollouts at once: plain LangGraph with a model "
        "that answers at once and no recording, against the replay of the recorded run into a new store, judged and "
        f"compared (medians; target for functions as nodes: {result['target']} times). The records are "
        f"{'equal' if result['equal'] else 'not equal'} apart from ids and times.",
        "",
        "| nodes | calls | LangGraph, s | replay, s | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, nodes in (("plain", "functions, `model.ainvoke`"), ("roles", "our roles, no bookkeeping")):
        each = result[name]
        plain, again = (statistics.median(each["seconds"][side]) for side in ("langgraph", "replay"))
        rows.append(f"| {nodes} | {each['calls']:,} | {plain:.2f} | {again:.2f} | {each['ratio']:.2f} |")
    return "\n".join(rows)
