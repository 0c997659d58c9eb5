"""The entropy-only control: a reward that knows no truth and only sharpens what the policy says anyway.

Reinforcement by any reward also sharpens, and sharpening alone can raise accuracy. A gain that this reward brings as well
is therefore none of the other reward's. Not covered: the entropy of whole distributions, which the record does not hold.
"""

import math

from tutelage.errors import UserError
from tutelage.traces import Turn
from tutelage.training.reinforcement.rewards import Judged

__all__ = ["confidence_reward"]


def confidence_reward(rollout: Judged) -> dict[str, float]:
    """Every turn: the mean log-probability (nats) of its own tokens, whatever they say.

    Its expectation is the negative mean entropy a token, the reward of RENT (Prabhudesai et al., 2025, arXiv
    2505.22660), up to the weights of long answers: the sampled tokens stand for the distributions.

    Raises:
        UserError: a turn has no log-probabilities.
    """
    return {turn.id: _confidence(turn) for turn in rollout.turns}


def _confidence(turn: Turn) -> float:
    if not turn.logprobs:
        raise UserError(
            f"turn {turn.id!r} of role {turn.role!r} has no log-probabilities, which confidence_reward needs; "
            "sample with logprobs on, and with an engine that gives them"
        )
    return math.fsum(turn.logprobs) / len(turn.logprobs)
