"""What several commands share: options, and how their texts become tasks, verifiers and settings."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

import click
from pydantic import BaseModel, ValidationError

from tutelage.cli.output import echo, escaped_json
from tutelage.errors import UserError
from tutelage.tools.naming import READY
from tutelage.types import Sampling, Task

if TYPE_CHECKING:
    from tutelage.tools import Split

__all__ = [
    "as_json",
    "as_json_lines",
    "engine_options",
    "exists",
    "judging_options",
    "pairs_of",
    "part_of",
    "print_json",
    "sampling_of",
    "settings_of",
    "tasks_of",
]

Command = TypeVar("Command", bound=Callable[..., Any])
Settings = TypeVar("Settings", bound=BaseModel)

LONGEST = 120
"""Characters of a text that a message shows."""
SPLITS = ("train", "dev", "heldout")
OBJECT = re.compile(r".+:[A-Za-z_]\w*")


def as_json(command: Command) -> Command:
    """Give a command the option `--json`."""
    return click.option("--json", "json_", is_flag=True, help="Print one JSON object instead of text.")(
        command
    )


def as_json_lines(command: Command) -> Command:
    """Give a command that lists things the option `--json`."""
    option = click.option(
        "--json", "json_", is_flag=True, help="Print one JSON object a line instead of text."
    )
    return option(command)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one line of JSON; what is not plain data is an error of the program.

    JSON has no NaN and no infinity: they become null. What a terminal could obey is escaped as JSON does it.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)
    echo(escaped_json(text))


def _finite(value: Any) -> Any:
    """Plain data without numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def engine_options(command: Command) -> Command:
    """Give a command what engines and sampling need."""
    for option in (
        click.option("--max-tokens", type=click.IntRange(min=1), help="Longest completion. [default: 512]"),
        click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="[default: 1]"),
        click.option("--temperature", type=click.FloatRange(min=0), help="[default: 1]"),
        click.option(
            "--engine", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the engine."
        ),
    ):
        command = option(command)
    return command


def judging_options(command: Command) -> Command:
    """Give a command what rolling out and judging need."""
    for option in (
        click.option("--quiet", is_flag=True, help="Show no progress."),
        click.option("--concurrency", type=click.IntRange(min=1), default=64, show_default=True),
        click.option(
            "--verifier",
            metavar="NAME",
            help=f"{', '.join(READY)}, reward:DIR, prm:DIR, or MODULE:ATTRIBUTE. "
            "[default: family_answer, else math_answer]",
        ),
    ):
        command = option(command)
    return command


def tasks_of(text: str) -> list[Task]:
    """The tasks that TASKS names: those of a file, or of FAMILY:DIFFICULTY:COUNT:SEED[:SPLIT].

    Raises:
        UserError: it is neither; `TaskFileError` where the file is malformed.
    """
    from tutelage.tools import FAMILIES, load_tasks, make_tasks

    family, *dials = text.split(":")
    if exists(text) or family not in FAMILIES:
        if not exists(text) and (dials or ("/" not in text and "." not in text)):
            raise UserError(
                f"tasks {text[:LONGEST]!r}: no such file, and no known family; give a file or "
                f"FAMILY:DIFFICULTY:COUNT:SEED[:SPLIT] with a family of {', '.join(FAMILIES)}"
            )
        return load_tasks(text)
    split = dials.pop() if len(dials) == 4 else "train"
    if split not in SPLITS or len(dials) != 3 or not all(dial.isdecimal() for dial in dials):
        raise UserError(
            f"tasks {text!r}: give {family}:DIFFICULTY:COUNT:SEED[:SPLIT], three whole numbers "
            f"and a split of {', '.join(SPLITS)}"
        )
    difficulty, count, seed = map(int, dials)
    if count == 0:
        raise UserError(f"tasks {text!r}: the count is 0; ask for at least one task")
    return make_tasks(family, difficulty, count, seed, cast("Split", split))


def exists(text: str) -> bool:
    """Whether a text that may be anything is the path of something."""
    try:
        return Path(text).exists()
    except OSError:
        return False


def sampling_of(temperature: float | None, top_p: float | None, max_tokens: int | None) -> Sampling | None:
    """The sampling that the options ask for; `None` where they ask for nothing."""
    asked = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
    given = {key: value for key, value in asked.items() if value is not None}
    return Sampling.model_validate(given) if given else None


def pairs_of(option: str, texts: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE pairs; a value that is JSON is what it says, anything else a text; KEY.PART is a part of a KEY.

    Raises:
        UserError: one is no pair, or a key comes twice.
    """
    pairs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        *outer, name = key.split(".")
        if not equals or not all(each.isidentifier() for each in (*outer, name)):
            raise UserError(f"{option} {text!r} is not KEY=VALUE")
        inside = pairs
        for each in outer:
            inside = inside.setdefault(each, {})
            if not isinstance(inside, dict):
                raise UserError(f"{option} {key}: {each} is given as a whole, too; give one of them")
        if name in inside:
            raise UserError(f"{option} {key} is given twice")
        inside[name] = _plain(value)
    return pairs


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def settings_of(kind: type[Settings], option: str, texts: Iterable[str]) -> Settings:
    """Settings from KEY=VALUE pairs.

    Raises:
        UserError: a setting is unknown or its value is refused; the message says which are known.
    """
    try:
        return kind.model_validate(pairs_of(option, texts))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UserError(
                f"{option} {key}: unknown; known are {', '.join(_known(kind, first['loc']))}"
            ) from error
        raise UserError(f"{option} {key}={first['input']!r}: {first['msg'].lower()}") from error


def _known(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The settings that stand where an unknown one was given."""
    for name in place[:-1]:
        inner = part_of(kind.model_fields[str(name)].annotation)
        if inner is None:
            break
        kind = inner
    return list(kind.model_fields)


def part_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, where it holds one or nothing."""
    kinds = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]
    return next((each for each in kinds if issubclass(each, BaseModel)), None)
