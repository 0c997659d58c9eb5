"""The rows of one step as a file: token ids and what goes with each token, packed one row after the other.

A row has the columns of `grpo` exports with form="groups". Numbers travel as they are, so the trainer computes with
exactly what was recorded. Not covered: how rows are made (`tutelage.traces.export`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_batch", "write_batch"]

KINDS = {
    "prompt_ids": np.int32,
    "completion_ids": np.int32,
    "completion_mask": np.int8,
    "logprobs": np.float32,
    "advantages": np.float32,
}


def write_batch(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; the file is whole or absent."""
    packed = {}
    for name, kind in KINDS.items():
        packed[name] = np.concatenate([np.asarray(row[name], kind) for row in rows] or [np.empty(0, kind)])
    for name in ("prompt_ids", "completion_ids"):
        packed[f"{name}_lengths"] = np.array([len(row[name]) for row in rows], np.int64)
    making = file.with_name(f"{file.name}.partial")
    with making.open("wb") as stream:
        np.savez(stream, **packed)
    making.rename(file)


def read_batch(file: Path) -> list[dict[str, Any]]:
    """Give the rows of a file; values are arrays."""
    with np.load(file) as packed:
        lengths = {name: packed[f"{name}_lengths"] for name in ("prompt_ids", "completion_ids")}
        columns = {
            name: np.split(packed[name], np.cumsum(lengths.get(name, lengths["completion_ids"]))[:-1])
            for name in KINDS
        }
    count = len(lengths["prompt_ids"])
    return [{name: columns[name][row] for name in KINDS} for row in range(count)]
