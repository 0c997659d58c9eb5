"""What a `ReplayDivergence` says: a sentence, then what was asked against what was recorded.

Prompts are shown as unified diffs, settings as a table. Characters that would move a terminal's cursor are
shown escaped, long lines are folded, long diffs are cut. Not covered: deciding that something differs.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import islice
from typing import Any

from tutelage.agents.engine import Request
from tutelage.agents.engines.replay_call import Key, ReplayCall
from tutelage.printable import printable

__all__ = ["Differences", "unasked"]

WIDTH = 160
"""Columns after which a prompt's line is folded."""
LINES = 80
"""Lines of a diff that are shown."""
COMPARED = 2000
"""Lines of a prompt that are compared, from the first that differs."""
CALLS = 5
"""Calls that are listed where several are missing."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Tells where one rollout leaves its record."""

    where: str
    """The run, as it was given."""
    rollout: str
    """The rollout, such as "task 't1', repeat 0"."""
    calls: int
    """How many calls it has on record."""

    def unknown(self, key: Key, request: Request, expected: Sequence[ReplayCall]) -> str:
        """A request that is not among the calls that are left; `expected` could come now."""
        asked = request_lines(request)
        if not expected:
            what = f"all {self.calls} recorded calls are answered, and {_asker(request)} asks for one more"
            return "\n".join([self._sentence(what), "asked:", *_excerpt(request)])
        call = _closest(key, asked, expected, request.node)
        other = "with other settings" if call.key[0] == key[0] else "with another prompt"
        what = f"{_asker(request)} asks {name_of(call)} {other}"
        return "\n".join([self._sentence(what), *_difference(call, request)])

    def nowhere(self, key: Key, request: Request, some: Sequence[ReplayCall], *, asked_before: bool) -> str:
        """A request outside a rollout that no call of the run answers; `some` are calls to compare with."""
        if asked_before:
            what = f"{_asker(request)} asks the same more often than it was recorded"
            return "\n".join([self._sentence(what), "asked:", *_excerpt(request)])
        what = f"{_asker(request)} asks what no recorded call was asked"
        if not some:
            return self._sentence(what)
        call = _closest(key, request_lines(request), some, request.node)
        closest = f"the closest of {len(some)} calls is {name_of(call)} of its rollout:"
        return "\n".join([self._sentence(what), closest, *_difference(call, request)])

    def order(self, call: ReplayCall, missing: Sequence[ReplayCall]) -> str:
        """A call that is asked before calls which the record has before it."""
        what = f"{name_of(call)} is asked too early: {_listed(missing)} had ended before it started"
        return "\n".join([self._sentence(what), "not asked yet:", *_excerpt(missing[0].request)])

    def not_recorded(self, request: Request) -> str:
        """A rollout that the run does not hold."""
        what = (
            f"this rollout is not in the record (or was abandoned), and {_asker(request)} asks for an answer"
        )
        return self._sentence(what)

    def waited_on(self, call: ReplayCall) -> str:
        """A call whose caller waits on, or reads on, where the recorded one had left it."""
        when = f"after {call.said.seconds:.3g} seconds"
        return self._sentence(
            f"{name_of(call)} is waited for, but the recorded caller had left it {when}, without its end"
        )

    def _sentence(self, what: str) -> str:
        return (
            f"{self.rollout}: {what} (replaying {self.where!r}). Undo the change, record the run anew, or go "
            f"on live from here: connect('replay:{self.where}', live=MODEL)."
        )


def unasked(where: str, missing: Mapping[str, Sequence[ReplayCall]]) -> str:
    """Tell which recorded calls of which rollouts were never asked."""
    lines = [f"{rollout}: {_listed(calls)}" for rollout, calls in islice(missing.items(), CALLS)]
    if len(missing) > CALLS:
        lines.append(f"and {len(missing) - CALLS} more rollouts")
    total = sum(map(len, missing.values()))
    plural = "s were" if total > 1 else " was"
    head = (
        f"{total} recorded call{plural} never asked (replaying {where!r}). Undo the change, or record the "
        "run anew."
    )
    return "\n".join([head, *(f"  {line}" for line in lines)])


def name_of(call: ReplayCall) -> str:
    """A call as people look for it."""
    said = call.said
    node = "" if said.node in (None, said.role) else f" at node {said.node!r}"
    return f"call {call.number} ({said.role}{node})"


def request_lines(request: Request) -> list[str]:
    """A prompt as lines."""
    return list(_lines(request.messages))


def prompt_diff(recorded: Sequence[str], asked: Sequence[str]) -> list[str]:
    """A unified diff of two prompts."""
    same = 0
    while same < min(len(recorded), len(asked)) and recorded[same] == asked[same]:
        same += 1
    start = max(0, same - 3)
    before, after = recorded[start : start + COMPARED], asked[start : start + COMPARED]
    return _cut(unified_diff(before, after, "recorded", "asked", lineterm=""))


def settings_table(call: ReplayCall, request: Request) -> list[str]:
    """The settings that differ, one a line; nothing where none does."""
    recorded, asked = _settings_of(call.request), _settings_of(request)
    rows = [(key, recorded.get(key), value) for key, value in asked.items() if recorded.get(key) != value]
    if not rows:
        return []
    cells = [("setting", "recorded", "asked"), *((key, _short(a), _short(b)) for key, a, b in rows)]
    widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
    return [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in cells]


def _difference(call: ReplayCall, request: Request) -> list[str]:
    """The prompts' diff where they differ, and the settings that do."""
    recorded, asked = request_lines(call.request), request_lines(request)
    return [*(prompt_diff(recorded, asked) if recorded != asked else ()), *settings_table(call, request)]


def _excerpt(request: Request) -> list[str]:
    return _cut(f"  {line}" for line in request_lines(request))


def _settings_of(request: Request) -> dict[str, Any]:
    settings = {**request.sampling.model_dump(mode="json"), "n": request.n}
    tools = {str(each.get("function", each).get("name")): each for each in request.tools}
    settings |= {f"tool {name}": _json(each) for name, each in tools.items()}
    return settings | {"tools": list(tools), "tool_choice": request.tool_choice}


def _closest(key: Key, asked: Sequence[str], expected: Sequence[ReplayCall], node: str | None) -> ReplayCall:
    """The call that a request most probably was: of its node, its prompt's words."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(asked[:COMPARED])

    def likeness(call: ReplayCall) -> tuple[bool, bool, float]:
        matcher.set_seq1(request_lines(call.request)[:COMPARED])
        return call.key[0] == key[0], call.said.node == node, matcher.quick_ratio()

    return max(expected, key=likeness) if len(expected) > 1 else expected[0]


def _asker(request: Request) -> str:
    return "the caller" if request.node is None else f"node {request.node!r}"


def _listed(calls: Sequence[ReplayCall]) -> str:
    names = ", ".join(name_of(call) for call in calls[:CALLS])
    return names if len(calls) <= CALLS else f"{names} and {len(calls) - CALLS} more"


def _lines(messages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for message in messages:
        yield f"[{message.get('role')}]"
        content = message.get("content")
        text = content if isinstance(content, str) else _json(content)
        for line in text.split("\n"):
            shown = printable(line)
            yield from (shown[at : at + WIDTH] for at in range(0, max(len(shown), 1), WIDTH))
        rest = {key: value for key, value in message.items() if key not in ("role", "content")}
        if rest:
            yield from _json(rest).split("\n")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True, default=str)


def _short(value: object) -> str:
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    one_line = printable(" ".join(text.split()))
    return one_line if len(one_line) <= WIDTH else f"{one_line[: WIDTH - 1]}…"


def _cut(lines: Iterable[str]) -> list[str]:
    shown = list(islice(lines, LINES + 1))
    return shown if len(shown) <= LINES else [*shown[:LINES], "… (more is not shown)"]
