"""Objects by their place: MODULE:ATTRIBUTE, or FILE.py:ATTRIBUTE.

The working directory's modules are found, after those that are installed. Not covered: what the object must be.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tutelage.errors import UserError
from tutelage.nearest import near

__all__ = ["load_object"]


def load_object(text: str) -> Any:
    """What MODULE:ATTRIBUTE names; the working directory's modules are found, and FILE.py:ATTRIBUTE too.

    Raises:
        UserError: there is none, or the module fails when it is imported.
    """
    place, _, attribute = text.rpartition(":")
    if not place or not attribute.isidentifier():
        raise UserError(f"{text!r} is not MODULE:ATTRIBUTE")
    if place.endswith(".py") and not Path(place).is_file():
        beside = [str(each) for each in Path(place).parent.glob("*.py")]
        raise UserError(f"{text!r}: there is no file {place!r}{near(str(Path(place)), beside)}")
    try:
        loaded = _module_of_file(Path(place)) if place.endswith(".py") else _module(place)
    except Exception as error:
        raise UserError(f"{text!r}: importing {place!r} fails: {type(error).__name__}: {error}") from error
    if not hasattr(loaded, attribute):
        public = [each for each in vars(loaded) if not each.startswith("_")]
        raise UserError(f"{text!r}: {place!r} has no {attribute!r}{near(attribute, public)}")
    return getattr(loaded, attribute)


def _module(name: str) -> ModuleType:
    """A module, also one of the working directory; that comes last, so that it hides no installed package."""
    sys.path.append(str(Path.cwd()))
    return importlib.import_module(name)


def _module_of_file(path: Path) -> ModuleType:
    """A file as a module; its neighbours can be imported by it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.append(str(path.resolve().parent))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
