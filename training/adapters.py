"""LoRA adapters besides their training: a new one that changes nothing yet, and one put into its base's weights.

Both load the base in float32 on the CPU, in this process. Not covered: several adapters in one model (they have each
their own part in an engine: `connect(..., adapters={NAME: DIR})`), quantised bases.
"""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.agents.adapter_directory import open_adapter_directory
from tutelage.agents.engines.loading_bars import without_bars
from tutelage.agents.model_directory import ModelDirectory, open_model_directory
from tutelage.errors import MissingDependency, UserError
from tutelage.training.jobs.lora import LoraSettings

__all__ = ["blank_adapter", "merge_adapter"]

Origin = Mapping[str, JsonValue]
"""What `policy.json` says besides the policy."""


def blank_adapter(
    base: str | Path, out: str | Path, settings: LoraSettings | None = None, *, seed: int = 0
) -> Path:
    """Write an adapter that adds nothing to its base yet, for `reinforce` to begin with.

    Args:
        base: a model directory.
        out: the new directory; the same call again does nothing.
        settings: the adapter's shape; `None` for the defaults.
        seed: of what is drawn; adapters of different seeds learn differently.

    Returns:
        `out`.

    Raises:
        UserError: `settings` names an adapter to go on from, layers that are not there, or `out` is there and is
            something else.
        ModelDirectoryError: `base` is broken.
        MissingDependency: PEFT is not installed.
    """
    chosen, target = settings or LoraSettings(), Path(out).absolute()
    if chosen.start is not None:
        raise UserError(
            f"start={str(chosen.start)!r} is no blank adapter; connect with that directory itself"
        )
    directory = open_model_directory(base)
    origin: Origin = {"blank": chosen.model_dump(mode="json"), "seed": seed, "base": _told(directory)}
    if _is_done(target, origin):
        return target
    _need_peft()
    import torch

    from tutelage.training.objectives.lora import NAME, adapted
    from tutelage.training.policy_directory import write_adapter_directory

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = adapted(_loaded(directory), chosen)
    making = target.with_name(f"{target.name}.partial")
    write_adapter_directory(model, NAME, directory.path, making, target, origin)
    return target


def merge_adapter(base: str | Path, adapter: str | Path, out: str | Path) -> Path:
    """Add an adapter to its base's weights, for engines and trainings that take one model.

    Args:
        base: the model directory that it was trained over.
        adapter: the adapter's directory.
        out: the new model directory, in the base's dtype, to which the sums are rounded; the same call again does
            nothing.

    Returns:
        `out`; its `policy.json` names both.

    Raises:
        UserError: `out` is there and is something else.
        ModelDirectoryError: `base` or `adapter` is broken, or they do not fit.
        MissingDependency: PEFT is not installed.
    """
    directory, target = open_model_directory(base), Path(out).absolute()
    told = _told(directory)
    found = open_adapter_directory(adapter, directory, str(told["policy"]))
    merged: JsonValue = {"directory": str(found.path), "policy": found.policy, "origin": _origin(found.path)}
    origin: Origin = {"format": 1, "base": told, "adapter": merged}
    if _is_done(target, origin):
        return target
    _need_peft()
    from peft import PeftModel

    from tutelage.training.policy_directory import write_policy_directory

    model: Any = PeftModel.from_pretrained(_loaded(directory), str(found.path))
    making = target.with_name(f"{target.name}.partial")
    with without_bars():
        write_policy_directory(
            model.merge_and_unload(safe_merge=True), directory.path, making, target, origin
        )
    return target


def _loaded(directory: ModelDirectory) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    with without_bars():
        return AutoModelForCausalLM.from_pretrained(directory.path, dtype=torch.float32)


def _told(directory: ModelDirectory) -> dict[str, JsonValue]:
    return {"directory": str(directory.path), "policy": directory.policy()}


def _origin(adapter: Path) -> JsonValue:
    """What an adapter says of where it comes from."""
    file = adapter / "policy.json"
    told: JsonValue = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    return told


def _is_done(target: Path, origin: Origin) -> bool:
    """Whether a directory is there already, of this very origin.

    Raises:
        UserError: something else is.
    """
    if not target.exists():
        return False
    known = _origin(target)
    if isinstance(known, dict) and all(known.get(key) == value for key, value in origin.items()):
        return True
    raise UserError(f"{str(target)!r} is there and is something else; give another out=, or remove it")


def _need_peft() -> None:
    if find_spec("peft") is None:
        raise MissingDependency("adapters need the package 'peft': pip install 'tutelage[train]'")
