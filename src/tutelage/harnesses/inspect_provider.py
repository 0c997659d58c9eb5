"""The entry point of Inspect: model names `tutelage/SPEC`, such as `tutelage/embedded` or `tutelage/policies/sft`.

It is loaded by Inspect itself, for every model that it does not know; the class is imported when one of ours is asked
for. This module imports inspect_ai.
"""

from inspect_ai.model import ModelAPI, modelapi

__all__ = ["tutelage"]


@modelapi(name="tutelage")
def tutelage() -> type[ModelAPI]:
    """Give the provider."""
    from tutelage.harnesses.inspect_model import TutelageAPI

    return TutelageAPI
