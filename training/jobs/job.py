"""The job of a training, as it travels to the child process: plain data.

Not covered: what is done with it (`tutelage.training.jobs.launching`, `tutelage.training.jobs.worker`).
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.agents.adapter_directory import open_adapter_directory
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
    start_policy: str | None = None
    """That of the adapter to go on from."""
    out: str
    """Where the trained directory goes."""
    settings: Mapping[str, JsonValue]
    """Those of the objective."""
    lineage: Mapping[str, JsonValue]
    """Goes into the trained directory's `policy.json`."""
    digest: str
    """The hash of objective, base, adapter, rows, settings and lineage: the same job gives the same directory."""

    @property
    def logs(self) -> Path:
        """Where the curves go that `report` asks for; they outlive the job."""
        return Path(f"{self.out}-logs")

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
            ModelDirectoryError: `base` is broken, or the adapter to go on from is or does not fit.
        """
        directory = open_model_directory(base)
        policy, chosen = directory.policy(), settings.model_dump(mode="json")
        start = None if settings.adapter is None else settings.adapter.start
        begun = None if start is None else open_adapter_directory(start, directory, policy).policy
        same = {
            "objective": objective,
            "base": policy,
            "start": begun,
            # Who watches makes no other weights.
            "settings": {name: value for name, value in chosen.items() if name != "report"},
            "lineage": lineage,
            "rows": dataset,
        }
        return cls(
            objective=objective,
            base=str(directory.path),
            base_policy=policy,
            start_policy=begun,
            out=str(out),
            settings=chosen,
            lineage=lineage,
            digest=sha256(json.dumps(same, sort_keys=True).encode()).hexdigest(),
        )
