"""Baselines: one shot, greedy decoding, a majority vote and best-of-k, the last two at the subject's own tokens.

Tokens are those read and written by all roles; a prompt is counted once for all its samples. The number of samples
follows from the subject's bill, rounded up, so that a baseline never has less. What a scorer reads and writes is on the
bill of best-of-k; it is measured with one sample on some of the tasks first. Not covered: arms of other trainings.
"""

from typing import TYPE_CHECKING

from tutelage.errors import UserError
from tutelage.training.appraisal.arms import Arm
from tutelage.training.appraisal.measuring import Measuring
from tutelage.training.evaluation import Evaluation

if TYPE_CHECKING:
    from tutelage.agents import ChatModel
    from tutelage.graphs import Scorer

__all__ = ["baselines", "equal_samples"]

PILOT = 48
"""Tasks at least on which the price of a scored sample is measured."""


def equal_samples(single: Evaluation, other: Evaluation) -> int:
    """How many samples cost at least what the other side did: the solver's prompt once, everything else each time.

    Args:
        single: the method with one sample.
        other: whose bill is to be met.

    Raises:
        UserError: an engine did not count some tokens, or nobody spoke as "solver".
    """
    for each in (single, other):
        if any(count.unknown for count in each.tokens.values()):
            raise UserError(
                f"{each.name!r} has turns without token counts, so nothing can be made as expensive; "
                "use an engine that gives token ids, or leave the baselines out"
            )
    if "solver" not in single.tokens:
        raise UserError(f"{single.name!r} has no turn of a role 'solver' whose tokens could be counted")
    once, tasks = single.tokens["solver"].prompt, len(other.attempts)
    bill = _spent(other) * len(single.attempts)
    each_time = (_spent(single) - once) * tasks
    return max(1, -(-(bill - once * tasks) // max(each_time, 1)))


def baselines(
    subject: Evaluation, model: "ChatModel", measuring: Measuring, scorer: "Scorer | None" = None
) -> list[Arm]:
    """Measure the baselines of a subject; where its tokens buy one sample only, there is no vote and no best-of-k.

    Args:
        subject: the method's evaluation, with its tokens.
        model: who speaks.
        measuring: the same tasks and verifier as the subject's.
        scorer: chooses among best-of-k's samples; `None` for the model's own review.

    Raises:
        UserError: see `equal_samples`.
    """
    from tutelage.graphs import majority_vote, one_shot

    verifier = measuring.verifier
    one = measuring.evaluated("one_shot", one_shot(model, verifier=verifier), called="one shot")
    arms = [Arm(kind="baseline", evaluation=one)]
    if model.sampling.temperature == 0:
        return arms
    greedy = one_shot(model.with_sampling(temperature=0), verifier=verifier)
    arms.append(
        Arm(
            kind="baseline",
            evaluation=measuring.evaluated("greedy", greedy, called="one shot, greedy"),
            note="temperature 0",
        )
    )
    k = equal_samples(one, subject)
    if k > 1:
        vote = majority_vote(model, k, verifier)
        told = measuring.evaluated(f"vote_{k}", vote, called=f"majority vote of {k}")
        arms.append(Arm(kind="baseline", evaluation=told, note=f"k = {k}, at the subject's tokens"))
    best = _best_of_k(subject, model, measuring, scorer)
    return arms if best is None else [*arms, best]


def _best_of_k(
    subject: Evaluation, model: "ChatModel", measuring: Measuring, scorer: "Scorer | None"
) -> Arm | None:
    from tutelage.agents import Reviewer
    from tutelage.graphs import best_of_k, model_scorer

    chooser = scorer or model_scorer(Reviewer(model))
    step = max(1, len(measuring.tasks) // PILOT)
    pilot = measuring.evaluated(
        f"price_of_best_by_{chooser.name}",
        best_of_k(model, 1, chooser, verifier=measuring.verifier),
        measuring.tasks[::step],
    )
    k = equal_samples(pilot, subject)
    if k < 2:
        return None
    graph = best_of_k(model, k, chooser, verifier=measuring.verifier)
    found = measuring.evaluated(f"best_of_{k}_by_{chooser.name}", graph, called=f"best of {k}")
    return Arm(
        kind="baseline", evaluation=found, note=f"k = {k} chosen by {chooser.name}, at the subject's tokens"
    )


def _spent(evaluation: Evaluation) -> int:
    return sum(count.prompt + count.completion for count in evaluation.tokens.values())
