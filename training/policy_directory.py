"""A trained policy as a directory that engines load: new weights in everything else's old clothes.

The weights are written in the dtype they came in; config, tokenizer, chat template and generation settings
are the base's own files, byte for byte. Where a head was put in the place of the base's (a reward model), the
configuration is the new model's, and there are no generation settings. `policy.json` says where the weights come
from. An adapter's directory is in PEFT's layout, with a `policy.json` too. A directory is made under another name and
renamed, so that it is whole or absent. Not covered: what engines accept (`tutelage.agents.adapter_directory`).
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from tutelage.agents.adapter_directory import open_adapter_directory
from tutelage.agents.model_directory import open_model_directory
from tutelage.agents.policy import policy_of
from tutelage.errors import UserError

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

__all__ = ["source_dtype", "write_adapter_directory", "write_policy_directory"]

KEPT = (".json", ".jinja", ".txt", ".model")
"""The kinds of files that a base hands on."""
NOT_KEPT = ("policy.json",)
OF_ITS_HEAD = ("config.json", "generation_config.json")
"""What a base hands on only to a model with its own head."""
HEADS = ("ForSequenceClassification", "ForTokenClassification")


def source_dtype(directory: Path) -> "torch.dtype":
    """The floating-point type of most of a directory's weights."""
    import torch
    from safetensors import safe_open

    names = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    elements: dict[str, int] = {}
    for file in sorted(directory.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (an open file is no mapping)
                part = weights.get_slice(name)
                size = 1
                for extent in part.get_shape():
                    size *= extent
                elements[part.get_dtype()] = elements.get(part.get_dtype(), 0) + size
    found = max((kind for kind in elements if kind in names), key=lambda kind: elements[kind], default="F32")
    return names[found]


def write_policy_directory(
    model: "PreTrainedModel", base: Path, making: Path, out: Path, origin: Mapping[str, JsonValue]
) -> str:
    """Write a policy directory and put it in its place.

    Args:
        model: the trained model; its weights are written in the dtype of `base`.
        base: the directory it was loaded from.
        making: where to write first, on the same file system as `out`; replaced.
        out: the final place; must not exist.
        origin: what `policy.json` says besides the new `policy`.

    Returns:
        The policy version, the content hash of the new weights.

    Raises:
        UserError: a weight is not finite.
    """
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    dtype = source_dtype(base)
    model.save_pretrained(making, state_dict=_converted(model, dtype))
    if new_head := _has_new_head(model, base):
        _say_dtype(making / "config.json", dtype)
    dropped = (*NOT_KEPT, *(OF_ITS_HEAD if new_head else ()))
    for file in sorted(base.iterdir()):
        if file.suffix in KEPT and file.name not in dropped and not file.name.endswith(".index.json"):
            shutil.copyfile(file, making / file.name)
    policy = policy_of(tuple(sorted(making.glob("*.safetensors"))))
    _put(making, out, policy, origin)
    return policy


def write_adapter_directory(
    model: "PeftModel", name: str, base: Path, making: Path, out: Path, origin: Mapping[str, JsonValue]
) -> str:
    """Write the directory of a LoRA adapter and put it in its place; its weights keep their dtype.

    Args:
        model: the base under the adapter.
        name: what PEFT calls the adapter.
        base: the directory that the base was loaded from.
        making: where to write first, on the same file system as `out`; replaced.
        out: the final place; must not exist.
        origin: what `policy.json` says besides the new `policy`.

    Returns:
        The adapter's policy version, a content hash of its weights and of what scales them.

    Raises:
        UserError: a weight is not finite.
    """
    for part, weight in model.named_parameters():
        if f".{name}." in part:
            _check_finite(part, weight)
    shutil.rmtree(making, ignore_errors=True)
    (making / "peft").mkdir(parents=True)
    model.save_pretrained(str(making / "peft"), selected_adapters=[name], save_embedding_layers=False)
    # PEFT writes an adapter into a folder of its name, unless that is "default", and a model card beside it.
    weights = next((making / "peft").rglob("adapter_model.safetensors"))
    for file in (weights, weights.with_name("adapter_config.json")):
        file.rename(making / file.name)
    shutil.rmtree(making / "peft")
    policy = open_adapter_directory(making, open_model_directory(base)).policy
    _put(making, out, policy, origin)
    return policy


def _put(making: Path, out: Path, policy: str, origin: Mapping[str, JsonValue]) -> None:
    """Add `policy.json`, and put a directory in its place."""
    text = json.dumps({"policy": policy, **origin}, indent=2, sort_keys=True)
    (making / "policy.json").write_text(text + "\n", encoding="utf-8")
    for file in making.iterdir():
        file.chmod(0o644)
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    making.rename(out)


def _converted(model: "PreTrainedModel", dtype: "torch.dtype") -> "dict[str, torch.Tensor]":
    """The weights in main memory in a dtype, those that were tied still tied; the model keeps its own."""
    made: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
    found = {}
    for name, weight in model.state_dict().items():
        key = (weight.data_ptr(), tuple(weight.shape))
        if key not in made:
            _check_finite(name, weight)
            made[key] = weight.to("cpu", dtype if weight.is_floating_point() else weight.dtype)
        found[name] = made[key]
    return found


def _check_finite(name: str, weight: "torch.Tensor") -> None:
    if not weight.isfinite().all():
        raise UserError(
            f"the training diverged: {name!r} is not finite any more, and no policy was written; try a smaller "
            "learning_rate or gradient_clip, and look for extreme weights or rewards in the rows"
        )


def _say_dtype(config: Path, dtype: "torch.dtype") -> None:
    """Let a model's configuration say what its weights are in."""
    said = {**json.loads(config.read_text(encoding="utf-8")), "dtype": str(dtype).removeprefix("torch.")}
    config.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _has_new_head(model: "PreTrainedModel", base: Path) -> bool:
    kind = type(model).__name__
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return kind.endswith(HEADS) and kind not in (config.get("architectures") or ())
