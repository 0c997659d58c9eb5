"""Evaluations, comparisons and appraisals as plain text tables, the last in Markdown. Not covered: colours, HTML
(`tutelage.training.report`).
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.training.appraisal import Appraisal
    from tutelage.training.appraisal.rows import Row
    from tutelage.training.comparison import Comparison
    from tutelage.training.evaluation import Evaluation
    from tutelage.training.statistics import Interval

__all__ = ["aligned", "appraisal_table", "comparison_table", "evaluation_table", "p_text", "percent"]


def appraisal_table(appraisal: "Appraisal") -> str:
    """One Markdown table of every figure, group by group, with what is missing below it."""
    head = ["", "of", "share", "95 %", "tokens", "difference, points", "95 %", "p", "p, Holm", ""]
    rows: list[list[str]] = []
    group = None
    for row in appraisal.rows:
        if row.group != group:
            group = row.group
            rows.append([f"**{_cell(group)}**", *[""] * (len(head) - 1)])
        rows.append(_appraisal_row(row))
    lines = [head, ["---", *["---:"] * (len(head) - 2), "---"], *rows]
    notes = [f"{term}: {_cell(text)}" for term, text in appraisal.notes.items()]
    notes += [f"Missing: {_cell(each)}." for each in appraisal.missing]
    told = "  \n".join(notes)
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", told]).rstrip()


def evaluation_table(evaluation: "Evaluation") -> str:
    """One line for the whole and one a family."""
    families = evaluation.families()
    rows = [_row(evaluation.name, evaluation)]
    if len(families) > 1:
        rows += [_row(f"  {name or 'no family'}", each) for name, each in families.items()]
    k = evaluation.samples
    head = ["", "tasks", "accuracy", "95 % interval", *([f"pass@{k}", f"maj@{k}"] if k > 1 else [])]
    for row in rows:
        del row[len(head) :]
    notes = [_tokens(evaluation)] if evaluation.tokens else []
    notes += [f"{evaluation.failed} rollouts failed and count as wrong"] if evaluation.failed else []
    return "\n".join([*aligned([head, *rows]), *notes, f"judged by {evaluation.verifier}"])


def comparison_table(comparison: "Comparison") -> str:
    """Both sides, what changed, and whether it is more than chance."""
    before, after = comparison.before, comparison.after
    head = ["", "tasks", "accuracy", "95 % interval", "tokens/attempt"]
    rows = [[*_row(side.name, side)[:4], _per_attempt(side)] for side in (before, after)]
    low, high = comparison.interval
    lines = [
        *aligned([head, *rows]),
        f"difference  {100 * comparison.difference:+.1f} points "
        f"(95 % interval {100 * low:+.1f} to {100 * high:+.1f}, {comparison.interval_method})",
        f"p-value     {p_text(comparison.p_value)} ({comparison.test})",
        f"pairs       {comparison.both:,} both right, {comparison.neither:,} neither, "
        f"{comparison.wrong_to_right:,} wrong→right, {comparison.right_to_wrong:,} right→wrong",
    ]
    if comparison.unpaired:
        lines.append(f"left out    {comparison.unpaired:,} tasks that only one side has")
    return "\n".join(lines)


def percent(share: float) -> str:
    """A share as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def p_text(p: float) -> str:
    """A p-value with two significant digits; very small ones as a bound."""
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _appraisal_row(row: "Row") -> list[str]:
    share = "" if row.share is None else percent(row.share)
    interval = "" if row.share is None else _range(row.interval)
    tokens = "" if row.tokens is None else f"{row.tokens:,.0f}"
    cells = [_cell(row.name), f"{row.trials:,}", share, interval, tokens]
    found = row.difference
    if found is None:
        return [*cells, "", "", "", "", _cell(row.note)]
    low, high = found.interval
    left_out = f"{found.unpaired:,} tasks unpaired" if found.unpaired else ""
    note = "; ".join(each for each in (row.note, found.of, left_out) if each)
    return [
        *cells,
        f"{100 * found.value:+.1f}",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        p_text(found.p_value),
        p_text(found.p_holm),
        _cell(note),
    ]


def _cell(text: str) -> str:
    """Foreign text in a Markdown table: on one line, and no markup."""
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", " ".join(printable(text).split()))


def _row(name: str, evaluation: "Evaluation") -> list[str]:
    k = evaluation.samples
    more = [percent(evaluation.pass_at(k)), percent(evaluation.maj_at(k))] if k > 1 else []
    return [name, f"{evaluation.n:,}", percent(evaluation.accuracy), _range(evaluation.interval), *more]


def _range(interval: "Interval") -> str:
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"


def _tokens(evaluation: "Evaluation") -> str:
    said = [
        f"{role} {count.prompt:,} read and {count.completion:,} written"
        for role, count in evaluation.tokens.items()
    ]
    return f"tokens: {'; '.join(said)}; {_per_attempt(evaluation)} an attempt"


def _per_attempt(evaluation: "Evaluation") -> str:
    mean = evaluation.tokens_per_attempt
    return "unknown" if mean is None else f"{mean:,.0f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose columns stand below each other, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
