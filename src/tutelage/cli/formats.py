"""The formats of `tutelage export` and their options, and those of any settings, as their models say them."""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tutelage.cli.docstrings import field_docs
from tutelage.cli.options import part_of, print_json
from tutelage.cli.output import echo
from tutelage.cli.tables import bold, terminal_width

__all__ = ["options_of", "print_formats", "print_options"]

WIDEST = 110
NAMES = {str: "TEXT", Path: "TEXT", int: "NUMBER", float: "NUMBER", NoneType: "null"}


def print_formats(name: str | None, json_: bool) -> None:
    """Print one format with all its options, or all of them with what is their own."""
    from tutelage.traces.export import FORMATS, ExportSettings
    from tutelage.traces.export.formats import format_named

    formats = [format_named(each) for each in ([name] if name else FORMATS)]
    if json_:
        for each in formats:
            print_json({"name": each.name, "about": each.about, "options": options_of(each.settings)})
        return
    common = options_of(ExportSettings)
    for each in formats:
        echo(f"{bold(each.name)}: {each.about}")
        print_options(
            {key: told for key, told in options_of(each.settings).items() if common.get(key) != told}
        )
    echo(bold("every format"))
    print_options(common)


def options_of(kind: Any) -> dict[str, dict[str, Any]]:
    """Give a settings model's options: what each may be, its default, and what it is."""
    docs = field_docs(kind)
    found = {}
    for key, field in kind.model_fields.items():
        inner = part_of(field.annotation)
        told = "null | {…}" if inner else values(field)
        found[key] = {"values": told, "default": _default(field), "about": docs.get(key, "")}
        if inner is not None:
            found |= {f"{key}.{name}": part for name, part in options_of(inner).items()}
    return found


def values(field: FieldInfo) -> str:
    """What an option may be, in words."""
    return " | ".join(dict.fromkeys(_values(field.annotation)))


def _values(kind: Any) -> list[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return [word for each in inner for word in _values(each)]
    if origin is Annotated:
        return _values(inner[0])
    if origin is Literal:
        return [str(each) for each in inner]
    if kind is bool:
        return ["true", "false"]
    if origin is tuple:
        return ["NAME", '["NAME", …]']
    if isinstance(kind, type) and kind in NAMES:
        return [NAMES[kind]]
    if kind is Any:
        return ["FILE"]
    if origin is not None and "Callable" in str(origin):
        return ["FILE.py:OBJECT"]
    if origin is not None and "Mapping" in str(origin):
        return ['{"KEY": "VALUE", …}']
    return ["FILE.py:OBJECT"]


def _default(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    return default if isinstance(default, str | int | float | bool | list | dict | None) else str(default)


def print_options(options: dict[str, dict[str, Any]]) -> None:
    """Print options, each with what it is."""
    width = min(terminal_width() or WIDEST, WIDEST)
    for key, told in options.items():
        default = told["default"]
        shown = default if isinstance(default, str) else json.dumps(default)
        echo(click.wrap_text(f"{key}={told['values']}  [{shown}]", width, "  ", "      "))
        if told["about"]:
            echo(click.wrap_text(_as_json(told["about"]), width, "      ", "      "))


def _as_json(about: str) -> str:
    """A field's documentation, with Python's constants as `--set` takes them."""
    for python, plain in (("`None`", "null"), ("`True`", "true"), ("`False`", "false")):
        about = about.replace(python, plain)
    return about
