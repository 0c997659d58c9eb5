from collections.abc import Mapping, Sequence
from math import hypot

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import one_shot, rollout, self_refine
from tutelage.tools import numeric
from tutelage.training import CriticReport, examine_critic, wilson
from tutelage.types import Task

SAID = {0: "verdict: right", 1: "verdict: wrong at step 1", 2: "hm", 3: "answer: 40\nverdict: wrong"}


def case(at: int, attempt: int) -> Task:
    return Task(
        id=f"t{at}-{attempt}",
        problem=f"Case {at}: what is 38+2?",
        reference="40",
        family="even" if at % 2 == 0 else "odd",
        metadata={"attempt": f"so\nanswer: {attempt}"},
    )


CASES = [case(at, attempt) for at in range(4) for attempt in (40, 41)]
"""Right and wrong; the critic's word depends on the case only."""


def actor() -> ChatModel:
    """Mends what is called wrong, and keeps all else as it is."""

    def refine(messages: Sequence[Mapping[str, str]], sample: int) -> str:
        prompt = messages[-1]["content"]
        return "answer: 40" if "answer: 40" in prompt or "verdict: wrong" in prompt else "answer: 41"

    return scripted(refine)


def critic() -> ChatModel:
    def review(messages: Sequence[Mapping[str, str]], sample: int) -> str:
        return SAID[int(messages[-1]["content"].split("Case ")[1][0])]

    return scripted(review)


@pytest.fixture(scope="module")
def report() -> CriticReport:
    return examine_critic(actor(), critic(), CASES, verifier=numeric, answers=numeric, progress=False)


def test_every_figure_counts_its_own_cases(report: CriticReport) -> None:
    told = {
        "verdicts": (report.verdicts.value, report.verdicts.n),
        "right_told": (report.right_told.value, report.right_told.n),
        "wrong_told": (report.wrong_told.value, report.wrong_told.n),
        "repaired": (report.repaired.value, report.repaired.n),
        "kept": (report.kept.value, report.kept.n),
        "refined": (report.refined.value, report.refined.n),
        "leaks": (report.leaks.value, report.leaks.n),
    }
    assert told == {
        "verdicts": (3 / 8, 8),
        "right_told": (1 / 4, 4),
        "wrong_told": (2 / 4, 4),
        "repaired": (2 / 4, 4),
        "kept": (1.0, 4),
        "refined": (6 / 8, 8),
        "leaks": (1 / 4, 4),
    }
    assert report.leaks.interval == wilson(1, 4)


def test_balanced_is_the_mean_of_both_sides_whatever_their_numbers(report: CriticReport) -> None:
    few = CriticReport(cases=tuple(each for each in report.cases if not each.right or each.said))
    assert report.balanced.value == 3 / 8
    assert few.balanced.value == 3 / 4
    low = hypot(1 / 4 - wilson(1, 4).low, 1 / 2 - wilson(2, 4).low) / 2
    assert report.balanced.interval.low == pytest.approx(3 / 8 - low)
    assert CriticReport(cases=report.cases[:1]).balanced.value is None


def test_families_are_told_apart(report: CriticReport) -> None:
    found = report.families()
    assert {name: each.verdicts.value for name, each in found.items()} == {"even": 1 / 4, "odd": 1 / 2}
    assert "critiques that leak      25.0 %" in str(report)


def test_any_graph_with_a_critic_can_be_read(tasks: list[Task]) -> None:
    model = scripted(
        lambda messages, sample: "verdict: wrong" if "Check every" in messages[-1]["content"] else "answer: 1"
    )
    with rollout(self_refine(model, 2), tasks, verifier=numeric, progress=False) as run:
        found = CriticReport.of(run, verifier="numeric", answers=numeric)
    assert (found.verdicts.value, found.verdicts.n, found.repaired.value) == (1.0, 30, 0.0)


def test_a_run_without_verdicts_is_told(tasks: list[Task]) -> None:
    model = scripted(lambda messages, sample: "answer: 1")
    with (
        rollout(one_shot(model), tasks, verifier=numeric, progress=False) as run,
        pytest.raises(UserError, match="no verdict"),
    ):
        CriticReport.of(run, verifier="numeric", answers=numeric)
