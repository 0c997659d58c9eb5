"""What a critic is paid: the truth of its verdict, the effect on the refinement, and nothing for giving the answer away.

After Critique-RL (Xi et al. 2025, arXiv 2510.24320): stage one pays the verdict alone (`verdict_reward`), stage two
`critique_reward`. All parts are kept apart as scores of the turn. Not covered: how the stages follow each other
(`tutelage.training.critics`).
"""

from tutelage.tools import Verifier, find_leak
from tutelage.training.reinforcement.rewards import (
    Judged,
    Reward,
    Rewards,
    effect_reward,
    name_of,
    parts_of,
    refined_reward,
    verdict_reward,
)

__all__ = ["LEAK", "critique_reward", "leak_penalty", "leaks_in"]

LEAK = "leak"
"""The name of the score that says whether a critique gives the answer away: 1 or 0."""


def critique_reward(discrimination: float = 0.2, false_verdict: float | None = -1.0) -> Reward:
    """The reward of Critique-RL's second stage: whether the refined solution is right, and a bonus for a true verdict.

    Args:
        discrimination: the bonus.
        false_verdict: what a false or missing verdict gets whatever came of it, as in the authors' code; `None`:
            what came of it, without the bonus, as in the paper's formula.
    """

    def paid(rollout: Judged) -> Rewards:
        refined, truth = refined_reward(rollout), verdict_reward(rollout)
        rewards = {
            turn: false_verdict
            if not truth[turn] and false_verdict is not None
            else refined[turn] + discrimination * truth[turn]
            for turn in truth
        }
        parts = {"verdict_reward": truth, "effect_reward": effect_reward(rollout)}
        return Rewards(rewards, parts)

    return paid


def leak_penalty(reward: Reward, verifier: Verifier, penalty: float = 1.0) -> Reward:
    """A reward that costs turns that judged something where they give the answer away.

    Args:
        reward: what they are paid otherwise.
        verifier: judges answers alone (see `tutelage.tools.find_leak`).
        penalty: the price of a leak; 0 counts leaks only.
    """

    def less(rollout: Judged) -> Rewards:
        given, leaks = reward(rollout), leaks_in(rollout, verifier)
        rewards = {turn: value - penalty * leaks.get(turn, 0.0) for turn, value in given.items()}
        return Rewards(rewards, {**(parts_of(given) or {name_of(reward): given}), LEAK: leaks})

    return less


def leaks_in(rollout: Judged, verifier: Verifier) -> dict[str, float]:
    """Turns that judged: whether they give the answer away."""
    said = {turn.id: turn.completion for turn in rollout.turns}
    task, solutions = rollout.rollout.task, rollout.solutions
    return {
        turn.id: float(
            bool(find_leak(turn.completion, task, said[about], verifier=verifier, score=solutions[about]))
        )
        for turn, about in rollout.reviews()
    }
