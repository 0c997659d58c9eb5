"""The formats, one file each. `FORMATS` names the module and the attribute that holds the `Format`."""

from collections.abc import Mapping
from importlib import import_module

from tutelage.errors import UserError
from tutelage.traces.export.format import Format

__all__ = ["FORMATS", "format_named"]

FORMATS: Mapping[str, str] = {
    "atif": "atif:ATIF",
    "chat": "chat:CHAT",
    "distill": "distill:DISTILL",
    "dpo": "dpo:DPO",
    "grpo": "grpo:GRPO",
    "kto": "kto:KTO",
    "otel": "otel:OTEL",
    "prm": "prm:PRM",
    "reward": "dpo:REWARD",
    "sdft": "sdft:SDFT",
    "sdpo": "sdft:SDPO",
    "sft": "sft:SFT",
}


def format_named(name: str) -> Format:
    """Load a format.

    Raises:
        UserError: There is none of this name.
    """
    if name not in FORMATS:
        raise UserError(f"{name!r} is no format; there are {', '.join(sorted(FORMATS))}")
    module, attribute = FORMATS[name].split(":")
    format: Format = getattr(import_module(f"{__name__}.{module}"), attribute)
    return format
