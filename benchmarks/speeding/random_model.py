"""A model directory of random weights in a size of choice, with the embedded model's tokenizer and template.

Run as `python -m benchmarks.speeding.random_model DIR SIZE`, so that the process which measures never imports torch.
Not covered: weights that say anything.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tutelage.agents import embedded_directory

__all__ = ["SIZES", "random_model"]

SIZES: Mapping[str, Mapping[str, int]] = {
    "tiny": {
        "hidden_size": 192,
        "num_hidden_layers": 6,
        "num_attention_heads": 3,
        "num_key_value_heads": 3,
        "intermediate_size": 512,
    },
    "half-billion": {
        "hidden_size": 1024,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "intermediate_size": 3072,
    },
}
"""Of the Qwen3 architecture; the larger one has 0.5 billion parameters."""
HEAD, CONTEXT, SEED = 64, 4096, 0


def random_model(folder: Path, size: str) -> Path:
    """Make the directory in a process of its own, unless it is there."""
    out = folder / size
    if not (out / "config.json").is_file():
        making = folder / f"{size}.partial"
        shutil.rmtree(making, ignore_errors=True)
        command = [sys.executable, "-m", "benchmarks.speeding.random_model", str(making), size]
        subprocess.run(command, check=True)
        making.rename(out)
    return out


def main() -> None:
    """Write the directory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("size", choices=SIZES)
    given = parser.parse_args()
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    base = embedded_directory()
    shutil.copytree(base, given.out, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    config = AutoConfig.from_pretrained(base)
    layers = SIZES[given.size]["num_hidden_layers"]
    changed = {**SIZES[given.size], "head_dim": HEAD, "max_position_embeddings": CONTEXT}
    for name, value in {**changed, "layer_types": ["full_attention"] * layers}.items():
        setattr(config, name, value)
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model.save_pretrained(given.out)


if __name__ == "__main__":
    main()
