"""The parts of the page as HTML: figures in numbers, tables, the paired comparison. Not covered: the story."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tutelage.training.report.plots import accuracy_and_tokens, before_and_after, pairs_bar
from tutelage.training.report.text import shown
from tutelage.training.tables import p_text, percent

if TYPE_CHECKING:
    from tutelage.training.comparison import Comparison
    from tutelage.training.evaluation import Evaluation
    from tutelage.training.statistics import Interval

__all__ = [
    "comparison_section",
    "families_section",
    "lead",
    "methods_section",
    "named",
    "notes_section",
    "p_html",
    "points",
    "range_text",
    "section",
    "table",
    "tile",
]


def section(title: str, body: str, note: str = "") -> str:
    """A card with a heading and a line of explanation."""
    told = f'<p class="note">{note}</p>' if note else ""
    return f"<section>\n<h2>{shown(title)}</h2>\n{told}\n{body}\n</section>"


def lead(comparison: "Comparison") -> str:
    """The result in one sentence and three numbers."""
    low, high = comparison.interval
    before, after = (f"<b>{shown(side.name)}</b>" for side in (comparison.before, comparison.after))
    if low > 0 or high < 0:
        word, size = "better" if low > 0 else "worse", 100 * abs(comparison.difference)
        verdict = f"{after} is {word} than {before} by {size:.1f} points"
    else:
        verdict = f"{after} and {before} may be equally good: the difference is {points(comparison.difference)} points"
    said = (
        f'<p class="lead">{verdict} on the same {comparison.n:,} tasks '
        f"(95&nbsp;% interval {points(low)} to {points(high)}, p&nbsp;{p_html(comparison.p_value)}).</p>"
    )
    tiles = [
        tile(
            "before",
            comparison.before.name,
            percent(comparison.before.accuracy),
            range_text(comparison.before.interval),
        ),
        tile(
            "after",
            comparison.after.name,
            percent(comparison.after.accuracy),
            range_text(comparison.after.interval),
        ),
        tile(
            "change", "difference, points", points(comparison.difference), f"{points(low)} to {points(high)}"
        ),
    ]
    return f'{said}\n<div class="tiles">{"".join(tiles)}</div>'


def methods_section(methods: Sequence["Evaluation"], trained: str | None) -> str:
    """Accuracy against tokens: figure and table."""
    counted = any(each.tokens_per_attempt is not None for each in methods)
    figure = f"<figure>{accuracy_and_tokens(methods, trained)}</figure>" if counted else ""
    rows = [
        [
            f"<th scope=row>{named(each.name, 'after' if each.name == trained else 'before')}</th>",
            f"<td>{each.n:,}</td>",
            f"<td><strong>{percent(each.accuracy)}</strong></td>",
            f'<td class="quiet extra">{range_text(each.interval)}</td>',
            f"<td>{_tokens(each)}</td>",
        ]
        for each in methods
    ]
    head = ("Method", "Tasks", "Accuracy", "95&nbsp;% interval", "Tokens an attempt")
    note = "Higher is better, further left is cheaper. Lines are 95&nbsp;% intervals."
    return section("Accuracy and what it costs", figure + table(head, rows), note if figure else "")


def comparison_section(comparison: "Comparison") -> str:
    """What became of every pair."""
    legend = [
        ("right faint", "right on both sides", comparison.both),
        ("right", "wrong, then right", comparison.wrong_to_right),
        ("wrong", "right, then wrong", comparison.right_to_wrong),
        ("quiet", "wrong on both sides", comparison.neither),
    ]
    items = "".join(
        f'<li><span class="swatch {kind}"></span><b>{count:,}</b> {text}</li>' for kind, text, count in legend
    )
    note = (
        f"Every task was solved by both sides. {comparison.test[0].upper() + comparison.test[1:]} test: "
        f"p&nbsp;{p_html(comparison.p_value)}. Interval of the difference: {comparison.interval_method}."
    )
    left_out = (
        f" {comparison.unpaired:,} tasks that only one side has are left out." if comparison.unpaired else ""
    )
    body = f'<figure class="bar">{pairs_bar(comparison)}</figure><ul class="legend">{items}</ul>'
    return section("What changed", body, note + left_out)


def families_section(
    comparison: "Comparison", title: str = "Before and after, by family", note: str = "", *, least: int = 2
) -> str:
    """Both sides by family: figure and table; nothing with fewer families than `least`."""
    before, after = comparison.before.families(), comparison.after.families()
    if len(before) < least:
        return ""
    rows = [
        [
            f"<th scope=row>{shown(name or 'no family')}</th>",
            f"<td>{each.n:,}</td>",
            f'<td>{percent(each.accuracy)}</td><td class="quiet extra">{range_text(each.interval)}</td>',
            f"<td><strong>{percent(after[name].accuracy)}</strong></td>",
            f'<td class="quiet extra">{range_text(after[name].interval)}</td>',
            f"<td>{points(after[name].accuracy - each.accuracy)}</td>",
        ]
        for name, each in sorted(before.items(), key=lambda item: item[1].accuracy - after[item[0]].accuracy)
    ]
    head = ("Family", "Tasks", "Before", "95&nbsp;%", "After", "95&nbsp;%", "Points")
    key = (
        f'<p class="key">{named(comparison.before.name, "before")}{named(comparison.after.name, "after")}</p>'
    )
    figure = f"{key}<figure>{before_and_after(comparison)}</figure>"
    return section(title, figure + table(head, rows), note)


def notes_section(notes: Mapping[str, str]) -> str:
    """How it was measured, as a list of terms."""
    if not notes:
        return ""
    items = "".join(f"<dt>{shown(term)}</dt><dd>{shown(text)}</dd>" for term, text in notes.items())
    return section("How it was measured", f"<dl>{items}</dl>")


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")  # noqa: RUF001 (a minus sign)


def tile(kind: str, name: str, number: str, below: str) -> str:
    """One large number."""
    return (
        f'<div class="tile {kind}"><span class="label">{shown(name)}</span>'
        f'<span class="number">{number}</span><span class="below">{below}</span></div>'
    )


def named(name: str, kind: str) -> str:
    """A name with its colour."""
    return f'<span class="name"><span class="dot {kind}"></span>{shown(name)}</span>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    heads = "".join(f"<th scope=col{_extra(each)}>{each}</th>" for each in head)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _extra(head: str) -> str:
    """Interval columns are left out on narrow screens, where the figure above shows them."""
    return ' class="extra"' if head.startswith("95") else ""


def range_text(interval: "Interval") -> str:
    """An interval of shares."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}&nbsp;%"


def _tokens(evaluation: "Evaluation") -> str:
    mean = evaluation.tokens_per_attempt
    return '<span class="quiet">unknown</span>' if mean is None else f"{mean:,.0f}"


def p_html(value: float) -> str:
    """A p-value with its sign of equality."""
    text = p_text(value)
    return text.replace("<", "&lt;") if text.startswith("<") else f"= {text}"
