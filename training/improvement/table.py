"""The leaderboard for people. Not covered: colours."""

from collections.abc import Sequence

from tutelage.training.improvement.leaderboard import Difference, Version
from tutelage.training.improvement.monitors import Reading
from tutelage.training.tables import aligned, p_text, percent

__all__ = ["leaderboard_table"]

HEAD = [
    "round",
    "policy",
    "parents",
    "accuracy",
    "95 % interval",
    "to first",
    "to previous",
    "rows",
    "tokens",
]


def leaderboard_table(versions: Sequence[Version], current: Version) -> str:
    """One line a version, then what was decided and what the monitors say."""
    lines = aligned([HEAD, *(_row(each, each == current) for each in versions)])
    for each in versions:
        lines.append(f"round {each.round}: {each.why}{_passed(each)}")
        lines += [f"  {_said(reading)}" for reading in each.readings if each.round]
    lines.append(
        f"current: round {current.round}, policy {current.policy}, on {current.tasks:,} development tasks"
    )
    return "\n".join(lines)


def _row(version: Version, current: bool) -> list[str]:
    low, high = version.interval
    return [
        f"{version.round}{'*' if current else ''}",
        version.policy,
        " ".join(version.parents) or "-",
        percent(version.accuracy),
        f"{100 * low:.1f} to {100 * high:.1f} %",
        _points(version.to_first),
        _points(version.to_previous),
        f"{version.rows:,}" if version.rows else "-",
        f"{version.tokens:,}" if version.tokens is not None else "-",
    ]


def _points(difference: Difference | None) -> str:
    return "-" if difference is None else f"{100 * difference.points:+.1f} (p {p_text(difference.p_value)})"


def _passed(version: Version) -> str:
    if version.truth is None:
        return ""
    by_proxy = "" if version.proxy is None else f", {percent(version.proxy)} by the proxy"
    return f"; of the round's solutions {percent(version.truth)} were right{by_proxy}"


def _said(reading: Reading) -> str:
    mark = {"fine": "", "warn": "  WARNING", "stop": "  STOP"}[reading.level]
    note = f" ({reading.note})" if reading.note else ""
    return f"{reading.monitor}: {reading.first:.3g} → {reading.value:.3g}{note}{mark}"
