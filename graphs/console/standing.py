"""Where a session stands, in a few lines: the stop and why, what was changed, what is about to be sent or asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tutelage.graphs.console.prompt_text import settings_text
from tutelage.graphs.console.reply import Reply
from tutelage.graphs.console.styled import Line, Span, Style, block, brief, line, value_lines

if TYPE_CHECKING:
    from tutelage.graphs.debugging.session import Session
    from tutelage.graphs.debugging.view import Change, PendingPrompt, Stop, Visit

__all__ = ["change_line", "end_line", "path_of", "standing", "status_of"]

WORDS = {
    "before": "before",
    "prompt": "at a model call of",
    "after": "after",
    "error": "at an error of",
    "asks": "at a question of",
    "diverged": "where the replay left its record, in",
}
SHOWN = 3
"""Lines of a pending prompt that a stop shows."""


def standing(session: "Session", width: int) -> Reply:
    """Say where a session is held, or how it ended."""
    stop = session.stop
    if stop is None:
        ended = end_line(session)
        return Reply((ended,), {"status": session.status, "branch": session.branch, "stop": None})
    lines = [_head(session, stop), *_told(session, stop, width)]
    data = {"status": session.status, "branch": session.branch, "stop": stop.model_dump(mode="json")}
    return Reply(tuple(lines), data)


def status_of(session: "Session") -> str:
    """Say in a few words where a session is, with the tokens of its branch."""
    stop = session.stop
    where = (
        session.status if stop is None else f"{stop.when} {path_of(stop.visit)}, visit {stop.visit.number}"
    )
    visits = session.visits()
    read = sum(each.prompt_tokens for each in visits)
    written = sum(each.completion_tokens for each in visits)
    return f" {session.branch} | {where} | tokens: {read:,} read, {written:,} written "


def path_of(visit: "Visit") -> str:
    """The node of a visit with the nodes around it."""
    return "/".join((*visit.within, visit.node))


def end_line(session: "Session") -> Line:
    """Say how a branch ended, or that it runs."""
    here = next((each for each in session.branches() if each.name == session.branch), None)
    if session.status == "failed":
        why = session.error or "why is not on record"
        return line(Span("failed", "bad"), f", branch {session.branch}: {why}")
    if session.status != "done" or here is None:
        return line(Span(session.status, "bold"), f", branch {session.branch}")
    answer = "no answer" if here.answer is None else f"answer {here.answer}"
    parts: list[str | Span] = [Span("the end", "bold"), f" of branch {session.branch}: {answer}"]
    if here.passed is not None:
        parts += [", ", Span("right", "good") if here.passed else Span("wrong", "bad")]
    if here.value is not None:
        parts.append(f" ({here.value:.4g})")
    return tuple(each if isinstance(each, Span) else Span(each) for each in parts)


def change_line(change: "Change", width: int) -> Line:
    """A field's name, its value before and after; of a list that has grown what is new."""
    before, after = change.before, change.after
    if isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before:
        new = brief(after[len(before) :], max(20, width - len(change.field) - 20))
        return line("  ", Span(change.field, "bold"), f": {len(before)} → {len(after)} items, new ", new)
    half = max(12, (width - len(change.field) - 8) // 2)
    return line(
        "  ",
        Span(change.field, "bold"),
        ": ",
        Span(brief(change.before, half), "dim"),
        " → ",
        brief(change.after, half),
    )


def _head(session: "Session", stop: "Stop") -> Line:
    style: Style = "bad" if stop.when in ("error", "diverged") else "heading"
    return line(
        Span("> ", "dim"),
        Span(f"{WORDS[stop.when]} ", style),
        Span(path_of(stop.visit), "node"),
        Span(f"  visit {stop.visit.number}, {session.branch}: {stop.why}", "dim"),
    )


def _told(session: "Session", stop: "Stop", width: int) -> Iterator[Line]:
    if stop.error is not None:
        yield from block(stop.error, style="bad")
    if stop.when == "after":
        for change in session.changes(stop.visit.number):
            yield change_line(change, width)
    if stop.when == "asks":
        yield from value_lines(stop.question)
        yield line(Span("  answer it with: answer JSON", "dim"))
    if stop.request is not None:
        yield from _pending(stop.request, width)


def _pending(request: "PendingPrompt", width: int) -> Iterator[Line]:
    text = "" if not request.messages else str(request.messages[-1].get("content") or "")
    lines = text.split("\n")
    settings = settings_text(request.sampling)
    times = f", {request.samples} times" if request.samples != 1 else ""
    count = len(request.messages)
    yield line(
        "  ", Span(request.role, "node"), f" is asked{times}: {count} message{'s' * (count != 1)}; {settings}"
    )
    for each in lines[:SHOWN]:
        yield line("    ", each if len(each) <= width else f"{each[: width - 1]}…")
    if len(lines) > SHOWN:
        yield line(Span(f"    … {len(lines) - SHOWN} lines more: prompt", "dim"))
