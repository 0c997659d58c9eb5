"""What became of a run, in numbers (`summary`) and in a few lines of text (`report`).

Accuracy counts the rollouts that are done and that a verifier found right or wrong; what failed or was not
scored is named beside it, not hidden in it. The interval is Wilson's. Where a task has several rollouts they
are not independent and the true interval is wider; comparing runs is the work of `tutelage.training`.
"""

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from tutelage.traces.blobs import value_text
from tutelage.traces.database import Database
from tutelage.traces.record import CORRECTION

if TYPE_CHECKING:
    from tutelage.traces.run import Run

__all__ = ["report", "summary", "wilson"]

Z = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""

VERDICTS = """SELECT t.name, t.rollout, t.subject, t.subject_id, t.passed FROM scores t
    JOIN rollouts r ON r.seq = t.rollout
    WHERE r.status = 'done' AND t.subject IN ('rollout', 'candidate') ORDER BY t.seq"""

FAILURES = """SELECT error, count(*) AS times FROM rollouts WHERE status = 'failed'
    GROUP BY error ORDER BY times DESC, min(seq) LIMIT 3"""

ENDS = """SELECT e.rollout, a.id, z.id FROM
    (SELECT rollout, min(seq) AS first, max(seq) AS last FROM candidates GROUP BY rollout) e
    JOIN candidates a ON a.seq = e.first JOIN candidates z ON z.seq = e.last"""


def wilson(passed: int, total: int) -> tuple[float, float] | None:
    """Give the 95 % interval of a proportion (Wilson 1927, no correction); `None` for no trials."""
    if total == 0:
        return None
    share, spread = passed / total, Z * Z / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def summary(run: "Run", database: Database) -> dict[str, Any]:
    """Count a run.

    Returns:
        Plain data: `run`, `session` (whether it is a debugging session), `tasks` (how many were begun),
        `planned` (how many there are to do, where the settings tell), `rollouts` (status to count),
        `failures` (the commonest errors, with their counts), `scores` (a verifier's name to `passed`,
        `scored`, `accuracy`, `interval`, and over `compared` rollouts `wrong_to_right` and
        `right_to_wrong`), `tokens` (role to the fields of `TokenCount`). Shares are 0 to 1 or `None`.
    """
    statuses = Counter({"done": 0, "failed": 0, "running": 0, "abandoned": 0})
    counts = "SELECT status, count(*) FROM rollouts WHERE error IS NOT ? GROUP BY status"
    statuses.update(dict(database.rows(counts, (CORRECTION,))))
    sql = "SELECT count(DISTINCT task) FROM rollouts WHERE status <> 'abandoned'"
    planned = run.settings.get("tasks")
    return {
        "run": run.name,
        "session": run.settings.get("session") is True,
        "tasks": database.rows(sql)[0][0],
        "planned": planned.get("count") if isinstance(planned, dict) else None,
        "rollouts": dict(statuses),
        "failures": {value_text(error) or "": count for error, count in database.rows(FAILURES)},
        "scores": _scores(database),
        "tokens": {role: count.model_dump() for role, count in run.tokens().items()},
    }


def _scores(database: Database) -> dict[str, dict[str, Any]]:
    """Count right and wrong by verifier, and how the first candidate's verdict became the final one's.

    The final verdict is the rollout's own score; where it has none, its last candidate's.
    """
    whole: dict[str, dict[int, int]] = {}
    parts: dict[str, dict[str, int]] = {}
    for name, rollout, subject, subject_id, passed in database.rows(VERDICTS):
        key = value_text(name) or ""
        verdicts, candidates = whole.setdefault(key, {}), parts.setdefault(key, {})
        if passed is not None:
            verdicts.update({rollout: passed} if subject == "rollout" else {})
            candidates.update({subject_id: passed} if subject == "candidate" else {})
    ends = database.rows(ENDS)
    return {name: _score(whole[name], parts[name], ends) for name in sorted(whole)}


def _score(whole: dict[int, int], parts: dict[str, int], ends: list[tuple[int, str, str]]) -> dict[str, Any]:
    changes = Counter(
        (parts[first], whole.get(rollout, parts.get(last)))
        for rollout, first, last in ends
        if first in parts and (rollout in whole or last in parts)
    )
    passed, scored = sum(whole.values()), len(whole)
    return {
        "passed": passed,
        "scored": scored,
        "accuracy": passed / scored if scored else None,
        "interval": wilson(passed, scored),
        "compared": changes.total(),
        "wrong_to_right": changes[0, 1],
        "right_to_wrong": changes[1, 0],
    }


def report(numbers: dict[str, Any]) -> str:
    """Tell a summary in a few lines."""
    rollouts = numbers["rollouts"]
    names = {"done": "done", "failed": "failed", "running": "unfinished"}
    states = ", ".join(f"{rollouts[state]} {name}" for state, name in names.items() if rollouts[state])
    planned, begun = numbers["planned"], f"{numbers['tasks']:,}"
    tasks = f"{begun} of {planned:,}" if planned not in (None, numbers["tasks"]) else begun
    lines = [f"run {numbers['run']}: {tasks} tasks, rollouts: {states or 'none'}"]
    if numbers["session"]:
        lines.append(
            "  a debugging session: branches of one task with what people changed, no measure of a model"
        )
    lines += [f"  {count:,} failed, not counted below: {text}" for text, count in numbers["failures"].items()]
    if rollouts["abandoned"]:
        lines.append(f"  {rollouts['abandoned']} abandoned rollouts are not counted")
    told = _branch_lines if numbers["session"] else _score_lines
    lines += [line for name, score in numbers["scores"].items() for line in told(name, score)]
    if numbers["tokens"]:
        lines += _token_lines(numbers["tokens"])
    return "\n".join(lines)


def _branch_lines(name: str, score: dict[str, Any]) -> list[str]:
    return [f"  {name}: {score['passed']} of {score['scored']} branches right"] if score["scored"] else []


def _score_lines(name: str, score: dict[str, Any]) -> list[str]:
    lines = []
    if score["scored"]:
        low, high = (100 * bound for bound in score["interval"])
        lines.append(
            f"  {name}: {score['passed']} of {score['scored']} right = {100 * score['accuracy']:.1f} % "
            f"(95 % interval {low:.1f} to {high:.1f} %)"
        )
    if score["compared"]:
        lines.append(
            f"  {name}, first to final candidate: {score['wrong_to_right']} wrong→right, "
            f"{score['right_to_wrong']} right→wrong, of {score['compared']}"
        )
    return lines


def _token_lines(tokens: dict[str, dict[str, int]]) -> list[str]:
    width = max(len("tokens"), *(len(role) for role in tokens))
    lines = [f"  {'tokens':<{width}} {'prompt':>12} {'completion':>12} {'turns':>9}"]
    for role, count in tokens.items():
        unknown = f"  ({count['unknown']} turns without token ids)" if count["unknown"] else ""
        row = f"  {role:<{width}} {count['prompt']:>12,} {count['completion']:>12,} {count['turns']:>9,}"
        lines.append(row + unknown)
    return lines
