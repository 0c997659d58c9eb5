"""Commands that change what happens: set, edit, prompt texts, sampling, say, rewrite."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import quoted_words, settings_of
from tutelage.graphs.console.expressions import assigned
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import Span, brief, line, plain_data
from tutelage.nearest import known_names

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console
    from tutelage.graphs.debugging.view import PendingPrompt

__all__ = ["COMMANDS"]


@command("set", group="change", usage="FIELD = VALUE", takes=("field",), verbatim=True)
def set_(console: "Console", rest: str) -> Reply:
    """Change a field of the state, or a place in it.

    The value is JSON, a Python literal or an expression over the state. Before a node the node sees it, after it the
    routers do.
    set verdict = 'wrong'
    set candidates[0]['text'] = 'answer: 4'
    """
    field, value = assigned(console, rest)
    console.session.set(field, value)
    shown = brief(value, console.settings.width)
    return said(line(Span(field, "bold"), f" = {shown}"), data={"field": field, "value": plain_data(value)})


@command("edit", group="change", usage="[FIELD | MESSAGE] [TEXT]", takes=("field",), verbatim=True)
def edit(console: "Console", rest: str) -> Reply:
    """Edit the prompt that waits, or a field of the state, in your editor ($VISUAL, $EDITOR).

    Alone it takes the last message of the prompt; `edit 1` the first one; `edit FIELD` a field. With a text behind it
    no editor opens; `edit prompt TEXT` gives the last message.
    """
    first, _, text = rest.strip().partition(" ") if "\n" not in rest.split(" ")[0] else ("", "", rest)
    request = None if console.session.stop is None else console.session.stop.request
    if first in console.session.state and first not in ("prompt", ""):
        return _edit_field(console, first, text)
    if first and first != "prompt" and not first.isdecimal():
        known = [*console.session.state, *(["prompt"] if request else [])]
        raise UserError(f"there is no field {first!r} to edit; {known_names(first, known)}")
    if request is None:
        raise UserError("no prompt waits here; step to a model call, or name a field: edit FIELD")
    return _edit_message(console, request, first, text)


@command("sampling", group="change", usage="[ROLE] KEY=VALUE …", takes=("role",))
def sampling(console: "Console", rest: str) -> Reply:
    """Change how the call that waits is sampled, or all later calls of a role.

    sampling temperature=0.2 max_tokens=64
    sampling reviewer temperature=0
    """
    usage = "sampling [ROLE] KEY=VALUE …"
    words = quoted_words(usage, rest)
    role = words.pop(0) if words and "=" not in words[0] else None
    settings = settings_of(usage, words)
    if not settings:
        raise UserError(f"give a setting: {usage}")
    if role is not None:
        console.session.sample_with(role, **settings)
        return said(f"from now on {role} is sampled with {_told(settings)}", data=settings)
    if console.session.stop is None or console.session.stop.request is None:
        raise UserError("no prompt waits here; name a role, for its later calls: sampling ROLE KEY=VALUE")
    console.session.edit_prompt(sampling=settings)
    return console.stand()


@command("say", group="change", usage="TEXT", verbatim=True)
def say(console: "Console", rest: str) -> Reply:
    """Answer the prompt that waits yourself, instead of the model; recorded as a person's words.

    Nothing is sent before you go on, so it can be said again. Without a text your editor opens.
    """
    text = rest if rest.strip() else _edited(console, "")
    console.session.say(text)
    return said("this will be the answer: s or c goes on with it", data={"said": text})


@command("rewrite", group="change", usage='ROLE "OLD" "NEW"', takes=("role",), verbatim=True)
def rewrite(console: "Console", rest: str) -> Reply:
    """Replace a text in all later prompts of a role."""
    usage = 'rewrite ROLE "OLD" "NEW"'
    words = quoted_words(usage, rest)
    if len(words) != 3:
        raise UserError(f"give a role, the old text and the new one, in quotes: {usage}")
    role, old, new = words
    console.session.rewrite(role, old, new)
    return said(f"from now on prompts of {role} say {new!r} instead of {old!r}")


def _told(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {brief(value)}" for key, value in settings.items())


def _edit_field(console: "Console", field: str, text: str) -> Reply:
    value = console.session.state[field]
    if text.strip():
        new: Any = text if isinstance(value, str) else _json(text)
    elif isinstance(value, str):
        new = _edited(console, value)
    else:
        new = _json(_edited(console, json.dumps(plain_data(value), ensure_ascii=False, indent=2)))
    console.session.set(field, new)
    shown = brief(new, console.settings.width)
    return said(line(Span(field, "bold"), f" = {shown}"), data={"field": field, "value": plain_data(new)})


def _edit_message(console: "Console", request: "PendingPrompt", place: str, text: str) -> Reply:
    count = len(request.messages)
    at = int(place) - 1 if place.isdecimal() else count - 1
    if not 0 <= at < count:
        raise UserError(f"the prompt has {count} message{'s' * (count != 1)}, and no message {place}")
    messages = [dict(each) for each in request.messages]
    messages[at]["content"] = (
        text if text.strip() else _edited(console, str(messages[at].get("content") or ""))
    )
    console.session.edit_prompt(messages)
    return console.stand()


def _edited(console: "Console", text: str) -> str:
    if console.settings.edit is None:
        raise UserError("there is no editor here; give the text on the line, or lines with <<END")
    new = console.settings.edit(text)
    if new is None:
        raise UserError("the text was left as it was; nothing is changed")
    return new


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"this field holds data, and the text is no JSON: {error}") from error


COMMANDS = (set_, edit, sampling, say, rewrite)
