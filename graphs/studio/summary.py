"""What the plots of a run show, of all rollouts or of those that a filter chose: shares and means with intervals.

Shares have Wilson's 95 % interval. Means over candidates have a normal 95 % interval of which rollouts, not candidates,
are the independent parts; where all agree it is Wilson's of as many rollouts. Where a task has several rollouts, these
are not independent either, and the true interval is wider. Not covered: comparing runs (`tutelage.training`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from tutelage.graphs.studio.fields import FIELDS, JUDGED, VERDICTS, Mask
from tutelage.graphs.studio.index import STATUSES, Matrix, RunIndex
from tutelage.graphs.studio.plain import cut
from tutelage.traces.report import Z, wilson

__all__ = ["counts", "summary"]

POINTS = 200
"""Of the curve of accuracy."""
ERRORS = 20
"""Kinds of errors that are named."""
DONE = STATUSES.index("done")


def summary(index: RunIndex, mask: Mask) -> dict[str, Any]:
    """Give the numbers of the plots.

    Args:
        index: The run's columns.
        mask: The rollouts that are looked at.
    """
    inside = _inside(index, mask)
    return {
        "version": index.version,
        "verifier": index.verifier,
        "counts": counts(index, mask),
        **_accuracy(index, mask),
        "tokens": _tokens(index, inside),
        "confusion": _confusion(inside(index.part("judgements"))),
        "rounds": _rounds(inside(index.part("attempts"))),
        "rewards": _rewards(inside(index.part("attempts"))),
        "fields": _fields(index),
    }


def counts(index: RunIndex, mask: Mask | None = None) -> dict[str, int | None]:
    """Count rollouts by status, tasks, turns, and right and wrong ones; these are `None` where nothing is judged."""
    counted = index.counts if mask is None else mask
    status, passed = index.status[counted], index.spread("outcomes", 2)[counted]
    judged = not numpy.isnan(passed).all()
    tally = {name: int((status == at).sum()) for at, name in enumerate(STATUSES)}
    if mask is None:
        tally["abandoned"] = int((index.status == STATUSES.index("abandoned")).sum())
    return {
        **tally,
        "rollouts": int(counted.sum()),
        "passed": int((passed == 1).sum()) if judged else None,
        "wrong": int((passed == 0).sum()) if judged else None,
        "tasks": len(numpy.unique(index.spread("states", 1)[counted])),
        "turns": int(numpy.nansum(index.sums(4)[counted])),
    }


def _inside(index: RunIndex, mask: Mask) -> Any:
    """A function that keeps the rows of the chosen rollouts."""
    everything = bool(mask.all())

    def inside(part: Matrix) -> Matrix:
        return part if everything else part[mask[part[:, 0].astype(int) - 1]]

    return inside


def _accuracy(index: RunIndex, mask: Mask) -> dict[str, Any]:
    passed = index.spread("outcomes", 2)
    judged = mask & (index.status == DONE) & ~numpy.isnan(passed)
    ended = index.spread("states", 5)[judged]
    right = passed[judged][numpy.argsort(ended, kind="stable")]
    total = len(right)
    if not total:
        return {"accuracy": None, "accuracy_over_time": []}
    sums = numpy.cumsum(right)
    at = numpy.unique(numpy.linspace(1, total, min(POINTS, total)).astype(int))
    curve = [_share(int(sums[each - 1]), int(each)) for each in at]
    return {"accuracy": curve[-1], "accuracy_over_time": curve}


def _share(passed: int, total: int) -> dict[str, Any]:
    low, high = wilson(passed, total) or (0.0, 1.0)
    return {"n": total, "value": passed / total, "low": low, "high": high}


def _tokens(index: RunIndex, inside: Any) -> list[dict[str, Any]]:
    part = inside(index.part("shares"))
    roles = sorted({who.role for who in index.speakers.values()})
    found = []
    for role in roles:
        numbers = [number for number, who in index.speakers.items() if who.role == role]
        own = part[numpy.isin(part[:, 1], numbers)]
        if len(own):
            prompt, completion, turns, errors, seconds = (_sum(own[:, column]) for column in range(2, 7))
            found.append(
                {
                    "role": cut(role),
                    "turns": turns,
                    "prompt": prompt,
                    "completion": completion,
                    "errors": errors,
                    "seconds": float(numpy.nansum(own[:, 6])) if seconds is not None else None,
                }
            )
    return found


def _sum(values: Matrix) -> int | None:
    """A sum of what is known; `None` where nothing is."""
    known = values[~numpy.isnan(values)]
    return int(known.sum()) if len(known) else None


def _confusion(judgements: Matrix) -> list[list[dict[str, int]]] | None:
    """Reviews, and the rollouts they are of, by what they said (right, wrong, nothing) and what was so (right, wrong)."""
    known = judgements[~numpy.isnan(judgements[:, 2])]
    if not len(known):
        return None
    said, truth = known[:, 1], known[:, 2]
    rows = (said == 1, said == 0, numpy.isnan(said))
    return [[_both(known[row & (truth == value), 0]) for value in (1, 0)] for row in rows]


def _both(rollouts: Matrix) -> dict[str, int]:
    return {"verdicts": len(rollouts), "rollouts": len(numpy.unique(rollouts))}


def _rounds(attempts: Matrix) -> list[dict[str, int]]:
    """What became of candidates that were made from others, by round."""
    made = attempts[~numpy.isnan(attempts[:, 3]) & ~numpy.isnan(attempts[:, 4])]
    found = []
    for round in numpy.unique(made[:, 1]):
        own = made[made[:, 1] == round]
        before, after = own[:, 4] == 1, own[:, 3] == 1
        found.append(
            {
                "round": int(round),
                "wrong_right": int((~before & after).sum()),
                "right_wrong": int((before & ~after).sum()),
                "stayed_right": int((before & after).sum()),
                "stayed_wrong": int((~before & ~after).sum()),
            }
        )
    return found


def _rewards(attempts: Matrix) -> list[dict[str, Any]]:
    """The mean score of candidates by round."""
    valued = attempts[~numpy.isnan(attempts[:, 2])]
    found = []
    for round in numpy.unique(valued[:, 1]):
        own = valued[valued[:, 1] == round]
        mean, interval = _mean(own[:, 2], own[:, 0])
        low, high = interval or (None, None)
        found.append({"round": int(round), "n": len(own), "mean": mean, "low": low, "high": high})
    return found


def _mean(values: Matrix, owners: NDArray[numpy.float64]) -> tuple[float, tuple[float, float] | None]:
    """A mean and its interval; values of one owner belong together (a cluster-robust variance)."""
    mean = float(values.mean())
    _, at = numpy.unique(owners, return_inverse=True)
    groups = int(at.max()) + 1
    residuals = numpy.bincount(at, values - mean)
    variance = float((residuals**2).sum()) / len(values) ** 2
    if variance == 0:
        return mean, wilson(round(mean * groups), groups) if mean in (0.0, 1.0) else None
    if groups < 2:
        return mean, None
    half = Z * (variance * groups / (groups - 1)) ** 0.5
    return mean, (mean - half, mean + half)


def _fields(index: RunIndex) -> dict[str, Any]:
    """What filters may ask for."""

    def make() -> dict[str, Any]:
        speakers = index.speakers.values()
        families = {task.family for task in index.all_tasks().values() if task.family}
        return {
            "roles": _sorted(each.role for each in speakers),
            "nodes": _sorted(each.node for each in speakers if each.node),
            "policies": _sorted(each.policy for each in speakers),
            "families": _sorted(families),
            "verifiers": list(index.verifiers),
            "verdicts": list(VERDICTS),
            "judged": list(JUDGED),
            "statuses": list(STATUSES),
            "errors": _errors(
                [each[2] for each, counts in zip(index.all_named(), index.counts, strict=True) if counts]
            ),
            "names": list(FIELDS),
        }

    found: dict[str, Any] = index.derived("fields", make)
    return found


def _sorted(names: Any) -> list[str]:
    return [cut(name) or "" for name in sorted(set(names))][:POINTS]


def _errors(errors: Sequence[str | None]) -> list[str]:
    """The commonest errors, by their first lines."""
    tally = Counter(error.partition("\n")[0] for error in errors if error)
    return [cut(error, 120) or "" for error, _ in tally.most_common(ERRORS)]
