"""A running batch by lines of text: `execute(attached, line)`, with a session's words for the rollout that is picked.

Every reply is a `Reply`: lines that no terminal can obey, and the same as plain data. What cannot be done is a reply that
says why. Waiting (`s`, `pick`, `wait`) may be broken off with Ctrl-C. Not covered: branches, resampling and teaching;
they belong to sessions over stored runs (`tutelage debug RUN`).
"""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.console.breakpoint_text import breakpoint_line, wanted
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import Span, block, line, value_lines
from tutelage.graphs.control.standing import change_lines, flight_line, standing, status_lines
from tutelage.graphs.debugging.conditions import evaluate, nearest

if TYPE_CHECKING:
    from tutelage.graphs.control.client import Attached
    from tutelage.graphs.control.reports import Held, InFlight

__all__ = ["WORDS", "execute"]

Does = Callable[["Attached", str], Reply]


@dataclass(frozen=True, slots=True)
class Word:
    """Something that can be typed."""

    usage: str
    about: str
    does: Does


def execute(batch: "Attached", text: str) -> Reply:
    """Do what a line says.

    Args:
        batch: What is attached to.
        text: A command and what it takes.
    """
    name, _, rest = text.strip().partition(" ")
    if not name:
        return _news(batch)
    try:
        whole = SHORT.get(name, name)
        if whole not in WORDS:
            near = nearest(name, WORDS)
            raise UserError(f"unknown command {name!r}; {near}")
        return WORDS[whole].does(batch, rest.strip())
    except TutelageError as error:
        return Reply(tuple(line(Span(each, "bad")) for each in str(error).split("\n")), refused=True)


def _status(batch: "Attached", rest: str) -> Reply:
    status = batch.status(content=rest == "errors")
    return Reply(tuple(status_lines(status)), status.model_dump(mode="json"))


def _ps(batch: "Attached", rest: str) -> Reply:
    flights = batch.flights()
    lines = tuple(flight_line(each, each.number == batch.picked) for each in flights)
    return Reply(lines or (line("nothing is in flight"),), [each.model_dump(mode="json") for each in flights])


def _pause(batch: "Attached", rest: str) -> Reply:
    if rest not in ("", "now", "--now"):
        raise UserError(f"pause takes nothing or 'now', not {rest!r}")
    status = batch.pause(now=bool(rest), timeout=3)
    left = status.flying - status.held - status.waiting
    moving = f"; {left} still in a node, held at its end" if left else ""
    return said(
        f"paused: no rollout begins, {status.waiting} wait{moving}", data=status.model_dump(mode="json")
    )


def _resume(batch: "Attached", rest: str) -> Reply:
    batch.resume()
    return said("the batch goes on")


def _concurrency(batch: "Attached", rest: str) -> Reply:
    if not rest.isdecimal():
        raise UserError("concurrency takes a whole number from 1 on")
    batch.retune(int(rest))
    return said(f"at most {int(rest)} rollouts at once from now on")


def _stop(batch: "Attached", rest: str) -> Reply:
    batch.stop()
    return Reply(said("the batch stops as with Ctrl-C; the same command continues it").lines, ended=True)


def _pick(batch: "Attached", rest: str) -> Reply:
    if not rest:
        raise UserError("pick takes a number, a task's id, the beginning of a rollout's id, or next")
    return _arrived(batch, batch.pick(rest))


def _wait(batch: "Attached", rest: str) -> Reply:
    return _arrived(batch, batch.wait())


def _step(batch: "Attached", rest: str) -> Reply:
    return _arrived(batch, batch.step())


def _next(batch: "Attached", rest: str) -> Reply:
    return _arrived(batch, batch.next())


def _out(batch: "Attached", rest: str) -> Reply:
    return _arrived(batch, batch.out())


def _until(batch: "Attached", rest: str) -> Reply:
    return _arrived(batch, batch.until(rest))


def _continue(batch: "Attached", rest: str) -> Reply:
    number = batch.picked
    batch.go()
    batch.picked = None
    return said(f"rollout {number} goes on") + _news(batch)


def _break(batch: "Attached", rest: str, temporary: bool = False) -> Reply:
    if not rest:
        points = batch.breakpoints()
        lines = tuple(map(breakpoint_line, points)) or (line("there are no breakpoints"),)
        return Reply(lines, [each.model_dump(mode="json") for each in points])
    made = batch.break_on(**wanted(rest), temporary=temporary)
    return Reply((breakpoint_line(made),), made.model_dump(mode="json"))


def _clear(batch: "Attached", rest: str) -> Reply:
    if rest and not rest.isdecimal():
        raise UserError("clear takes a breakpoint's number, or nothing for all")
    batch.clear(int(rest) if rest else None)
    return said("cleared")


def _look(batch: "Attached", rest: str) -> Reply:
    held = batch.look()
    return Reply(tuple(standing(held)), held.model_dump(mode="json"))


def _p(batch: "Attached", rest: str) -> Reply:
    state = batch.look().state
    value = evaluate(rest, {"state": state, **state})
    return Reply(tuple(value_lines(value)), value)


def _state(batch: "Attached", rest: str) -> Reply:
    state = batch.look().state
    if not rest:
        lines = [
            each for name, value in state.items() for each in (line(Span(name, "bold")), *value_lines(value))
        ]
        return Reply(tuple(lines), state)
    if rest not in state:
        raise UserError(f"the state has no {rest!r}; {nearest(rest, state)}")
    return Reply(tuple(value_lines(state[rest])), state[rest])


def _changes(batch: "Attached", rest: str) -> Reply:
    changes = batch.look().changes
    lines = tuple(change_lines(changes)) or (line("nothing was changed here"),)
    return Reply(lines, [each.model_dump(mode="json") for each in changes])


def _prompt(batch: "Attached", rest: str) -> Reply:
    request = batch.look().stop.request
    if request is None:
        raise UserError("nothing is about to be sent here; s steps to the next model call")
    lines = [line(f"{request.role} is asked for {request.samples}: {json.dumps(request.sampling)}")]
    for message in request.messages:
        lines.append(line(Span(str(message.get("role")), "heading")))
        lines.extend(block(str(message.get("content"))))
    return Reply(tuple(lines), request.model_dump(mode="json"))


def _set(batch: "Attached", rest: str) -> Reply:
    field, equals, text = rest.partition("=")
    if not equals or not field.strip().isidentifier():
        raise UserError("set takes FIELD = VALUE, such as verdict = 'wrong'")
    value = _value(batch, text.strip())
    batch.set(field.strip(), value)
    return said(f"{field.strip()} is set")


def _edit(batch: "Attached", rest: str) -> Reply:
    batch.edit_prompt(text=_text(rest, "edit"))
    return said("the prompt's last message is changed")


def _sampling(batch: "Attached", rest: str) -> Reply:
    settings: dict[str, Any] = {}
    for each in rest.split():
        key, equals, value = each.partition("=")
        if not equals:
            raise UserError("sampling takes KEY=VALUE …, such as temperature=0.2")
        settings[key] = _value(batch, value)
    batch.edit_prompt(sampling=settings)
    return said("the sampling of this call is changed")


def _say(batch: "Attached", rest: str) -> Reply:
    batch.say(_text(rest, "say"))
    return said("you answer in the model's stead; s or c goes on")


def _answer(batch: "Attached", rest: str) -> Reply:
    batch.answer(_value(batch, rest))
    return said("answered; s or c goes on")


def _retry(batch: "Attached", rest: str) -> Reply:
    batch.retry()
    return said("the node runs again when the rollout goes on")


def _detach(batch: "Attached", rest: str) -> Reply:
    if rest not in ("", "stay"):
        raise UserError(f"detach takes nothing or 'stay', not {rest!r}")
    batch.close(stay=bool(rest))
    told = "what you paused, held and set stays" if rest else "what you paused and held goes on"
    return Reply(said(f"detached; {told}").lines, ended=True)


def _help(batch: "Attached", rest: str) -> Reply:
    shorts = {whole: short for short, whole in reversed(list(SHORT.items()))}
    width = max(len(word.usage) for word in WORDS.values())
    lines = []
    for name, word in WORDS.items():
        short = f" ({shorts[name]})" if name in shorts else ""
        lines.append(line(Span(word.usage.ljust(width), "bold"), f"  {word.about}{short}"))
    return Reply(tuple(lines))


def _arrived(batch: "Attached", flight: "InFlight | None") -> Reply:
    """Say where the picked rollout is held, or that it is not."""
    if flight is None:
        if batch.over:
            return Reply(said("the batch has ended").lines, ended=True)
        number, batch.picked = batch.picked, None
        return said("nothing is held" if number is None else f"rollout {number} has come to its end")
    held: Held = batch.look()
    return Reply(tuple(standing(held)), held.model_dump(mode="json"))


def _news(batch: "Attached") -> Reply:
    """Name the rollouts that are held and not picked."""
    if batch.over:
        return Reply(said("the batch has ended").lines, ended=True)
    held = [each for each in batch.flights() if each.status == "held" and each.number != batch.picked]
    return Reply(tuple(flight_line(each, False) for each in held))


def _value(batch: "Attached", text: str) -> Any:
    """What a text stands for: JSON, a Python literal, or an expression over the state."""
    readers: tuple[Callable[[str], Any], ...] = (json.loads, ast.literal_eval)
    for read in readers:
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    try:
        return evaluate(text, batch.look().state)
    except UserError as error:
        raise UserError(f"{error}; a text needs quotes") from error


def _text(rest: str, name: str) -> str:
    """The text of a line; a quoted one may hold line feeds as escapes."""
    if not rest:
        raise UserError(f"{name} takes a text")
    if rest[0] == rest[-1] == '"' and len(rest) > 1:
        try:
            read = json.loads(rest)
        except ValueError:
            return rest
        return read if isinstance(read, str) else rest
    return rest


WORDS: Mapping[str, Word] = {
    "status": Word("status [errors]", "how far the batch is; with whole errors", _status),
    "ps": Word("ps", "what is in flight", _ps),
    "pause": Word(
        "pause [now]", "no rollout begins, those in flight wait before their next node or call", _pause
    ),
    "resume": Word("resume", "end the pause", _resume),
    "concurrency": Word("concurrency N", "so many rollouts at once", _concurrency),
    "stop": Word("stop", "end the batch as Ctrl-C does; it can be continued", _stop),
    "pick": Word("pick WHICH", "hold a rollout at its next event: a number, a task's id, or next", _pick),
    "wait": Word("wait", "wait until a breakpoint holds a rollout, and pick it", _wait),
    "step": Word("step", "go on to the next event", _step),
    "next": Word("next", "go on to before the next node", _next),
    "return": Word("return", "go on until the subgraph is left", _out),
    "until": Word("until NODE", "go on to before a node", _until),
    "continue": Word("continue", "let the rollout go on", _continue),
    "break": Word("break [WHERE]", "hold every rollout that comes there; alone it lists", _break),
    "tbreak": Word("tbreak WHERE", "the same, once", lambda batch, rest: _break(batch, rest, True)),
    "clear": Word("clear [N]", "remove a breakpoint, or all", _clear),
    "where": Word("where", "where the rollout is held", _look),
    "p": Word("p EXPR", "evaluate over the state", _p),
    "state": Word("state [FIELD]", "the state", _state),
    "changes": Word("changes", "what the node changed", _changes),
    "prompt": Word("prompt", "what is about to be sent", _prompt),
    "set": Word("set FIELD = VALUE", "change the state", _set),
    "edit": Word("edit TEXT", "change the prompt's last message", _edit),
    "sampling": Word("sampling KEY=VALUE …", "change the sampling of this call", _sampling),
    "say": Word("say TEXT", "answer in the model's stead", _say),
    "answer": Word("answer JSON", "answer what the node asks", _answer),
    "retry": Word("retry", "at an error: let the node run again", _retry),
    "detach": Word("detach [stay]", "leave; what you held goes on, or stays held", _detach),
    "help": Word("help", "this list", _help),
}
"""Everything that can be typed, by its whole name."""

SHORT: Mapping[str, str] = {
    "st": "status",
    "s": "step",
    "n": "next",
    "c": "continue",
    "cont": "continue",
    "go": "continue",
    "r": "return",
    "out": "return",
    "unt": "until",
    "b": "break",
    "cl": "clear",
    "w": "where",
    "q": "detach",
    "quit": "detach",
    "exit": "detach",
    "h": "help",
    "?": "help",
}
