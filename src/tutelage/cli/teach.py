"""`tutelage teach`: what a person says of recorded turns, as training data; and what was said so far."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.options import as_json_lines, print_json
from tutelage.cli.output import echo
from tutelage.cli.wording import short
from tutelage.errors import UserError
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.graphs.debugging.teaching import Lesson, Lessons
    from tutelage.traces import Run

__all__ = ["command"]

SAYS = {"right": True, "wrong": False, "none": None}
WIDEST = 60
"""Characters of a correction in a line."""


@click.command(name="teach")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("turns", metavar="[TURN]...", nargs=-1)
@click.option("--accept", is_flag=True, help="TURN is right: imitate it.")
@click.option("--reject", is_flag=True, help="TURN is wrong.")
@click.option("--correct", metavar="TEXT|@FILE", help="What TURN should have said.")
@click.option(
    "--step", "steps", multiple=True, metavar="N:right|wrong|none", help="TURN's N-th line, from 1."
)
@click.option("--rank", is_flag=True, help="The TURNs answer one prompt; the best stands first.")
@click.option("--better", metavar="ROLLOUT", help="A branch of a task that is better than")
@click.option("--worse", metavar="ROLLOUT", help="this one.")
@click.option(
    "--role", "roles", multiple=True, help="With --better: whose answers are learnt. [default: all]"
)
@click.option("--forget", is_flag=True, help="Take back all that was said of TURN.")
@click.option("--who", type=click.Choice(["person", "teacher"]), default="person", show_default=True)
@click.option("--tokenizer", metavar="DIR", help="With --correct: give the text its token ids.")
@as_json_lines
def command(run: Path, turns: tuple[str, ...], json_: bool, **given: Any) -> int:
    """Say what is right in RUN; `tutelage export RUN --taught` makes training rows of it.

    Without an option, list what was said: of RUN, or of TURN. Of what is said of the same thing the latest counts.
    A TURN is the beginning of an id, or its last digits.

    Example: tutelage teach runs/first 290491e439 --correct @right.txt
    """
    from tutelage.traces import Run

    asked = [
        name for name in ("accept", "reject", "correct", "steps", "rank", "better", "forget") if given[name]
    ]
    if len(asked) > 1:
        raise UserError(f"say one thing at a time, not {' and '.join(f'--{name}' for name in asked)}")
    if not asked:
        with Run.open(run) as opened:
            return _print(_listed(opened, turns), json_)
    from tutelage.graphs.debugging.teaching import Lessons

    with Lessons(run) as lessons:
        found = _taught(lessons, asked[0], [_id(lessons.run, turn, "turn") for turn in turns], given)
    _print(found, json_)
    if not found and not json_:
        echo("nothing is said of it any more")
    return 0


def _listed(run: "Run", turns: Sequence[str]) -> "list[Lesson]":
    from tutelage.traces.lessons import lessons

    return lessons(run, [_id(run, turn, "turn") for turn in turns] or None)


def _taught(lessons: "Lessons", what: str, turns: Sequence[str], given: dict[str, Any]) -> "list[Lesson]":
    """Say it; give what counts now."""
    who = given["who"]
    if what == "rank":
        return [lessons.rank(turns, who=who)]
    if what == "better":
        if not given["worse"] or turns:
            raise UserError("--better and --worse take a rollout each, and no TURN stands beside them")
        branches = [_id(lessons.run, given[name], "rollout") for name in ("better", "worse")]
        return list(lessons.teach(*branches, roles=given["roles"] or None, who=who))
    if len(turns) != 1:
        raise UserError(f"--{what.removesuffix('s')} needs one TURN, not {len(turns)}")
    (turn,) = turns
    if what == "accept":
        return [lessons.accept(turn, who=who)]
    if what == "reject":
        return [lessons.reject(turn, who=who)]
    if what == "correct":
        made = lessons.correct(turn, _text(given["correct"]), who=who, tokenizer=given["tokenizer"])
        return [each for each in lessons.lessons() if made.id in each.others and each.kind == "correct"]
    if what == "forget":
        lessons.forget(turn, who=who)
        return []
    said = lessons.label_steps(turn, dict(_steps(given["steps"])), who=who)
    return [] if said is None else [said]


def _id(run: "Run", text: str, kind: str) -> str:
    from tutelage.traces.finding import find

    found = find(run, text)
    if found.kind != kind:
        raise UserError(f"{text!r} is a {found.kind}, and a {kind} is asked for")
    return found.id


def _steps(texts: Sequence[str]) -> Iterator[tuple[int, bool | None]]:
    for text in texts:
        number, colon, said = text.partition(":")
        if not colon or not number.isdecimal() or said not in SAYS:
            raise UserError(f"--step {text!r}: give N:right, N:wrong or N:none, for example 3:wrong")
        yield int(number), SAYS[said]


def _text(given: str) -> str:
    """The text itself, or that of a file, without the line feed at its end."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--correct {given!r}: the file cannot be read as UTF-8 text: {error}") from error


def _print(lessons: "Sequence[Lesson]", json_: bool) -> int:
    for lesson in lessons:
        if json_:
            print_json(lesson.model_dump(mode="json"))
        else:
            echo(printable(_line(lesson)))
    return 0 if lessons else 1


def _line(lesson: "Lesson") -> str:
    turn = f"{lesson.role} {short(lesson.turn_id)}"
    others = ", ".join(map(short, lesson.others))
    said = {
        "accept": f"{turn} is right",
        "reject": f"{turn} is wrong",
        "correct": f"{turn} is corrected by {others}: {_cut(lesson.text or '')}",
        "rank": f"{turn} is better than {others}",
        "step": f"{turn}: "
        + ", ".join(f"step {step} is {'right' if right else 'wrong'}" for step, right in lesson.steps),
        "teach": f"{turn} is better than {others}" if others else f"{turn} is right, of a better branch",
    }[lesson.kind]
    prompt = f", on the prompt of {short(lesson.prompt_turn_id)}" if lesson.prompt_turn_id else ""
    return f"{said}{prompt} ({lesson.who}; rows: {', '.join(lesson.rows)})"


def _cut(text: str) -> str:
    line = text.replace("\n", "↵")
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"
