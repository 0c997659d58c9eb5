"""Packages that only some engines need, imported when such an engine starts.

They are imported by name at run time, so that neither the room's door nor the type checker loads them.
"""

import importlib
from typing import Any

from tutelage.errors import MissingDependency

__all__ = ["require"]


def require(module: str, *, needed_by: str, install: str) -> Any:
    """Import a module by its dotted name.

    Args:
        module: For instance `"vllm.sampling_params"`.
        needed_by: Who needs it, for the message: `"connect('vllm:…')"`.
        install: What to give to `pip install`.

    Raises:
        MissingDependency: The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        package = module.split(".")[0]
        raise MissingDependency(
            f"{needed_by} needs the package {package!r}, which is not installed: pip install {install}"
        ) from None
