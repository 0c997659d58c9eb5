"""What is at hand where a rollout is held, and what a person may change there: `Moment` and its kinds.

Before a node: the state, which the node then reads. At a model call: the messages and the sampling, or an answer in the
model's stead. After a node: the state that routers and later nodes will see. At an error: the state, and another try. At
a question: its answer. All of it happens in the thread of the graph's event loop. Not covered: holding (`Hold`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from tutelage.agents import Answer, Completion, Engine, Request
from tutelage.agents.call import changed
from tutelage.errors import UserError
from tutelage.graphs.debugging import fields
from tutelage.graphs.debugging.place import Entry
from tutelage.graphs.debugging.view import Change, PendingPrompt, When
from tutelage.graphs.outcome import plain_value
from tutelage.nearest import known_names

__all__ = ["After", "Before", "Erring", "Moment", "Prompting", "Questioned"]


class Moment:
    """A place in a rollout at which it may be held."""

    when: When

    def __init__(self, entry: Entry) -> None:
        """Stand at a node."""
        self.entry = entry

    @property
    def state(self) -> dict[str, Any]:
        """The state as it is here."""
        return fields.read(self.entry)

    @property
    def read(self) -> dict[str, Any]:
        """The state that the node was given."""
        return fields.read(self.entry)

    def around(self, outer: int) -> dict[str, Any]:
        """The state of the graph so many graphs further out.

        Raises:
            UserError: There are not so many.
        """
        entry: Entry | None = self.entry
        for _ in range(outer):
            entry = None if entry is None else entry.parent
        if entry is None:
            raise UserError("this is the outermost graph")
        return fields.read(entry) if outer else self.state

    def set(self, field: str, value: Any) -> str:
        """Change a field of the state; give the words for the record.

        Raises:
            UserError: There is no such field, or it refuses the value.
        """
        names = fields.field_names(self.entry)
        if field not in names:
            raise UserError(f"the state has no field {field!r}; {known_names(field, names)}")
        channel = self.entry.channels[field]
        self._set(field, fields.with_ids(value) if fields.is_message_list(channel) else value)
        return f"{field} {self.when} {self.entry.node}"

    def changes(self) -> tuple[Change, ...]:
        """What the node changed; nothing where it has not run."""
        return ()

    @property
    def request(self) -> PendingPrompt | None:
        """What is about to be sent."""
        return None

    @property
    def error(self) -> str | None:
        """What went wrong."""
        return None

    @property
    def question(self) -> JsonValue:
        """What the node asks."""
        return None

    def _set(self, field: str, value: Any) -> None:
        fields.write(self.entry, field, value)


class Before(Moment):
    """Before a node."""

    when: When = "before"

    @property
    def state(self) -> dict[str, Any]:
        """The state as the node sees it."""
        return fields.seen(self.entry)

    @property
    def read(self) -> dict[str, Any]:
        """The same."""
        return self.state

    @property
    def input(self) -> Any:
        """What the node is about to read."""
        return self.entry.input

    def _set(self, field: str, value: Any) -> None:
        super()._set(field, value)
        self.entry.input = fields.changed_input(self.entry, field, value)


class After(Moment):
    """After a node, before routers read what it wrote."""

    when: When = "after"

    def __init__(self, entry: Entry, result: Any) -> None:
        """Hold what the node returns."""
        super().__init__(entry)
        self._result = result
        self._edited: set[str] = set()

    @property
    def result(self) -> Any:
        """What it returns in the end."""
        return fields.without(self.entry, self._result, self._edited)

    @property
    def state(self) -> dict[str, Any]:
        """The state with what the node writes."""
        return fields.after(self.entry, self.result)

    def changes(self) -> tuple[Change, ...]:
        """What the node changed."""
        before, after = fields.read(self.entry), self.state
        return tuple(
            Change(field=name, before=plain_value(before.get(name)), after=plain_value(value))
            for name, value in after.items()
            if name not in before or plain_value(before[name]) != plain_value(value)
        )

    def _set(self, field: str, value: Any) -> None:
        fields.write(self.entry, field, value)
        self._edited.add(field)


class Prompting(Moment):
    """At a model call."""

    when: When = "prompt"

    def __init__(self, entry: Entry, asked: Request, engine: Engine) -> None:
        """Hold what is about to be sent."""
        super().__init__(entry)
        self.asked = asked
        self.engine = engine
        self.said: Answer | None = None
        """What a person says in the model's stead."""

    @property
    def request(self) -> PendingPrompt:
        """What is about to be sent."""
        asked = self.asked
        return PendingPrompt(
            role=asked.role or "model",
            node=asked.node,
            messages=tuple(_plain_mapping(each) for each in asked.messages),
            sampling=asked.sampling.model_dump(mode="json"),
            tools=tuple(_plain_mapping(each) for each in asked.tools),
            samples=asked.n,
        )

    def edit(
        self,
        messages: Sequence[Mapping[str, Any]] | None,
        text: str | None,
        sampling: Mapping[str, Any] | None,
    ) -> str:
        """Change what is sent; give the words for the record.

        Args:
            messages: The whole prompt, OpenAI-shaped.
            text: The content of its last message only.
            sampling: Settings by name.

        Raises:
            UserError: A message or a setting is refused.
        """
        new = self.asked.messages if messages is None else tuple(_message(each) for each in messages)
        if text is not None and new:
            new = (*new[:-1], {**new[-1], "content": text})
        if not new:
            raise UserError("a prompt needs a message")
        quoted = self.asked.quoted if new == self.asked.messages else {}
        settings = changed(self.asked.sampling, sampling or {})
        self.asked = replace(self.asked, messages=new, sampling=settings, quoted=quoted)
        return f"prompt of {self.entry.node}"

    def say(self, text: str) -> str:
        """Answer in the model's stead; give the words for the record."""
        completion = Completion(text=text, finish_reason="stop")
        self.said = Answer(completions=(completion,) * self.asked.n, policy=self.engine.policy)
        return f"answer in {self.entry.node}"


class Erring(Before):
    """After a node that raised."""

    when: When = "error"

    def __init__(self, entry: Entry, raised: Exception) -> None:
        """Hold the error, and what the node had read."""
        super().__init__(entry)
        self._raised = raised
        self.again = False
        """Whether the node is to run again."""

    @property
    def error(self) -> str:
        """What went wrong."""
        return f"{type(self._raised).__name__}: {self._raised}"


class Questioned(Moment):
    """At a question that a node asks by `interrupt()`."""

    when: When = "asks"

    def __init__(self, entry: Entry, asked: Any) -> None:
        """Hold the question."""
        super().__init__(entry)
        self._asked = asked
        self.answers: list[Any] = []
        """The answer, once there is one."""

    @property
    def question(self) -> JsonValue:
        """What the node asks."""
        return plain_value(self._asked)


def _message(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(given.get("role"), str) or "content" not in given:
        raise UserError("a message has a role and a content")
    return dict(given)


def _plain_mapping(value: Mapping[str, Any]) -> Mapping[str, JsonValue]:
    return {str(key): plain_value(each) for key, each in value.items()}
