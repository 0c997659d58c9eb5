"""The figures of an appraisal as rows: a share of something, its interval, and its difference to something else.

Table, page and JSON show the same rows. p-values are corrected by Holm's method within their group. Not covered: how
they are laid out.
"""

from collections import Counter
from collections.abc import Sequence

from tutelage.training.appraisal.arms import Arm
from tutelage.training.appraisal.critique import Critique
from tutelage.training.appraisal.forgetting import Forgetting
from tutelage.training.comparison import Comparison
from tutelage.training.evaluation import Evaluation
from tutelage.training.shares import Share
from tutelage.training.statistics import Interval, holm
from tutelage.types import Data

__all__ = ["Difference", "Row", "arm_rows", "critique_rows", "flow_rows", "forgetting_rows", "parts_rows"]


class Difference(Data):
    """A paired difference."""

    of: str
    """First minus second, in words."""
    value: float
    interval: Interval
    """95 %."""
    p_value: float
    p_holm: float
    """Corrected for the other differences of the group."""
    test: str
    unpaired: int = 0
    """Tasks that only one side has, left out."""


class Row(Data):
    """One figure."""

    group: str
    name: str
    trials: int
    """What the share is of: tasks, or what the name says."""
    share: float | None
    interval: Interval
    """95 %."""
    tokens: float | None = None
    """Read and written, an attempt."""
    note: str = ""
    difference: Difference | None = None


def arm_rows(subject: Evaluation, arms: Sequence[Arm], comparisons: Sequence[Comparison]) -> list[Row]:
    """The claim, then every arm with the claim minus it."""
    names = [f"{subject.name} − {arm.name}" for arm in arms]  # noqa: RUF001 (a minus sign)
    differences = _differences(names, comparisons)
    rows = [_row("accuracy", subject)]
    for arm, difference in zip(arms, differences, strict=True):
        note = "; ".join(each for each in (arm.kind, arm.note) if each)
        rows.append(_row("accuracy", arm.evaluation, note=note, difference=difference))
    return rows


def parts_rows(subject: Evaluation, comparisons: Sequence[Comparison]) -> list[Row]:
    """The claim by family and by difficulty, minus the first arm where there is one."""
    families, dials = subject.families(), subject.difficulties()
    parts = {("by family", name or "no family"): part for name, part in families.items()}
    counted = Counter(family for family, _ in dials)
    parts |= {
        ("by difficulty", f"{family} {dial}".strip()): part
        for (family, dial), part in dials.items()
        if counted[family] > 1
    }
    if len(parts) < 2:
        return []
    first = comparisons[0].before if comparisons else None
    paired = (
        [] if first is None else [Comparison.of(first.only(part.by_task), part) for part in parts.values()]
    )
    names = [] if first is None else [f"{subject.name} − {first.name}"] * len(parts)  # noqa: RUF001
    differences = [*_differences(names, paired), *[None] * (len(parts) - len(paired))]
    return [
        _row(group, part, name=name, difference=difference)
        for ((group, name), part), difference in zip(parts.items(), differences, strict=True)
    ]


def flow_rows(subject: Evaluation) -> list[Row]:
    """What became of right and of wrong first solutions."""
    flow = subject.flow
    if flow is None:
        return []
    told = (
        ("right stays right", flow.stays_right, "of right first solutions"),
        ("wrong becomes right", flow.becomes_right, "of wrong first solutions"),
    )
    return [_of_share("first and final solution", *each) for each in told]


def critique_rows(critique: Critique | None) -> list[Row]:
    """How true the verdicts are, and the repairs that they lead to."""
    if critique is None:
        return []
    said = critique.verdicts
    told = [
        ("wrong called wrong", said.caught, "of reviews of wrong solutions"),
        ("right called right", said.spared, "of reviews of right solutions"),
        ("no verdict", said.unread, "of reviews"),
        ("first wrong step named", said.step, "of wrong solutions called wrong"),
        ("wrong, refined to right", said.mended, "of refinements of wrong solutions, as recorded"),
        ("right, refined to wrong", said.broken, "of refinements of right solutions, as recorded"),
    ]
    rows = [_of_share("verdicts", name, share, note) for name, share, note in told if share is not None]
    if critique.own is None:
        return rows
    comparisons = critique.comparisons()
    names = [f"{critique.own.name} − {each.name}" for each in critique.others]  # noqa: RUF001
    rows.append(_row("repairs", critique.own, note="of the same wrong solutions"))
    for each, difference in zip(critique.others, _differences(names, comparisons), strict=True):
        note = "ceiling" if each is critique.ceiling else ""
        rows.append(_row("repairs", each, note=note, difference=difference))
    return rows


def forgetting_rows(forgetting: Forgetting | None) -> list[Row]:
    """Every family that was not trained, after the training, with the difference to before."""
    if forgetting is None:
        return []
    families = forgetting.families
    differences = _differences(["after − before"] * len(families), list(families.values()))  # noqa: RUF001
    return [
        _row("not trained on", each.after, name=name or "no family", difference=difference)
        for (name, each), difference in zip(families.items(), differences, strict=True)
    ]


def _row(
    group: str,
    evaluation: Evaluation,
    *,
    name: str | None = None,
    note: str = "",
    difference: Difference | None = None,
) -> Row:
    return Row(
        group=group,
        name=evaluation.name if name is None else name,
        trials=evaluation.n,
        share=evaluation.accuracy,
        interval=evaluation.interval,
        tokens=evaluation.tokens_per_attempt,
        note=note,
        difference=difference,
    )


def _of_share(group: str, name: str, share: Share, note: str) -> Row:
    return Row(
        group=group, name=name, trials=share.trials, share=share.value, interval=share.interval, note=note
    )


def _differences(names: Sequence[str], comparisons: Sequence[Comparison]) -> list[Difference]:
    corrected = holm([each.p_value for each in comparisons])
    return [
        Difference(
            of=name,
            value=each.difference,
            interval=each.interval,
            p_value=each.p_value,
            p_holm=p,
            test=each.test,
            unpaired=each.unpaired,
        )
        for name, each, p in zip(names, comparisons, corrected, strict=True)
    ]
