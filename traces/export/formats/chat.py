"""Chat: conversations in OpenAI's fine-tuning JSONL, `{"messages": […], "tools": […]}`.

A line is a conversation that no later turn continues, with all the answers in it that were selected; where
conversations share a beginning, an answer counts in the first one only. Answers that are not trained on (not
selected, counted in an earlier line, or said by nobody in this rollout) have `weight` 0, and a line ends with
its last answer that was selected. What an importer kept of a message or a line (names, refusals, parts,
`parallel_tool_calls`) comes back; keys that the format does not know come back with `verbatim=True` only, and
are counted otherwise. Tool arguments are JSON text. Not covered: OpenAI's limits on length and number.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from tutelage.traces.blobs import content_of, unpack, value_text
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.files import escaped_json
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.formats.chat_messages import (
    Conversation,
    answer,
    conversations,
    strict_message,
    strict_tool,
)
from tutelage.traces.export.lineage import scores_text
from tutelage.traces.export.reading import database_of
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import Story, TurnView
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["CHAT", "ChatSettings", "chat_line"]

LINE_KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})

KEPT = """SELECT t.id, t.metadata FROM turns t JOIN rollouts r ON r.seq = t.rollout
    WHERE r.id = ? AND t.metadata IS NOT NULL"""
OUTPUT = "SELECT b.data FROM rollouts r JOIN bodies b ON b.id = r.output WHERE r.id = ?"

Told = Mapping[str, Any]


class ChatSettings(ExportSettings):
    """The options of the chat format."""

    per: Literal["branch", "turn"] = "branch"
    """A line holds a whole conversation, or one answer with what stands before it."""
    verbatim: bool = False
    """Keep what OpenAI's format does not know: foreign keys, and messages after the last answer."""
    lineage: Literal["none", "metadata", "only"] = "none"
    """Where lines come from: not said; under the key "metadata" of each; or nothing but that, as a second file
    whose lines stand for the lines of the first."""


def chat_line(document: Told) -> str:
    """Give a document as one line of JSON in valid UTF-8, which every reader of lines takes for one line."""
    return escaped_json(document)


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give the lines of a task, rollout by rollout."""
    selected = {example.turn.id for example in job.examples(story)}
    trained: set[str] = set()
    for rollout in story.rollouts:
        turns = [turn for turn in story.turns if turn.rollout.id == rollout.id]
        if selected.isdisjoint(turn.id for turn in turns):
            continue
        found, continued = conversations(turns)
        writer = _Writer(story, turns, job, selected)
        for each in found:
            if job.settings.per == "turn":
                if each.turn.id in selected:
                    yield from writer.line(each, {each.turn.id})
            elif each.turn.id not in continued:
                own = {turn.id for turn in (each.turn, *each.earlier.values())} & selected - trained
                trained |= own
                if own:
                    yield from writer.line(each, own)


class _Writer:
    """Writes the lines of a rollout."""

    def __init__(self, story: Story, turns: Sequence[TurnView], job: Job, selected: set[str]) -> None:
        self._story, self._job, self._selected = story, job, selected
        self._last = turns[-1].id
        rollout = turns[-1].rollout
        self._settings: ChatSettings = job.settings
        self._kept = kept_messages(job.run, rollout.id)
        imported = imported_line(job.run, rollout.id)
        self._line: Told = imported.get("line", {})
        self._after: list[Message] = imported.get("after", [])

    def line(self, conversation: Conversation, own: set[str]) -> Iterator[Draft]:
        """Give the line of a conversation that trains some turns, unless the format cannot say it."""
        turn = conversation.turn
        messages, trained, whole = self._messages(conversation, own)
        rest = {
            key: value for key, value in self._line.items() if self._settings.verbatim or key in LINE_KEYS
        }
        if self._settings.verbatim and whole and turn.id == self._last:
            messages += self._after
        foreign = len(rest) < len(self._line)
        if not self._settings.verbatim:
            strict = [strict_message(message) for message in messages]
            foreign = foreign or strict != messages
            messages = [message for message in strict if message is not None]
            if len(messages) < len(strict):
                self._job.tally.drop("hold a message that OpenAI's format cannot say")
                return
        tools = [tool if self._settings.verbatim else strict_tool(tool) for tool in turn.speaker.tools]
        row_id = f"{self._job.run.id}/{turn.id}"
        if foreign or tools != list(turn.speaker.tools):
            self._job.tally.note(
                "lines had keys that OpenAI's format does not know (verbatim=True keeps them)", row_id
            )
        document = {"messages": messages, **({"tools": tools} if tools else {}), **rest}
        yield Draft(
            self._story,
            trained[-1],
            (self._told(document, trained),),
            prompt=tuple(messages),
            said=tuple(each.completion for each in trained),
            key=chat_line(document),
        )

    def _messages(self, conversation: Conversation, own: set[str]) -> tuple[list[Any], list[TurnView], bool]:
        """The messages up to the last selected answer, the turns that the line trains, and whether it is whole."""
        turn, earlier = conversation
        spoken = {**earlier, len(turn.prompt): turn}
        last = max(at for at, each in spoken.items() if each.id in self._selected)
        messages: list[Any] = [*turn.prompt, answer(turn, self._kept.get(turn.id, {}))][: last + 1]
        trained: list[TurnView] = []
        for at, message in enumerate(messages):
            if message.get("role") != "assistant":
                continue
            speaker = spoken.get(at)
            if speaker is not None and speaker.id in own:
                trained.append(speaker)
            elif message.get("weight") != 0:
                messages[at] = {**message, "weight": 0}
        return messages, trained, last == len(turn.prompt)

    def _told(self, document: dict[str, Any], trained: list[TurnView]) -> dict[str, Any]:
        if self._settings.lineage == "none":
            return document
        turn = trained[-1]
        told = {
            "row_id": f"{self._job.run.id}/{turn.id}",
            "run_id": turn.rollout.run_id,
            "task_id": self._story.task.id,
            "rollout_id": turn.rollout.id,
            "turn_ids": [each.id for each in trained],
            "roles": [each.speaker.role for each in trained],
            "policies": [each.speaker.policy for each in trained],
            "scores": scores_text(self._story, turn),
        }
        return told if self._settings.lineage == "only" else {**document, "metadata": told}


def kept_messages(run: Run, rollout_id: str) -> dict[str, Told]:
    """What an importer kept of the answers of a rollout, by turn."""
    found: dict[str, Told] = {}
    for turn_id, metadata in database_of(run).rows(KEPT, (rollout_id,)):
        kept = json.loads(value_text(metadata) or "{}").get("message")
        if isinstance(kept, dict):
            found[turn_id] = kept
    return found


def imported_line(run: Run, rollout_id: str) -> dict[str, Any]:
    """What an importer kept of a line besides its messages and tools."""
    for (data,) in database_of(run).rows(OUTPUT, (rollout_id,)):
        output = content_of(unpack(data))
        imported = output.get("import") if isinstance(output, dict) else None
        if isinstance(imported, dict):
            return imported
    return {}


CHAT = Format(
    name="chat",
    about="conversations in OpenAI's fine-tuning JSONL",
    settings=ChatSettings,
    columns=lambda settings, survey: (Column("document", Kind.JSON),),
    rows=rows,
    noun=lambda settings: "lines",
    lineage=False,
    document=True,
)
