"""Prompts as lines: who is asked, how, and every message in full; what earlier turns said in them stands out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutelage.graphs.console.styled import Line, Span, block, brief, line, value_lines
from tutelage.graphs.console.visit_text import DIGITS

if TYPE_CHECKING:
    from tutelage.graphs.debugging.prompts import PromptView
    from tutelage.graphs.debugging.view import PendingPrompt

__all__ = ["message_lines", "pending_lines", "prompt_lines", "settings_text"]


def pending_lines(request: "PendingPrompt") -> Iterator[Line]:
    """Say who is about to be asked, and how."""
    count = "" if request.token_ids is None else f", {len(request.token_ids):,} tokens"
    times = f", {request.samples} times" if request.samples != 1 else ""
    yield line(Span(request.role, "node"), f" will be asked{times}{count}; {settings_text(request.sampling)}")
    for tool in request.tools:
        yield line(Span("  tool ", "dim"), brief(tool, 90))


def prompt_lines(view: "PromptView") -> Iterator[Line]:
    """Show what a turn read."""
    count = "" if view.token_ids is None else f", {len(view.token_ids):,} tokens"
    yield line(
        Span(view.role, "node"),
        f" {view.turn_id[-DIGITS:]}, call {view.call + 1}, policy {view.policy}{count}; {settings_text(view.sampling)}",
    )
    yield from message_lines(view.messages)
    for said in view.quotations:
        who = said.author or said.role
        yield line(
            Span(f"  message {said.message + 1}, characters {said.start} to {said.end}: ", "dim"),
            Span(f"said by {who} {said.turn_id[-DIGITS:]}", "dim"),
        )


def message_lines(messages: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Show messages in full, each under its role."""
    for number, message in enumerate(messages, 1):
        rest = {key: value for key, value in message.items() if key not in ("role", "content") and value}
        yield line(Span(f"{number} {message.get('role')}", "bold"))
        content = message.get("content")
        if content is not None:
            yield from block(content) if isinstance(content, str) else value_lines(content)
        if rest:
            yield from value_lines(rest)


def settings_text(sampling: Mapping[str, Any]) -> str:
    """Say how a call is sampled; what is recorded of it does not matter here."""
    return ", ".join(
        f"{key} {brief(value)}" for key, value in sampling.items() if value and key != "logprobs"
    )
