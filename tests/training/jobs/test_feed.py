import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tutelage.training.jobs.feed import Asker, Feed, Made, Question, serve


def worker(steps: Sequence[int], heard: list[str]) -> tuple[Asker, threading.Thread]:
    """Somebody who asks for some steps, and hears the rows; then ends."""
    questions, asks = os.pipe()
    hears, answers = os.pipe()

    def work() -> None:
        feed = Feed(asks, hears)
        for step in steps:
            made = feed.ask(Question(step, Path(f"policy-{step}")))
            heard.append(f"{made.rows} {made.figures['step']}")
        feed.close()

    thread = threading.Thread(target=work)
    thread.start()
    return Asker(questions, answers), thread


def test_all_who_wait_are_heard_before_any_is_answered() -> None:
    """The one behind is answered alone, until it has caught up."""
    heard: dict[str, list[str]] = {"ahead": [], "behind": []}
    asked: list[dict[str, int]] = []
    ended: list[str] = []
    workers = {"ahead": worker([2, 3], heard["ahead"]), "behind": worker([1, 2, 3], heard["behind"])}

    def answers(questions: Mapping[str, Question]) -> dict[str, Made]:
        asked.append({name: question.step for name, question in questions.items()})
        step = min(question.step for question in questions.values())
        due = [name for name, question in questions.items() if question.step == step]
        return {name: Made(Path(name), {"step": step}) for name in due}

    serve({name: asker for name, (asker, _) in workers.items()}, answers, ended.append)
    for asker, thread in workers.values():
        thread.join()
        asker.__exit__()
    assert asked == [{"ahead": 2, "behind": 1}, {"ahead": 2, "behind": 2}, {"ahead": 3, "behind": 3}]
    assert heard == {"ahead": ["ahead 2", "ahead 3"], "behind": ["behind 1", "behind 2", "behind 3"]}
    assert sorted(ended) == ["ahead", "behind"]


def test_one_who_fails_ends_the_answering() -> None:
    asker, thread = worker([], [])

    def ended(name: str) -> None:
        raise RuntimeError(f"{name} failed")

    with asker, pytest.raises(RuntimeError, match="alone failed"):
        serve({"alone": asker}, lambda asked: {}, ended)
    thread.join()
