"""Figures of an appraisal: dots with intervals, `pass@k` curves, what became of first solutions.

Drawn as in `plots`: SVG in two widths, in the page's colours. Not covered: what the figures mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutelage.training.report.plots import COLOURS, figures, short
from tutelage.training.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tutelage.training.shares import Flow, PassAt

__all__ = ["Dot", "curves_figure", "dots_figure", "flow_figure"]

LINES = ("after", "before", "right", "wrong")
"""The colours of curves, in their order."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One value with its interval; shares or differences of shares."""

    name: str
    value: float
    interval: Interval
    colour: str = "before"


def dots_figure(name: str, label: str, dots: Sequence[Dot], axis: str, *, zero: bool = False) -> str:
    """One row a dot, from top to bottom, with its interval.

    Args:
        name: of the figure, unique on the page.
        label: what it shows, for those who do not see it; the values are added.
        dots: what to draw.
        axis: what the axis is.
        zero: draw a line at 0 (for differences), and let the axis follow the data.

    Raises:
        MissingDependency: matplotlib is not installed.
    """

    def draw(axes: "Axes", narrow: bool) -> None:
        if zero:
            axes.axvline(0, color=COLOURS["muted"], lw=1.0, zorder=1)
        for row, dot in enumerate(dots):
            colour, (low, high) = COLOURS[dot.colour], dot.interval
            axes.plot([100 * low, 100 * high], [row, row], color=colour, lw=2.2, alpha=0.5, zorder=2)
            axes.plot(100 * dot.value, row, "o", color=colour, ms=8, mec=COLOURS["card"], mew=1.5, zorder=3)
        axes.set_yticks(range(len(dots)), [short(dot.name, narrow) for dot in dots], parse_math=False)
        axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"], pad=8)
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(len(dots) - 0.4, -0.6)
        ends = [100 * each for dot in dots for each in dot.interval]
        axes.set_xlim(*_room([*ends, 0] if zero else ends))
        axes.set_xlabel(axis)
        axes.grid(axis="x")
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)

    told = ", ".join(f"{dot.name} {100 * dot.value:{'+' if zero else ''}.1f}" for dot in dots)
    return figures(name, f"{label}: {told}", 0.75 + 0.36 * len(dots), draw)


def curves_figure(curves: "Sequence[tuple[str, Sequence[PassAt]]]") -> str:
    """`pass@k` of every curve with its 95 % interval as a band, k doubling.

    Raises:
        MissingDependency: matplotlib is not installed.
    """

    def draw(axes: "Axes", narrow: bool) -> None:
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

        for at, (_, points) in enumerate(curves):
            colour = COLOURS[LINES[at % len(LINES)]]
            ks = [point.k for point in points]
            axes.fill_between(
                ks,
                [100 * point.interval.low for point in points],
                [100 * point.interval.high for point in points],
                color=colour,
                alpha=0.16,
                lw=0,
            )
            axes.plot(ks, [100 * point.value for point in points], "o-", color=colour, ms=5, lw=1.8)
        axes.set_xscale("log", base=2)
        sizes = sorted({point.k for _, points in curves for point in points})
        powers = [k for k in sizes if k & (k - 1) == 0]
        axes.xaxis.set_major_locator(FixedLocator(powers))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        axes.set_xlabel("k, samples")
        axes.set_ylabel("pass@k, %")
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)

    told = "; ".join(
        f"{name}: " + ", ".join(f"k={point.k} {100 * point.value:.1f} %" for point in points)
        for name, points in curves
    )
    return figures("pass-at-k", f"The chance that one of k samples is right. {told}", 3.0, draw)


def flow_figure(flow: "Flow") -> str:
    """Two stacked bars: what became of right and of wrong first solutions.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    bars = (
        ("first right", flow.stays_right, ("right", 0.55), ("wrong", 1.0)),
        ("first wrong", flow.becomes_right, ("right", 1.0), ("quiet", 1.0)),
    )

    def draw(axes: "Axes", narrow: bool) -> None:
        for row, (_, share, *kinds) in enumerate(bars):
            start = 0
            counts = (share.successes, share.trials - share.successes)
            for count, (colour, alpha) in zip(counts, kinds, strict=True):
                axes.barh(
                    row,
                    count,
                    left=start,
                    height=0.62,
                    color=COLOURS[colour],
                    alpha=alpha,
                    edgecolor=COLOURS["card"],
                    lw=2,
                )
                start += count
        axes.set_yticks(range(2), [name for name, *_ in bars])
        axes.set_ylim(1.5, -0.5)
        axes.set_xlim(0, max(1, *(share.trials for _, share, *_ in bars)))
        axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"], pad=8)
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("attempts")
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)

    told = ", ".join(f"{name}: {share.successes} of {share.trials} end right" for name, share, *_ in bars)
    return figures("flow", f"First and final solutions. {told}", 1.35, draw)


def _room(ends: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that hold the intervals with some air."""
    low, high = min(ends), max(ends)
    air = max(1.0, 0.06 * (high - low))
    return max(-101.0, low - air), min(101.0, high + air)
