"""What the page's buttons do with a session: one action each, with the names and arguments of `Session`.

What lets the graph go on, goes through the console, so that the commands of breakpoints are executed as in a terminal.
An argument that an action has not, or that is of another kind, is an error (`bodies`).
Not covered: one thing at a time (`live`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from tutelage.agents.call import changed
from tutelage.errors import UserError
from tutelage.graphs.console.commands.words import json_or_text
from tutelage.graphs.console.reply import Reply
from tutelage.graphs.studio.bodies import (
    Content,
    Contents,
    Fields,
    Flag,
    Messages,
    Place,
    Point,
    Prompt,
    Settings,
    Text,
    Texts,
    Whole,
    check,
    check_kind,
)
from tutelage.graphs.studio.session_view import field_text
from tutelage.types import Sampling

if TYPE_CHECKING:
    from tutelage.graphs.console import Console
    from tutelage.graphs.debugging.view import Place as BreakPlace

__all__ = ["ACTIONS", "Outcome", "act"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action."""

    result: Any = None
    """Plain data or a pydantic model."""
    text: str = ""
    lines: Sequence[Sequence[Sequence[str]]] = ()
    """The text in pieces of one style each: (text, style)."""

    @classmethod
    def of(cls, reply: Reply) -> "Outcome":
        """Take over what the console said.

        Raises:
            UserError: It refused.
        """
        if reply.refused:
            raise UserError(reply.text)
        plain = reply.to_json()
        return cls(reply.data, reply.text, plain["lines"])


def act(console: "Console", name: str, body: Mapping[str, Any]) -> Outcome:
    """Do one thing.

    Raises:
        UserError: There is no such action, an argument is wrong, or the session refuses.
    """
    action = ACTIONS.get(name)
    if action is None:
        raise UserError(f"there is no action {name!r}; there are {', '.join(sorted(ACTIONS))}")
    check(name, action, body, ("console",))
    found = action(console, **body)
    if isinstance(found, Reply):
        return Outcome.of(found)
    return found if isinstance(found, Outcome) else Outcome(found)


def _line(line: str) -> Callable[["Console"], Reply]:
    return lambda console: console.execute(line)


def _until(console: "Console", node: Text) -> Reply:
    return console.execute(f"until {node}")


def _answer(console: "Console", text: Text) -> Reply:
    """Answer with what was typed: what it is as JSON, if it is any, else the text."""
    console.session.answer(json_or_text(text))
    return console.arrived()


def _break(
    console: "Console",
    node: Text | None = None,
    at: Place | None = None,
    role: Text | None = None,
    verdict: Text | None = None,
    score: Text | None = None,
    error: Flag = False,
    tokens: Whole | None = None,
    when: Text | None = None,
    temporary: Flag = False,
    commands: Texts = (),
    ignore: Whole = 0,
) -> Any:
    return console.session.break_on(
        node or None,
        at=cast("BreakPlace | None", at),
        role=role or None,
        verdict=verdict or None,
        score=score or None,
        error=error,
        tokens=tokens or None,
        when=when or None,
        temporary=temporary,
        commands=tuple(commands),
        ignore=ignore,
    )


def _clear(console: "Console", number: Whole | None = None) -> None:
    console.session.clear(number)


def _enable(console: "Console", number: Whole) -> Any:
    return console.session.enable(number)


def _disable(console: "Console", number: Whole) -> Any:
    return console.session.disable(number)


def _change_breakpoint(console: "Console", number: Whole, changes: Fields) -> Any:
    check("change_breakpoint: changes", _changeable, changes, ())
    return console.session.change_breakpoint(number, **changes)


def _changeable(
    enabled: Flag = True,
    ignore: Whole = 0,
    commands: Texts = (),
    when: Text | None = None,
    temporary: Flag = False,
) -> None:
    """What can be changed of a breakpoint; only its arguments count."""


def _set(console: "Console", field: Text, text: Text) -> None:
    """Set a field to what was typed: to the text where text is shown, else to what it is as JSON, if it is any."""
    _, encoded = field_text(console.session.state.get(field))
    console.session.set(field, json_or_text(text) if encoded else text)


def _prompt(
    console: "Console",
    messages: Messages | None = None,
    text: Text | None = None,
    sampling: Settings | None = None,
    contents: Contents | None = None,
) -> None:
    if contents is not None:
        messages = _typed(console, contents)
    console.session.edit_prompt(messages, text=text, sampling=sampling)


def _typed(console: "Console", contents: Contents) -> list[Mapping[str, Any]]:
    """The messages that are about to be sent, with what was typed for their contents, as it is shown, but for `None`."""
    stop = console.session.stop
    waiting = () if stop is None or stop.request is None else stop.request.messages
    if len(contents) != len(waiting):
        raise UserError(f"prompt: there are {len(contents)} contents for {len(waiting)} messages; look again")
    return [
        message if text is None else {**message, "content": _content(message, text, number)}
        for number, (message, text) in enumerate(zip(waiting, contents, strict=True), 1)
    ]


def _content(message: Mapping[str, Any], text: str, number: int) -> Any:
    if not field_text(message.get("content"))[1]:
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(
            f"message {number} was JSON and is none any more; mend it, or undo the edit"
        ) from None
    check_kind(f"prompt: the content of message {number}", Content, found)
    return found


def _say(console: "Console", text: Text) -> None:
    console.session.say(text)


def _rewrite(console: "Console", role: Text, old: Text, new: Text) -> None:
    console.session.rewrite(role, old, new)


def _sample_with(console: "Console", role: Text, sampling: Settings) -> None:
    changed(Sampling(), sampling)
    console.session.sample_with(role, **sampling)


def _fork(
    console: "Console", changes: Fields | None = None, at: Point | None = None, name: Text | None = None
) -> Reply:
    """Begin a branch, and go on with it."""
    return console.move(console.session.fork(changes, at=_at(at), name=name or None))


def _switch(console: "Console", name: Text) -> Reply:
    return console.move(console.session.switch(name))


def _rename(console: "Console", name: Text, to: Text) -> None:
    console.session.switch(name).rename(to)
    if console.session.branch == name:
        console.move(console.session.switch(to))


def _drop(console: "Console", name: Text) -> None:
    console.session.drop(name)


def _resample(
    console: "Console",
    n: Whole,
    at: Point | None = None,
    prompt: Prompt | None = None,
    sampling: Settings | None = None,
    changes: Fields | None = None,
    name: Text | None = None,
) -> Any:
    changed(Sampling(), sampling or {})
    spread = console.session.resample(
        n,
        at=_at(at),
        prompt=prompt or None,
        sampling=sampling or None,
        changes=changes or None,
        name=name or None,
    )
    if spread.n:
        console.spreads.append(spread)
    return spread


def _accept(console: "Console", turn_id: Text | None = None) -> Any:
    return console.session.accept(turn_id)


def _reject(console: "Console", turn_id: Text | None = None) -> Any:
    return console.session.reject(turn_id)


def _correct(console: "Console", text: Text, turn_id: Text | None = None) -> Any:
    return console.session.correct(text, turn_id).id


def _rank(console: "Console", turn_ids: Texts) -> Any:
    return console.session.rank(list(turn_ids))


def _label(console: "Console", step: Whole, right: Flag | None, turn_id: Text | None = None) -> Any:
    return console.session.label_step(step, right, turn_id)


def _teach(console: "Console", name: Text) -> Any:
    """Take another branch for the better one."""
    return list(console.session.teach(console.session.switch(name)))


def _forget(console: "Console", turn_id: Text | None = None) -> None:
    console.session.forget(turn_id)


def _up(console: "Console") -> Any:
    return console.session.up()


def _down(console: "Console") -> Any:
    return console.session.down()


def _why(console: "Console", number: Whole | None = None) -> Any:
    return console.session.why(number)


def _changes(console: "Console", number: Whole | None = None) -> Any:
    return console.session.changes(number)


def _costs(console: "Console") -> Any:
    return console.session.costs()


def _command(console: "Console", line: Text) -> Outcome:
    """Do what a line says; what is refused is said, too, as in a terminal."""
    reply = console.execute(line)
    return Outcome(reply.data, reply.text, reply.to_json()["lines"])


def _at(at: Any) -> Any:
    """A visit's number, or a number and a side; JSON has no tuples."""
    return tuple(at) if isinstance(at, list) else at


ACTIONS: Mapping[str, Callable[..., Any]] = {
    "accept": _accept,
    "answer": _answer,
    "break": _break,
    "change_breakpoint": _change_breakpoint,
    "changes": _changes,
    "clear": _clear,
    "command": _command,
    "correct": _correct,
    "costs": _costs,
    "disable": _disable,
    "down": _down,
    "drop": _drop,
    "enable": _enable,
    "forget": _forget,
    "fork": _fork,
    "label": _label,
    "next": _line("next"),
    "out": _line("return"),
    "prompt": _prompt,
    "rank": _rank,
    "reject": _reject,
    "rename": _rename,
    "resample": _resample,
    "retry": _line("retry"),
    "rewrite": _rewrite,
    "run": _line("continue"),
    "sample_with": _sample_with,
    "say": _say,
    "set": _set,
    "step": _line("step"),
    "switch": _switch,
    "teach": _teach,
    "until": _until,
    "up": _up,
    "why": _why,
}
"""By name; "pause" is none of them, since it comes while another is at work."""
