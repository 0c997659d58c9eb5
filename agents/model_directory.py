"""A directory of weights in Hugging Face's layout, checked before an engine starts on it.

Starting an engine takes half a minute and fails with a traceback of somebody else's; these checks take
milliseconds and say in one sentence which file is wrong and what to do. They read headers only, never
tensors. Only `safetensors` weights are accepted, since the other formats execute what they contain.

Not covered: whether an engine supports the architecture, adapters without their base model, and the
tokenizer's and chat template's contents (`engines.prompt_renderer` loads those).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage.agents.policy import policy_of
from tutelage.errors import ModelDirectoryError

__all__ = ["ModelDirectory", "open_model_directory", "read_json", "tensor_shapes"]

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """What is known of a model before it is loaded."""

    path: Path
    config: Mapping[str, Any]
    """`config.json` as it is."""
    weights: tuple[Path, ...]
    shapes: Shapes
    """Every tensor's name and shape, from the files' headers."""

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together, as the config says; `None` where it does not."""
        text = self.config.get("text_config")
        for config in (self.config, text if isinstance(text, Mapping) else {}):
            length = config.get("max_position_embeddings")
            if isinstance(length, int):
                return length
        return None

    def policy(self) -> str:
        """The policy version of these weights; reads every byte of them."""
        return policy_of(self.weights)

    def check_fits(self, other: "ModelDirectory") -> None:
        """Check that `other`'s weights can take the place of these.

        Raises:
            ModelDirectoryError: A tensor is missing, superfluous or of another shape.
        """
        tied = {"lm_head.weight"} if self.config.get("tie_word_embeddings") else set()
        for name in sorted((self.shapes.keys() | other.shapes.keys()) - tied):
            old, new = self.shapes.get(name), other.shapes.get(name)
            if old != new:
                raise ModelDirectoryError(
                    f"{str(other.path)!r} does not fit the running model {str(self.path)!r}: tensor "
                    f"{name!r} is {_shape(new)} there and {_shape(old)} here; start a new engine with "
                    "connect() instead."
                )


def open_model_directory(directory: str | Path) -> ModelDirectory:
    """Check a directory and read what its headers say.

    Raises:
        ModelDirectoryError: Something is missing or broken; the message names the file and what to do.
    """
    path = Path(directory).expanduser()
    if not path.exists():
        raise ModelDirectoryError(
            f"there is no model directory {str(directory)!r}; give the path of a directory with config.json, "
            "*.safetensors and a tokenizer."
        )
    if not path.is_dir():
        raise ModelDirectoryError(f"{str(directory)!r} is a file; give the directory that holds it.")
    path = path.resolve()
    config = _read_config(path)
    weights = _find_weights(path)
    _check_tokenizer(path)
    shapes = {name: shape for file in weights for name, shape in tensor_shapes(file).items()}
    return ModelDirectory(path=path, config=config, weights=weights, shapes=shapes)


def _read_config(path: Path) -> Mapping[str, Any]:
    file = path / "config.json"
    if not file.is_file():
        adapter = " (it holds an adapter: merge it into its base model first)"
        hint = adapter if (path / "adapter_config.json").is_file() else ""
        raise ModelDirectoryError(
            f"{str(path)!r} has no config.json{hint}; save the model with save_pretrained()."
        )
    config = read_json(file)
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelDirectoryError(
            f"{str(file)!r} names no 'model_type', so it is no model's configuration; save the model again."
        )
    return config


def _find_weights(path: Path) -> tuple[Path, ...]:
    weights = tuple(sorted(path.glob("*.safetensors")))
    if weights:
        _check_index(path, weights)
        return weights
    if any(path.glob("*.bin")) or any(path.glob("*.pt")):
        raise ModelDirectoryError(
            f"{str(path)!r} holds only pickled weights, which can execute code when they are read; load them "
            "where you trust them and save with save_pretrained(..., safe_serialization=True)."
        )
    raise ModelDirectoryError(
        f"{str(path)!r} has no *.safetensors file; save the model with save_pretrained()."
    )


def _check_index(path: Path, weights: tuple[Path, ...]) -> None:
    file = path / "model.safetensors.index.json"
    if not file.is_file():
        return
    index = read_json(file)
    shards = set(index.get("weight_map", {}).values()) if isinstance(index, dict) else set()
    missing = sorted(shards - {weight.name for weight in weights})
    if missing:
        raise ModelDirectoryError(
            f"{str(file)!r} names {missing[0]!r}, which is not there; copy all shards again."
        )


def _check_tokenizer(path: Path) -> None:
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
    if not any((path / name).is_file() for name in names):
        raise ModelDirectoryError(
            f"{str(path)!r} has no tokenizer (no tokenizer.json); save the tokenizer beside the model with "
            "tokenizer.save_pretrained()."
        )
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        if (path / name).is_file():
            read_json(path / name)


def tensor_shapes(file: Path) -> Shapes:
    """Read a safetensors header: 8 bytes of length, then JSON (https://huggingface.co/docs/safetensors)."""
    broken = f"{str(file)!r} is not a whole safetensors file"
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelDirectoryError(
                f"{broken}: {size} bytes do not hold its header; copy or save it again."
            )
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            raise ModelDirectoryError(f"{broken}: its header is not JSON; copy or save it again.") from None
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    end = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    if end != size:
        raise ModelDirectoryError(f"{broken}: {size} bytes where {end} belong; copy or save it again.")
    return {name: tuple(entry["shape"]) for name, entry in tensors.items()}


def read_json(file: Path) -> Any:
    """Read one JSON file of a model directory.

    Raises:
        ModelDirectoryError: It cannot be read, or is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelDirectoryError(
            f"{str(file)!r} cannot be read as JSON ({error}); copy or save the model again."
        ) from None


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "x".join(map(str, shape))
