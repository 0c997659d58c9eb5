"""The parts of an appraisal's page as HTML. Not covered: the figures themselves (`marks`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tutelage.training.report.marks import LINES, Dot, curves_figure, dots_figure, flow_figure
from tutelage.training.report.sections import named, p_html, points, range_text, section, table, tile
from tutelage.training.report.text import shown
from tutelage.training.tables import percent

if TYPE_CHECKING:
    from tutelage.training.appraisal import Appraisal
    from tutelage.training.appraisal.rows import Row
    from tutelage.training.shares import Flow

__all__ = [
    "accuracy_section",
    "claim_lead",
    "critique_section",
    "curves_section",
    "differences_section",
    "doubts_section",
    "flow_section",
    "parts_section",
]

VERDICTS = "What the reviews said, against the truth; and what the refinements that build on them made."
REPAIRS = (
    "The same wrong solutions and the same refiner, with the model's own review, with the exact review as a ceiling, "
    "and without feedback; solved anew at the tokens that own review and refinement took."
)


def claim_lead(appraisal: "Appraisal") -> str:
    """The claim against the strongest of what it is measured against, in one sentence and three numbers."""
    subject, at = appraisal.subject, appraisal.strongest
    own = tile("after", subject.name, percent(subject.accuracy), range_text(subject.interval))
    if at is None:
        said = (
            f"<b>{shown(subject.name)}</b> is right on {percent(subject.accuracy)} of {subject.n:,} tasks "
            f"(95&nbsp;% interval {range_text(subject.interval)})."
        )
        return f'<p class="lead">{said}</p>\n<div class="tiles">{own}</div>'
    found, arm = appraisal.comparisons[at], appraisal.arms[at]
    row = next(each for each in _group(appraisal, "accuracy")[1:][at : at + 1])
    low, high = found.interval
    assert row.difference is not None
    if low > 0 or high < 0:
        word = "better" if low > 0 else "worse"
        verdict = f"is {word} than the strongest of {len(appraisal.arms)} arms, <b>{shown(arm.name)}</b>, by "
        verdict += f"{100 * abs(found.difference):.1f} points"
    else:
        verdict = f"may be no better and no worse than the strongest of {len(appraisal.arms)} arms, "
        verdict += f"<b>{shown(arm.name)}</b>: the difference is {points(found.difference)} points"
    said = (
        f"<b>{shown(subject.name)}</b> {verdict} on the same {found.n:,} tasks (95&nbsp;% interval {points(low)} to "
        f"{points(high)}, corrected p&nbsp;{p_html(row.difference.p_holm)})."
    )
    tiles = [
        own,
        tile("before", arm.name, percent(found.before.accuracy), range_text(found.before.interval)),
        tile("change", "difference, points", points(found.difference), f"{points(low)} to {points(high)}"),
    ]
    return f'<p class="lead">{said}</p>\n<div class="tiles">{"".join(tiles)}</div>'


def doubts_section(missing: Sequence[str]) -> str:
    """What a sceptic would still ask for."""
    if not missing:
        return ""
    items = "".join(f"<li>{shown(each[0].upper() + each[1:])}.</li>" for each in missing)
    return section("What is not shown", f'<ul class="doubts">{items}</ul>')


def accuracy_section(appraisal: "Appraisal") -> str:
    """The claim and its arms: figure and table."""
    rows = _group(appraisal, "accuracy")
    figure = dots_figure("accuracy", "Accuracy", _dots(rows, first="after"), "accuracy, %")
    cells = [
        [
            f"<th scope=row>{named(row.name, 'after' if at == 0 else 'before')}</th>",
            f"<td>{row.trials:,}</td>",
            f"<td><strong>{percent(row.share or 0.0)}</strong></td>",
            f'<td class="quiet extra">{range_text(row.interval)}</td>',
            f"<td>{'unknown' if row.tokens is None else f'{row.tokens:,.0f}'}</td>",
        ]
        for at, row in enumerate(rows)
    ]
    head = ("", "Tasks", "Accuracy", "95&nbsp;% interval", "Tokens an attempt")
    return section("Accuracy and what it costs", f"<figure>{figure}</figure>" + table(head, cells))


def differences_section(appraisal: "Appraisal") -> str:
    """The claim minus every arm, and what that shows."""
    from tutelage.training.appraisal.arms import ARM_KINDS

    if not appraisal.arms:
        return ""
    rows = _group(appraisal, "accuracy")[1:]
    figure = dots_figure("differences", "The claim minus each arm, points", _gaps(rows), "points", zero=True)
    kinds = dict.fromkeys(arm.kind for arm in appraisal.arms)
    items = "".join(f"<dt>{shown(kind)}</dt><dd>{shown(ARM_KINDS[kind])}</dd>" for kind in kinds)
    body = f"<figure>{figure}</figure>{_difference_table(rows)}<dl>{items}</dl>"
    note = (
        f"{shown(appraisal.subject.name)} minus each arm on the same tasks: right of the line it is better."
    )
    return section("The claim minus its baselines and controls", body, note)


def curves_section(appraisal: "Appraisal") -> str:
    """`pass@k` of what was attempted several times, at most four; else of the arm that samples most."""
    arms = sorted((arm.evaluation for arm in appraisal.arms), key=lambda each: -len(each.curve))
    repeated = [each for each in arms if each.samples > 1]
    sides = [appraisal.subject, *(repeated or arms[:1])]
    curves = [(each.name, each.curve) for each in sides if each.curve][: len(LINES)]
    if not curves:
        return ""
    key = "".join(
        f'<span class="name"><span class="dot {colour}"></span>{shown(name)}</span>'
        for (name, _), colour in zip(curves, LINES, strict=False)
    )
    note = (
        "The chance that at least one of k samples is right, unbiased; bands are 95&nbsp;% intervals over the tasks. "
        "Where a method samples several first solutions, the curve is of those."
    )
    return section("pass@k", f'<p class="key">{key}</p><figure>{curves_figure(curves)}</figure>', note)


def flow_section(flow: "Flow | None") -> str:
    """What became of right and of wrong first solutions."""
    if flow is None:
        return ""
    legend = [
        ("right faint", "right, stays right", flow.stays_right.successes),
        ("wrong", "right, becomes wrong", flow.stays_right.trials - flow.stays_right.successes),
        ("right", "wrong, becomes right", flow.becomes_right.successes),
        ("quiet", "wrong, stays wrong", flow.becomes_right.trials - flow.becomes_right.successes),
    ]
    items = "".join(
        f'<li><span class="swatch {kind}"></span><b>{count:,}</b> {text}</li>' for kind, text, count in legend
    )
    told = [
        f"{name}: {percent(share.value)} ({range_text(share.interval)})"
        for name, share in (
            ("Right stays right", flow.stays_right),
            ("wrong becomes right", flow.becomes_right),
        )
        if share.value is not None
    ]
    body = f'<figure class="bar">{flow_figure(flow)}</figure><ul class="legend">{items}</ul>'
    return section("First and final solution", body, "; ".join(told) + ".")


def parts_section(appraisal: "Appraisal") -> str:
    """By family and by difficulty."""
    rows = [*_group(appraisal, "by family"), *_group(appraisal, "by difficulty")]
    if not rows:
        return ""
    dots = _dots(rows, first="after", rest="after")
    body = f"<figure>{dots_figure('parts', 'Accuracy by family', dots, 'accuracy, %')}</figure>"
    if all(row.difference is not None for row in rows):
        body += _difference_table(rows)
        note = f"In the table: {shown(rows[0].difference.of if rows[0].difference else '')}."
    else:
        note = ""
    return section("By family and difficulty", body, note)


def critique_section(appraisal: "Appraisal") -> str:
    """How true reviews are, and what they repair between no feedback and the ceiling."""
    verdicts, repairs = _group(appraisal, "verdicts"), _group(appraisal, "repairs")
    if not verdicts:
        return ""
    cells = [
        [
            f"<th scope=row>{shown(row.name)}</th>",
            f"<td>{'none' if row.share is None else f'<strong>{percent(row.share)}</strong>'}</td>",
            f'<td class="quiet extra">{range_text(row.interval)}</td>',
            f"<td>{row.trials:,}</td>",
        ]
        for row in verdicts
    ]
    told = section("Verdicts", table(("", "Share", "95&nbsp;% interval", "Of"), cells), VERDICTS)
    if not repairs:
        return told
    dots = _dots(repairs, first="after")
    figure = dots_figure("repairs", "Wrong solutions made right", dots, "made right, %")
    body = f"<figure>{figure}</figure>{_difference_table(repairs[1:])}"
    left_out = "The table shows the own review minus each."
    return f"{told}\n{section('What reviews repair', body, f'{REPAIRS} {left_out}')}"


def _group(appraisal: "Appraisal", group: str) -> "list[Row]":
    return [row for row in appraisal.rows if row.group == group]


def _dots(rows: "Sequence[Row]", *, first: str, rest: str = "before") -> list[Dot]:
    return [
        Dot(
            row.name,
            row.share,
            row.interval,
            "right" if row.note == "ceiling" else first if at == 0 else rest,
        )
        for at, row in enumerate(rows)
        if row.share is not None
    ]


def _gaps(rows: "Sequence[Row]") -> list[Dot]:
    found = [(row.name, row.difference) for row in rows if row.difference is not None]
    return [Dot(f"− {name}", gap.value, gap.interval, _side(*gap.interval)) for name, gap in found]  # noqa: RUF001


def _side(low: float, high: float) -> str:
    return "right" if low > 0 else "wrong" if high < 0 else "before"


def _difference_table(rows: "Sequence[Row]") -> str:
    cells = []
    for row in rows:
        gap = row.difference
        if gap is None:
            continue
        low, high = gap.interval
        note = f'<br><span class="quiet">{shown(row.note)}</span>' if row.note not in ("", row.name) else ""
        cells.append(
            [
                f"<th scope=row>{shown(row.name)}{note}</th>",
                f"<td>{'' if row.share is None else percent(row.share)}</td>",
                f"<td><strong>{points(gap.value)}</strong></td>",
                f'<td class="quiet extra">{points(low)} to {points(high)}</td>',
                f"<td>{p_html(gap.p_holm).removeprefix('= ')}</td>",
            ]
        )
    return table(("", "Share", "Points", "95&nbsp;% interval", "Corrected&nbsp;p"), cells)
