"""Commands that make training rows of what a person says about an answer: accept, reject, correct, rank, label."""

from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import none_after, number_of, one_word, turn_of
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import Line, Span, brief, line
from tutelage.graphs.console.visit_text import DIGITS

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["COMMANDS"]


@command("accept", group="teach", usage="[TURN]", takes=("turn",))
def accept(console: "Console", rest: str) -> Reply:
    """Call an answer good: a row for supervised training, and a positive label.

    A TURN is the beginning or the end of its id; without one the latest.
    """
    return learnt(console, console.session.accept(turn_of(console, rest)))


@command("reject", group="teach", usage="[TURN]", takes=("turn",))
def reject(console: "Console", rest: str) -> Reply:
    """Call an answer bad: a negative label."""
    return learnt(console, console.session.reject(turn_of(console, rest)))


@command("correct", group="teach", usage="[TURN:] TEXT", takes=("turn",), verbatim=True)
def correct(console: "Console", rest: str) -> Reply:
    """Write what should have been said: a training row and a pair, marked as a person's words.

    Without a text your editor opens on what was said. To name a turn, write its id and a colon before the text.
    """
    turn, text = _named(console, rest)
    if not text.strip():
        text = _edited(console, turn)
    made = console.session.correct(text, turn)
    wrong = str(made.metadata.get("corrects", ""))
    told = line(
        Span("correct", "good"),
        f" {made.role} {wrong[-DIGITS:]}: {brief(made.completion, 50)}",
        Span(f"  by {made.author}, turn {made.id[-DIGITS:]}", "dim"),
    )
    return said(
        told, data={"kind": "correct", "turn_id": made.id, "corrects": wrong, "text": made.completion}
    )


@command("rank", group="teach", usage="TURN > TURN …", takes=("turn",))
def rank(console: "Console", rest: str) -> Reply:
    """Order answers to one prompt, the best first: pairs for training."""
    words = rest.replace(">", " ").split()
    if len(words) < 2:
        raise UserError("give at least two turns, the best first: rank TURN > TURN")
    return learnt(console, console.session.rank([turn for each in words if (turn := turn_of(console, each))]))


@command("label", group="teach", usage="STEP right|wrong [TURN]", takes=("turn",), words=("right", "wrong"))
def label(console: "Console", rest: str) -> Reply:
    """Call one step (line, from 1) of an answer right or wrong: a label for a process reward model."""
    words = rest.split()
    if len(words) not in (2, 3) or words[1] not in ("right", "wrong"):
        raise UserError("give a step and what it is: label STEP right|wrong [TURN]")
    turn = turn_of(console, words[2] if len(words) == 3 else "")
    step = number_of("label STEP right|wrong [TURN]", words[0], 1)
    return learnt(console, console.session.label_step(step, words[1] == "right", turn))


@command("teach", group="teach", usage="BRANCH", takes=("branch",))
def teach(console: "Console", rest: str) -> Reply:
    """Prefer this branch to another: a pair where they part, and what follows here is right."""
    worse = console.session.switch(one_word("teach BRANCH", rest))
    return learnt(console, worse.teach(console.session))


@command("forget", group="teach", usage="[TURN]", takes=("turn",))
def forget(console: "Console", rest: str) -> Reply:
    """Take back what was said of a turn."""
    turn = turn_of(console, rest)
    console.session.forget(turn)
    return said("what was said of this turn counts no more", data={"turn_id": turn})


@command("lessons", group="teach")
def lessons(console: "Console", rest: str) -> Reply:
    """List what was taught in this session, and how to export it."""
    none_after("lessons", rest)
    found = console.session.lessons()
    data = [each.model_dump(mode="json") for each in found]
    if not found:
        return said("nothing was taught yet; accept, reject, correct, rank and label do", data=data)
    path = console.session.path
    hint = f"export them with: tutelage export {path} --to sft --taught --out FILE" if path else ""
    return said(*map(_lesson_line, found), *([Span(hint, "dim")] if hint else []), data=data)


def learnt(console: "Console", made: Any) -> Reply:
    """Say what was learnt: one lesson, or several."""
    given = list(made) if isinstance(made, list | tuple) else [made] if made is not None else []
    data = [each.model_dump(mode="json") for each in given]
    if not given:
        return said(
            "there is nothing to learn from that: the two never answered one prompt differently", data=data
        )
    return said(*map(_lesson_line, given), data=data if isinstance(made, list | tuple) else data[0])


def _lesson_line(lesson: Any) -> Line:
    rows = f"  for {', '.join(lesson.rows)}" if lesson.rows else ""
    steps = "".join(f" step {step} {'right' if right else 'wrong'}" for step, right in lesson.steps)
    text = "" if lesson.text is None else f" {brief(lesson.text, 50)}"
    over = (
        f" over {', '.join(each[-DIGITS:] for each in lesson.others)}"
        if lesson.kind in ("rank", "teach")
        else ""
    )
    return line(
        Span(lesson.kind, "good"),
        f" {lesson.role} {lesson.turn_id[-DIGITS:]}{over}{steps}{text}",
        Span(rows, "dim"),
    )


def _named(console: "Console", rest: str) -> tuple[str | None, str]:
    """The turn that is named before a colon, where one is, and the text."""
    first, colon, text = rest.partition(":")
    if colon and len(first.split()) == 1 and len(first.strip()) >= 6:
        try:
            return turn_of(console, first), text.strip()
        except UserError:
            pass
    return None, rest.strip()


def _edited(console: "Console", turn: str | None) -> str:
    """What a person makes of an answer in an editor."""
    if console.settings.edit is None:
        raise UserError("give the text: correct TEXT")
    session = console.session
    said_in = turn or next((each.turns[-1] for each in reversed(session.visits()) if each.turns), None)
    if said_in is None:
        raise UserError("no model has said anything yet that could be corrected")
    text = console.settings.edit(session.run_record.turn(said_in).completion)
    if text is None:
        raise UserError("the text was left as it was; nothing is taught")
    return text


COMMANDS = (accept, reject, correct, rank, label, teach, forget, lessons)
