"""Where a policy comes from, as far as its `policy.json` says: what it was trained by, from and on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.types import Data

__all__ = ["Origin"]


class Origin(Data):
    """What is known of a trained policy."""

    objective: str | None = None
    base: str | None = None
    """The directory of the weights before the training."""
    families: tuple[str, ...] = ()
    """The families of the tasks that it was trained on; empty where unknown."""
    curriculum: str | None = None

    @classmethod
    def of(cls, directory: str | Path) -> "Origin | None":
        """Read a model directory's; `None` where it was not trained by this package.

        Raises:
            UserError: `policy.json` is no JSON object.
        """
        file = Path(directory) / "policy.json"
        if not file.is_file():
            return None
        try:
            told: Any = json.loads(file.read_text(encoding="utf-8"))
            base, lineage = told.get("base"), told.get("lineage") or {}
        except (ValueError, AttributeError) as error:
            raise UserError(f"{str(file)!r} is not what a training writes; train the policy anew") from error
        families = lineage.get("families") if isinstance(lineage, Mapping) else None
        return cls(
            objective=told.get("objective"),
            base=base.get("directory") if isinstance(base, Mapping) else None,
            families=tuple(sorted(families)) if isinstance(families, Mapping) else (),
            curriculum=lineage.get("curriculum") if isinstance(lineage, Mapping) else None,
        )
