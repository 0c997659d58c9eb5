"""The figures: SVG by matplotlib, whose colours are the page's own CSS variables.

Every figure is drawn twice, wide and narrow, since an SVG that is merely scaled down cannot be read on a
phone. Text stays text. Not covered: figures for print (the colours need the page).
"""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from tutelage.errors import MissingDependency
from tutelage.training.report.text import visible
from tutelage.training.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tutelage.training.comparison import Comparison
    from tutelage.training.evaluation import Evaluation

__all__ = ["COLOURS", "accuracy_and_tokens", "before_and_after", "figures", "pairs_bar", "short"]

COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "rule": "#030303",
    "card": "#040404",
    "before": "#050505",
    "after": "#060606",
    "right": "#070707",
    "wrong": "#080808",
    "quiet": "#090909",
}
"""What matplotlib draws with; each becomes `var(--name)`."""
WIDTHS = (("wide", 7.6), ("narrow", 3.7))
"""Class and width in inches of 96 pixels."""
STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": COLOURS["ink"],
    "axes.edgecolor": COLOURS["rule"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.color": COLOURS["rule"],
    "ytick.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.7,
}

Draw = Callable[["Axes", bool], None]


def accuracy_and_tokens(methods: Sequence["Evaluation"], trained: str | None = None) -> str:
    """Accuracy with its 95 % interval against the tokens an attempt took, one point a method.

    Args:
        methods: those without a token count are left out.
        trained: the name of the one to show in the colour of "after".

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    known = [(each, each.tokens_per_attempt) for each in methods]
    points = [(each, tokens) for each, tokens in known if tokens is not None]

    def draw(axes: "Axes", narrow: bool) -> None:
        for each, tokens in points:
            colour = COLOURS["after" if each.name == trained else "before"]
            low, high = each.interval
            axes.plot([tokens, tokens], [100 * low, 100 * high], color=colour, lw=1.6, alpha=0.55, zorder=2)
            axes.plot(
                tokens, 100 * each.accuracy, "o", color=colour, ms=8, mec=COLOURS["card"], mew=1.5, zorder=3
            )
        _label_points(axes, points, narrow)
        _token_axis(axes, [tokens for _, tokens in points])
        axes.set_ylabel("accuracy, %")
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        _room(axes, [each.interval for each, _ in points])

    names = ", ".join(f"{each.name} {100 * each.accuracy:.1f} %" for each, _ in points)
    return figures("accuracy", f"Accuracy against tokens an attempt: {names}", 3.9, draw)


def before_and_after(comparison: "Comparison") -> str:
    """Accuracy of every family before and after, with intervals: one row a family.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    before, after = comparison.before.families(), comparison.after.families()
    names = sorted(before, key=lambda name: after[name].accuracy - before[name].accuracy)

    def draw(axes: "Axes", narrow: bool) -> None:
        for row, name in enumerate(names):
            first, second = before[name], after[name]
            values = 100 * first.accuracy, 100 * second.accuracy
            axes.plot(values, [row, row], color=COLOURS["quiet"], lw=5, solid_capstyle="round", zorder=1)
            for each, offset, colour in ((first, -0.22, "before"), (second, 0.22, "after")):
                low, high = each.interval
                at = [row + offset, row + offset]
                axes.plot([100 * low, 100 * high], at, color=COLOURS[colour], lw=1.4, alpha=0.5, zorder=2)
            for value, colour in zip(values, ("before", "after"), strict=True):
                axes.plot(
                    value, row, "o", color=COLOURS[colour], ms=8, mec=COLOURS["card"], mew=1.5, zorder=3
                )
        axes.set_yticks(
            range(len(names)), [short(name or "no family", narrow) for name in names], parse_math=False
        )
        axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"], pad=8)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("accuracy, %")
        axes.grid(axis="x")
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="x", length=0)

    told = ", ".join(
        f"{name} {100 * before[name].accuracy:.0f} to {100 * after[name].accuracy:.0f} %" for name in names
    )
    return figures("families", f"Accuracy before and after by family: {told}", 0.9 + 0.5 * len(names), draw)


def pairs_bar(comparison: "Comparison") -> str:
    """What became of every pair: one stacked bar.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    parts = (
        (comparison.both, "right", 0.55),
        (comparison.wrong_to_right, "right", 1.0),
        (comparison.right_to_wrong, "wrong", 1.0),
        (comparison.neither, "quiet", 1.0),
    )

    def draw(axes: "Axes", narrow: bool) -> None:
        start = 0
        for count, colour, alpha in parts:
            axes.barh(
                0, count, left=start, color=COLOURS[colour], alpha=alpha, edgecolor=COLOURS["card"], lw=2
            )
            start += count
        axes.set_xlim(0, max(1, start))
        axes.set_axis_off()

    told = (
        f"{comparison.both} right on both sides, {comparison.wrong_to_right} wrong to right, "
        f"{comparison.right_to_wrong} right to wrong, {comparison.neither} wrong on both sides"
    )
    return figures("pairs", told, 0.42, draw)


def _label_points(axes: "Axes", points: Sequence[tuple["Evaluation", float]], narrow: bool) -> None:
    """Write every name beside its point, towards the side where there is room."""
    longest = max((tokens for _, tokens in points), default=1.0)
    shortest = min((tokens for _, tokens in points), default=1.0)
    for each, tokens in points:
        left = longest > shortest and tokens > (longest * shortest) ** 0.5
        axes.annotate(
            short(each.name, narrow),
            (tokens, 100 * each.accuracy),
            xytext=(-9 if left else 9, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=7.5 if narrow else 9,
            zorder=4,
            parse_math=False,
            bbox={"facecolor": COLOURS["card"], "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        )


def short(name: str, narrow: bool) -> str:
    """A name that leaves room for the data."""
    text, most = visible(name), 22 if narrow else 32
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _token_axis(axes: "Axes", tokens: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    axes.set_xlabel("tokens an attempt, read and written")
    if not tokens:
        return
    low, high = min(tokens), max(tokens)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.6, high * 1.6)
    steps = [base * 10**power for power in range(8) for base in (1, 2, 5)]
    axes.set_xticks([step for step in steps if low / 1.6 <= step <= high * 1.6])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _room(axes: "Axes", intervals: Sequence[Interval]) -> None:
    if intervals:
        low, high = min(each.low for each in intervals), max(each.high for each in intervals)
        axes.set_ylim(max(0.0, 100 * low - 5), min(100.0, 100 * high + 5))


def figures(name: str, label: str, height: float, draw: Draw) -> str:
    """Draw a figure in both widths."""
    return "\n".join(_figure(f"{name}-{kind}", kind, label, width, height, draw) for kind, width in WIDTHS)


def _figure(salt: str, kind: str, label: str, width: float, height: float, draw: Draw) -> str:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingDependency(
            "the page needs the package 'matplotlib': pip install 'tutelage[report]'"
        ) from None
    stream = io.StringIO()
    settings: Any = {**STYLE, "svg.hashsalt": salt}
    with rc_context(settings), warnings.catch_warnings():
        # The browser's fonts draw the text, not matplotlib's.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot(), kind == "narrow")
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(stream.getvalue(), kind, label)


def _inline(svg: str, kind: str, label: str) -> str:
    """An SVG document as part of a page: no head, no ids that could clash, the page's colours and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->|<style.*?</style>|<defs>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    size = re.search(r'viewBox="([^"]*)"', svg)
    box = size[1] if size else "0 0 1 1"
    head = (
        f'<svg class="{kind}" role="img" aria-label="{escape(visible(label))}" viewBox="{box}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    svg = re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    return re.sub(r"\n\s*\n+", "\n", svg).strip()
