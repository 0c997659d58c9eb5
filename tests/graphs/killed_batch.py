"""A batch in a process of its own, to be interrupted or killed; it logs every call of the engine."""

import sys
from pathlib import Path

from tutelage.agents import scripted
from tutelage.graphs import one_shot, rollout
from tutelage.tools import exact
from tutelage.types import Task


def main(directory: Path, latency: float) -> None:
    log = directory / "calls.log"

    def answer(messages: object, sample: int) -> str:
        problem = messages[-1]["content"].split("Problem: ")[1].split("\n")[0]  # type: ignore[index]
        with log.open("a") as file:
            print(problem, file=file)
        return "answer: 1"

    tasks = [Task(id=f"t{at}", problem=f"p{at}", reference="1") for at in range(60)]
    graph = one_shot(scripted(answer, latency=latency))
    run = rollout(graph, tasks, verifier=exact, store=directory / "run", concurrency=4)
    print(len(run.rollouts("done")))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
