from collections.abc import Callable, Mapping, Sequence

import pytest

from tutelage.agents import scripted
from tutelage.graphs import critique, rollout
from tutelage.tools import numeric
from tutelage.traces import Run
from tutelage.training.reinforcement.critiques import LEAK, critique_reward, leak_penalty, leaks_in
from tutelage.training.reinforcement.rewards import Judged, Reward, Rewards, judged, verdict_reward
from tutelage.types import Task

REVIEWS = {
    "true": "2+3 is not 4\nverdict: wrong at step 1",
    "blind": "fine\nverdict: right",
    "leaky": "answer: 5\nverdict: wrong at step 1",
    "mute": "hm",
}
Make = Callable[..., Run]


@pytest.fixture
def critiqued() -> Make:
    """A run in which critics say what their names say of a wrong and a right attempt; the actor mends or spoils."""

    def make(name: str, after: str) -> Run:
        tasks = [
            Task(
                id=kind,
                problem="What is 2+3?",
                reference="5",
                metadata={"attempt": f"2+3={said}\nanswer: {said}"},
            )
            for kind, said in (("wrong", "4"), ("right", "5"))
        ]

        def critic(messages: Sequence[Mapping[str, str]], sample: int) -> str:
            return REVIEWS[name]

        actor = scripted(lambda messages, sample: f"answer: {after}")
        graph = critique(actor, scripted(critic), recorded=True)
        return rollout(graph, tasks, verifier=numeric, progress=False)

    return make


def of(run: Run, kind: str) -> Judged:
    return next(each for each in judged(run, "numeric") if each.rollout.task.id == kind)


def paid(reward: Reward, rollout: Judged) -> float:
    (value,) = reward(rollout).values()
    return value


@pytest.mark.parametrize(
    ("name", "after", "kind", "value"),
    [
        ("true", "5", "wrong", 1.2),
        ("true", "4", "wrong", 0.2),
        ("blind", "5", "wrong", -1.0),
        ("mute", "5", "wrong", -1.0),
        ("blind", "5", "right", 1.2),
        ("blind", "4", "right", 0.2),
        ("true", "5", "right", -1.0),
    ],
)
def test_stage_two_pays_what_came_of_it_and_a_true_verdict_and_never_a_false_one(
    critiqued: Make, name: str, after: str, kind: str, value: float
) -> None:
    assert paid(critique_reward(), of(critiqued(name, after), kind)) == pytest.approx(value)


def test_as_in_the_papers_formula_a_false_verdict_only_goes_without_the_bonus(critiqued: Make) -> None:
    rollout = of(critiqued("blind", "5"), "wrong")
    assert paid(critique_reward(0.3, None), rollout) == 1.0


def test_verdict_and_effect_are_told_apart(critiqued: Make) -> None:
    given = critique_reward()(of(critiqued("true", "4"), "right"))
    assert isinstance(given, Rewards)
    told = {name: list(values.values()) for name, values in given.parts.items()}
    assert told == {"verdict_reward": [0.0], "effect_reward": [0.0]}


def test_a_leak_costs_and_is_kept(critiqued: Make) -> None:
    run = critiqued("leaky", "5")
    rollout = of(run, "wrong")
    assert list(leaks_in(rollout, numeric).values()) == [1.0]
    assert paid(leak_penalty(critique_reward(), numeric, 0.5), rollout) == pytest.approx(0.7)
    given = leak_penalty(verdict_reward, numeric, 0.0)(rollout)
    assert list(given.values()) == [1.0]
    assert isinstance(given, Rewards)
    assert {"verdict_reward", LEAK} == given.parts.keys()


@pytest.mark.parametrize(("name", "kind"), [("true", "wrong"), ("leaky", "right"), ("mute", "wrong")])
def test_a_critique_without_the_answer_or_of_a_right_solution_costs_nothing(
    critiqued: Make, name: str, kind: str
) -> None:
    rollout = of(critiqued(name, "5"), kind)
    reward = critique_reward()
    assert paid(leak_penalty(reward, numeric), rollout) == paid(reward, rollout)
