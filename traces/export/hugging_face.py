"""An export as a `datasets.Dataset`, mapped from a temporary file so that it takes no memory."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.errors import MissingDependency

if TYPE_CHECKING:
    from datasets import Dataset  # type: ignore[import-untyped]

    from tutelage.traces.export.export import Export

__all__ = ["dataset_of"]


def dataset_of(export: "Export") -> "Dataset":
    """Write an export to a temporary directory, which goes when the process ends, and map it.

    Raises:
        MissingDependency: datasets is not installed.
        StoreError: The file cannot be written.
    """
    try:
        from datasets import Dataset
    except ImportError as error:
        raise MissingDependency("a Dataset needs datasets: pip install datasets") from error
    directory = Path(tempfile.mkdtemp(prefix="tutelage-export-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Dataset.from_file(str(export.arrow(directory / "rows.arrow")))
