"""Lines of text for people: how far a batch is, what is in flight, and where a rollout is held."""

from collections.abc import Iterable, Iterator

from tutelage.graphs.console.styled import Line, Span, Style, block, brief, line, value_lines
from tutelage.graphs.control.reports import BatchStatus, Held, InFlight
from tutelage.graphs.debugging.view import Change, Stop

__all__ = ["change_lines", "flight_line", "standing", "status_lines"]

PLACES = {
    "before": "before",
    "prompt": "at a model call of",
    "after": "after",
    "error": "at an error of",
    "asks": "at a question of",
}
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
    told = "" if flight.stop is None else f"  {_place(flight.stop)}: {flight.stop.why}"
    return line(
        Span("> " if picked else "  ", "dim"),
        Span(f"{flight.number:>5}", "bold"),
        f"  {flight.task}{repeat}  ",
        Span(flight.status, STYLES[flight.status]),
        "  ",
        Span(nodes, "node"),
        f"  {flight.seconds:.1f} s, {flight.waited:.1f} s here{told}",
    )


def standing(held: Held) -> Iterator[Line]:
    """Say where a rollout is held."""
    stop, flight = held.stop, held.flight
    style: Style = "bad" if stop.when == "error" else "heading"
    where = f"  rollout {flight.number}, task {flight.task}, visit {stop.visit.number}: {stop.why}"
    yield line(Span("> ", "dim"), Span(_place(stop), style), Span(where, "dim"))
    if stop.error is not None:
        yield from block(stop.error, style="bad")
    if stop.when == "asks":
        yield from value_lines(stop.question)
    if stop.request is not None:
        last = stop.request.messages[-1] if stop.request.messages else {}
        yield line(f"  {stop.request.role} is asked: ", brief(last.get("content"), 80))
    yield from change_lines(held.changes)
    if held.waiting:
        yield line(Span(f"  {held.waiting} more of this rollout wait behind this", "dim"))


def change_lines(changes: Iterable[Change]) -> Iterator[Line]:
    """Say which fields became what."""
    for each in changes:
        yield line("  ", Span(each.field, "bold"), f": {brief(each.before, 40)} → {brief(each.after, 60)}")


def _place(stop: Stop) -> str:
    return f"{PLACES[stop.when]} {'/'.join((*stop.visit.within, stop.visit.node))}"
