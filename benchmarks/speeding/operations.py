"""The floating-point operations that a transformer needs for sequences, as MFU counts them.

Two a weight and token that it is multiplied with, and the products of attention; a backward pass needs twice those of a
forward pass (Chowdhery et al. 2022, "PaLM", appendix B; attention counted once, as it is causal). What is computed again
or padded is not needed, so it is not counted.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from tutelage.agents import open_model_directory

__all__ = ["Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model the count needs."""

    parameters: int
    weights: int
    """Parameters that every token is multiplied with: without the embedding, with the head."""
    layers: int
    width: int
    """Of attention: heads times their size."""

    @classmethod
    def of(cls, directory: Path) -> "Shape":
        """Read a model directory with tied embeddings."""
        shapes = open_model_directory(directory).shapes
        config = json.loads((directory / "config.json").read_text("utf-8"))
        parameters = sum(prod(shape) for shape in shapes.values())
        # The tied table is the head, too: it is looked up once and multiplied once.
        width = config["num_attention_heads"] * config["head_dim"]
        return cls(parameters, parameters, config["num_hidden_layers"], width)

    def forward(self, lengths: Iterable[int]) -> int:
        """Of one forward pass over sequences of these lengths."""
        return sum(
            2 * self.weights * length + 2 * self.layers * self.width * length * length for length in lengths
        )
