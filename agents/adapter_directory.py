"""A LoRA adapter in PEFT's layout, checked against its base model before an engine takes it.

As with model directories the checks read headers only. Accepted is plain LoRA (https://arxiv.org/abs/2106.09685,
rank-stabilised or not): one rank and one alpha for all layers, in `safetensors`. Whatever else PEFT can write is
refused, since engines would leave it out without a word. So is an adapter whose `policy.json` names another base: over
other weights of the same shapes it would say something else.

Not covered: other kinds of adapters, and which layers an engine can adapt.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage.agents.model_directory import ModelDirectory, read_json, tensor_shapes
from tutelage.agents.policy import DIGITS, policy_of
from tutelage.errors import ModelDirectoryError

__all__ = ["AdapterDirectory", "open_adapter_directory"]

SCALING = ("r", "lora_alpha", "use_rslora")
"""What of the configuration changes the result, besides the tensors."""
UNSUPPORTED = (
    "alpha_pattern",
    "layer_replication",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
)
PREFIX = "base_model.model."
"""What PEFT puts before the base model's names."""


@dataclass(frozen=True, slots=True)
class AdapterDirectory:
    """What is known of an adapter before it is loaded."""

    path: Path
    config: Mapping[str, Any]
    """`adapter_config.json` as it is."""
    rank: int
    policy: str
    """A content hash over the tensors and what scales them."""


def open_adapter_directory(
    directory: str | Path, base: ModelDirectory, policy: str | None = None
) -> AdapterDirectory:
    """Check an adapter and read what its headers say.

    Args:
        directory: the adapter's.
        base: what it is laid over.
        policy: the base's, where it is known.

    Raises:
        ModelDirectoryError: Something is missing, broken or not supported, or does not fit the base model.
    """
    path = Path(directory).expanduser().resolve()
    file, weights = path / "adapter_config.json", path / "adapter_model.safetensors"
    for needed in (file, weights):
        if not needed.is_file():
            raise ModelDirectoryError(
                f"{str(directory)!r} is no adapter: it has no {needed.name}; save it with PEFT's save_pretrained()."
            )
    config = _read_config(file)
    _check_fits(weights, base, config["r"])
    _check_base(path, base, policy)
    return AdapterDirectory(path=path, config=config, rank=config["r"], policy=_policy(weights, config))


def _read_config(file: Path) -> Mapping[str, Any]:
    config = read_json(file)
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        kind = config.get("peft_type") if isinstance(config, dict) else None
        raise ModelDirectoryError(f"{str(file)!r} is of the kind {kind!r}; only LoRA adapters can be used.")
    extras = [name for name in UNSUPPORTED if config.get(name)]
    if config.get("bias", "none") != "none":
        extras.append("bias")
    if extras:
        raise ModelDirectoryError(
            f"{str(file)!r} sets {extras[0]!r}, which engines do not apply; train the adapter without it, or merge it "
            "into its base model."
        )
    if not isinstance(config.get("r"), int) or config["r"] < 1 or "lora_alpha" not in config:
        raise ModelDirectoryError(f"{str(file)!r} lacks 'r' or 'lora_alpha'; save the adapter again.")
    return config


def _check_fits(weights: Path, base: ModelDirectory, rank: int) -> None:
    for name, shape in tensor_shapes(weights).items():
        module, _, side = name.removeprefix(PREFIX).partition(".lora_")
        whole = base.shapes.get(f"{module}.weight")
        if whole is None or len(whole) != 2 or side not in ("A.weight", "B.weight"):
            raise ModelDirectoryError(
                f"{str(weights)!r} does not fit {str(base.path)!r}: there is no layer for its tensor {name!r}."
            )
        expected = (rank, whole[1]) if side == "A.weight" else (whole[0], rank)
        if shape != expected:
            raise ModelDirectoryError(
                f"{str(weights)!r} does not fit {str(base.path)!r}: its tensor {name!r} is {shape}, {expected} is needed."
            )


def _check_base(path: Path, base: ModelDirectory, policy: str | None) -> None:
    file = path / "policy.json"
    origin = read_json(file) if file.is_file() else {}
    trained = origin.get("base") if isinstance(origin, dict) else None
    wanted = trained.get("policy") if isinstance(trained, dict) else None
    if not isinstance(trained, dict) or wanted is None:
        return
    own = base.policy() if policy is None else policy
    if wanted != own:
        raise ModelDirectoryError(
            f"{str(path)!r} was trained over policy {wanted} ({trained.get('directory')}), and {str(base.path)!r} holds "
            f"policy {own}; take the base that it was trained over, or train it again."
        )


def _policy(weights: Path, config: Mapping[str, Any]) -> str:
    scaling = json.dumps([config.get(name) for name in SCALING])
    return hashlib.sha256(f"{policy_of([weights])} {scaling}".encode()).hexdigest()[:DIGITS]
