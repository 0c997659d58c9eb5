"""The job of a training, as it travels to the child process: plain data.

Not covered: what is done with it (`tutelage.training.jobs.launching`, `tutelage.training.jobs.worker`).
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.agents.model_directory import open_model_directory
from tutelage.training.jobs.settings import UpdateSettings
from tutelage.types import Data

__all__ = ["TrainingJob"]


class TrainingJob(Data):
    """What a worker is told; it lies in a directory with `rows.jsonl`."""

    objective: str
    base: str
    """The model directory to start from."""
    base_policy: str
    """The content hash of its weights."""
    out: str
    """Where the trained directory goes."""
    settings: Mapping[str, JsonValue]
    """Those of the objective."""
    lineage: Mapping[str, JsonValue]
    """Goes into the trained directory's `policy.json`."""
    digest: str
    """The hash of objective, base weights, rows, settings and lineage: the same job gives the same directory."""

    @classmethod
    def of(
        cls,
        objective: str,
        base: Path,
        dataset: Sequence[Mapping[str, Any]],
        out: Path,
        settings: UpdateSettings,
        lineage: Mapping[str, JsonValue],
    ) -> "TrainingJob":
        """Describe a training.

        Raises:
            ModelDirectoryError: `base` is broken.
        """
        directory = open_model_directory(base)
        policy, chosen = directory.policy(), settings.model_dump(mode="json")
        same = {
            "objective": objective,
            "base": policy,
            "settings": chosen,
            "lineage": lineage,
            "rows": dataset,
        }
        return cls(
            objective=objective,
            base=str(directory.path),
            base_policy=policy,
            out=str(out),
            settings=chosen,
            lineage=lineage,
            digest=sha256(json.dumps(same, sort_keys=True).encode()).hexdigest(),
        )
