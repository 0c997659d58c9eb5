"""A batch in a process of its own, to be attached to and killed; it logs every call of the engine."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tutelage.agents import ChatModel, connect, scripted
from tutelage.graphs import rollout, self_refine
from tutelage.tools import exact, family_answer, make_tasks
from tutelage.types import Task


def main(directory: Path, model: str = "scripted", count: int = 60, latency: float = 0.05) -> None:
    if model == "scripted":
        tasks = [Task(id=f"t{at}", problem=f"problem {at} .", reference="4") for at in range(count)]
        run = rollout(
            self_refine(_scripted(directory, latency), rounds=1),
            tasks,
            verifier=exact,
            store=directory / "run",
            concurrency=4,
        )
    else:
        with connect(model) as speaking:
            run = rollout(
                self_refine(speaking, rounds=1),
                make_tasks("arithmetic", 3, count, 0),
                verifier=family_answer,
                store=directory / "run",
                concurrency=4,
            )
    print(len(run.rollouts("done")))


def _scripted(directory: Path, latency: float) -> ChatModel:
    log = directory / "calls.log"

    def answer(messages: Sequence[Any], sample: int) -> str:
        prompt = messages[-1]["content"]
        role = "reviewer" if "Check every step" in prompt else "solver"
        with log.open("a") as file:
            print(role, prompt.split("problem ")[1].split()[0], file=file)
        return "verdict: right" if role == "reviewer" else "2+2=4\nanswer: 4"

    return scripted(answer, latency=latency)


if __name__ == "__main__":
    given = dict(zip(("model", "count", "latency"), sys.argv[2:], strict=False))
    main(
        Path(sys.argv[1]),
        given.get("model", "scripted"),
        int(given.get("count", "60")),
        float(given.get("latency", "0.05")),
    )
