"""Lines of text for people: how far a batch is, and what is in flight. Where a rollout is held, a session's lines say."""

from collections.abc import Iterator

from tutelage.graphs.console.standing import WORDS, path_of
from tutelage.graphs.console.styled import Line, Span, Style, line
from tutelage.graphs.control.reports import BatchStatus, InFlight

__all__ = ["flight_line", "status_lines"]

STYLES: dict[str, Style] = {"running": "plain", "paused": "dim", "held": "warning"}


def status_lines(status: BatchStatus) -> Iterator[Line]:
    """Say how far a batch is."""
    share = f", {100 * status.passed / status.judged:.1f} % right" if status.judged else ""
    failed = f", {status.failed} failed" if status.failed else ""
    yield line(Span(status.name, "bold"), f"  {status.done}/{status.total} rollouts{share}{failed}")
    speed = "" if status.speed is None else f", {status.speed:,.0f} a second"
    yield line(f"  {status.tokens:,} tokens{speed}; {status.seconds:,.0f} s; process {status.process}")
    waiting = f", {status.waiting} waiting" if status.waiting else ""
    held = f", {status.held} held" if status.held else ""
    paused = (Span("  paused", "warning"),) if status.paused else ()
    yield line(f"  {status.flying} in flight{held}{waiting}; at most {status.concurrency} at once", *paused)
    if status.passed_by:
        yield line(f"  breakpoints let {status.passed_by} pass: too many rollouts were held")
    for task, error in status.failures:
        yield line("  ", Span(task, "bold"), " failed: ", Span(error, "bad"))


def flight_line(flight: InFlight, picked: bool) -> Line:
    """Say where a rollout in flight is."""
    nodes = ", ".join(flight.nodes) or "-"
    repeat = f"/{flight.repeat}" if flight.repeat else ""
    stop = flight.stop
    told = "" if stop is None else f"  {WORDS[stop.when]} {path_of(stop.visit)}: {stop.why}"
    return line(
        Span("> " if picked else "  ", "dim"),
        Span(f"{flight.number:>5}", "bold"),
        f"  {flight.task}{repeat}  ",
        Span(flight.status, STYLES[flight.status]),
        "  ",
        Span(nodes, "node"),
        f"  {flight.seconds:.1f} s, {flight.waited:.1f} s here{told}",
    )
