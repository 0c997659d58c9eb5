"""Are the recorded tokens those that were sampled? A branching loop on vLLM, scored anew with transformers.

Every rollout asks a solver for 2 to 4 solutions; each is reviewed, refined and reviewed again; besides, a conversation
goes on from the model's own words, forking once, at a temperature of 2 in every second rollout, where answers are
strange and cut into tokens as no tokenizer would. A child process then computes the log-probability of every
recorded token in one forward pass. Both sides compute in float32, so that only the order of additions differs;
what the stored bfloat16 gives is measured beside it.

A training token is lost where a conversation's next prompt does not repeat the ids that its parent read and said
("drift"), where the offline groups for GRPO only read its turn ("masks"), or do not hold it at all ("branches").
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from operator import add
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from tutelage.agents import (
    CandidateState,
    ChatModel,
    Prompt,
    Refiner,
    Reviewer,
    Solver,
    connect,
    embedded_directory,
)
from tutelage.agents.roles.role import turn_id
from tutelage.graphs import rollout
from tutelage.tools import family_answer, make_tasks
from tutelage.traces import Run, Turn
from tutelage.types import Sampling, Task

__all__ = ["branching", "configure", "lost", "render", "rescored", "run"]

ROLLOUTS = 1000
QUICK = 24
BFLOAT16 = 100
"""Rollouts in bfloat16."""
REVIEW = Sampling(max_tokens=256)
SHORT = Sampling(max_tokens=128)
AGAIN = "Check every line and solve it again."


class Looped(TypedDict, total=False):
    """The state: the problem, and what the branches leave behind."""

    problem: str
    candidates: Annotated[list[CandidateState], add]
    """Every solution, with its turn."""
    talks: Annotated[list[int], add]
    """How many messages each conversation has come to."""
    solution: str


class Branch(TypedDict):
    """What a branch starts with."""

    problem: str
    draft: CandidateState


def configure(parser: argparse.ArgumentParser) -> None:
    """Add where the runs go."""
    parser.add_argument("--out", type=Path, help="keep the recorded runs here; without, they are thrown away")
    parser.add_argument("--rollouts", type=int, help=f"how many; {ROLLOUTS} without")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Record, score anew and count; see the module."""
    count = args.rollouts or (QUICK if args.quick else ROLLOUTS)
    with TemporaryDirectory() as folder:
        out = args.out or Path(folder)
        exact = measured(out / "float32", count, "float32")
        if args.quick:
            return exact
        rounded = measured(out / "bfloat16", min(count, BFLOAT16), "bfloat16")
        against = scored_in_child(out / "bfloat16", "float32")
    return exact | {
        "bfloat16": {name: rounded[name] for name in ("rollouts", "max_logprob_error", "mean_logprob_error")}
        | {"mean_logprob_error_against_float32": against["mean_logprob_error"]}
    }


def measured(store: Path, count: int, dtype: str) -> dict[str, Any]:
    """Record rollouts in one type of numbers, and score them in the same."""
    with connect("embedded+vllm", dtype=dtype, sampling=SHORT, max_num_seqs=512) as model:
        recorded = rollout(
            branching(model),
            tasks(count),
            verifier=family_answer,
            store=store,
            concurrency=256,
            progress=sys.stderr.isatty(),
        )
    with recorded:
        found = {"rollouts": len(recorded.rollouts("done")), "turns": len(recorded.turns())}
        losses = lost(recorded)
    scored = scored_in_child(store, dtype)
    share = sum(losses.values()) / max(1, scored["tokens"])
    return found | scored | {"drift_share": share, "lost": losses}


def tasks(count: int) -> list[Task]:
    """Tasks of arithmetic that the embedded model is right about half of the time."""
    return make_tasks("arithmetic", 4, count, seed=3)


def branching(model: ChatModel) -> StateGraph[Looped, None, Looped, Looped]:
    """A loop that forks: solutions, each reviewed and refined by itself, beside a conversation that forks, too."""
    graph = StateGraph(Looped)
    graph.add_node("solve", partial(solve, Solver(model)))
    graph.add_node("mend", partial(mend, Reviewer(model, sampling=REVIEW), Refiner(model)))
    graph.add_node("talk", partial(talk, model))
    graph.add_edge(START, "solve")
    graph.add_conditional_edges("solve", branches, ["mend", "talk"])
    graph.add_edge(["mend", "talk"], END)
    return graph


async def solve(solver: Solver, state: Looped) -> Looped:
    """Two to four solutions."""
    found = await solver.solve(state["problem"], 2 + number_of(state["problem"]) % 3)
    return {"candidates": [each.candidate() for each in found], "solution": found[0].text}


def branches(state: Looped) -> list[Send]:
    """A branch a solution, and the conversation."""
    starts = [Branch(problem=state["problem"], draft=draft) for draft in state["candidates"]]
    return [*(Send("mend", start) for start in starts), Send("talk", starts[0])]


async def mend(reviewer: Reviewer, refiner: Refiner, state: Branch) -> Looped:
    """Review, refine, review again."""
    problem, draft = state["problem"], state["draft"]
    review = await reviewer.review(problem, draft["text"], parents=turns(draft["turn_id"]))
    if review.verdict == "right":
        return {}
    better = await refiner.refine(
        problem, draft["text"], review.text, parents=turns(draft["turn_id"], review.turn_id)
    )
    await reviewer.review(problem, better.text, parents=turns(better.turn_id))
    return {"candidates": [better.candidate(parents=[draft["id"]], round=1)]}


async def talk(model: ChatModel, state: Branch) -> Looped:
    """A conversation that quotes the model's own words and forks at its second answer."""
    problem = state["problem"]
    hostile = number_of(problem) % 2 == 1
    sampling = Sampling(temperature=2.0, max_tokens=48) if hostile else SHORT
    opening: list[AnyMessage] = [HumanMessage(Prompt.load("solver").render(problem=problem))]
    (first,) = await model.sample(opening, role="talker", sampling=sampling)
    asked = [*opening, first, HumanMessage(AGAIN)]
    forks = await model.sample(asked, n=2, role="talker", parents=turns(turn_id(first)), sampling=sampling)
    lengths = []
    for fork in forks:
        told = [*asked, fork, HumanMessage(AGAIN)]
        last = await model.sample(told, role="talker", parents=turns(turn_id(fork)), sampling=sampling)
        lengths.append(len(told) + len(last))
    return {"talks": lengths}


def turns(*ids: str | None) -> tuple[str, ...]:
    """Recorded turns, as the parents of the next."""
    return tuple(each for each in ids if each is not None)


def number_of(problem: str) -> int:
    """A number that a problem always has."""
    return sum(problem.encode())


def lost(run: Run) -> dict[str, int]:
    """Training tokens of a run that are lost, by why; see the module."""
    by_id = {turn.id: turn for turn in run.turns()}
    drifted = {
        parent.id for turn in by_id.values() for parent in quoted(turn, by_id) if not goes_on(turn, parent)
    }
    export = run.export("grpo", form="groups", deduplicate=False)
    trained = sum(sum(row["completion_mask"]) for row in export)
    sampled = sum(len(turn.completion_token_ids or ()) for turn in by_id.values())
    masked = export.tokens.masked if export.tokens else 0
    return {
        "drift": sum(len(by_id[each].completion_token_ids or ()) for each in drifted),
        "masks": masked,
        "branches": sampled - trained - masked,
    }


def quoted(turn: Turn, by_id: Mapping[str, Turn]) -> Iterator[Turn]:
    """The parents of a turn whose conversation it goes on with."""
    for parent in (by_id[each] for each in turn.parents):
        said = {"role": "assistant", "content": parent.completion}
        if (*parent.messages, said) == turn.messages[: len(parent.messages) + 1]:
            yield parent


def goes_on(turn: Turn, parent: Turn) -> bool:
    """Whether a prompt begins with everything that its parent read and said, id by id."""
    before = (*(parent.prompt_token_ids or ()), *(parent.completion_token_ids or ()))
    return (
        bool(before) and turn.prompt_token_ids is not None and turn.prompt_token_ids[: len(before)] == before
    )


def scored_in_child(store: Path, dtype: str) -> dict[str, Any]:
    """`rescored` in a process of its own, so that none imports both vLLM and what trains."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(rescored, store, embedded_directory(), dtype).result()


def rescored(store: Path, directory: Path, dtype: str) -> dict[str, Any]:
    """Score every recorded token anew and compare.

    Args:
        store: The run.
        directory: The weights that spoke.
        dtype: What to compute in.

    Returns:
        `tokens`, and the greatest and the mean difference of a log-probability, in nats.
    """
    from tutelage.agents.token_scorer import TokenScorer

    with Run.open(store) as run:
        turns = [turn for turn in run.turns() if turn.logprobs]
    pairs = [(turn.prompt_token_ids or (), turn.completion_token_ids or ()) for turn in turns]
    scores = TokenScorer(directory, dtype=dtype).logprobs_of(pairs)
    errors = [
        abs(one - other)
        for turn, score in zip(turns, scores, strict=True)
        for one, other in zip(turn.logprobs or (), score, strict=True)
    ]
    return {"tokens": len(errors), "max_logprob_error": max(errors), "mean_logprob_error": fmean(errors)}


def render(result: Mapping[str, Any]) -> str:
    """The benchmark's part of the results."""
    rounded = result["bfloat16"]
    why = ", ".join(f"{name} {count:,}" for name, count in result["lost"].items())
    rows = [
        "## The recorded tokens",
        "",
        f"{result['rollouts']:,} rollouts of a branching loop on vLLM, {result['turns']:,} turns, "
        f"{result['tokens']:,} sampled tokens, every one scored anew with transformers. Differences of "
        "log-probabilities, in nats:",
        "",
        "| both in | rollouts | mean | greatest |",
        "|---|---:|---:|---:|",
    ]
    for dtype, found in (("float32", result), ("bfloat16", rounded)):
        mean, greatest = found["mean_logprob_error"], found["max_logprob_error"]
        rows.append(f"| {dtype} | {found['rollouts']:,} | {mean:.1e} | {greatest:.1e} |")
    share = 100 * result["drift_share"]
    return "\n".join(
        [*rows, "", f"Training tokens lost in the offline groups for GRPO: {share:.4g} % ({why})."]
    )
