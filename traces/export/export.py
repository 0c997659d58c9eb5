"""An export: a run as a data set, read as often as asked for, in rows or in whole files.

Nothing is read before it is asked for, and nothing is kept but counts: a row goes by and is forgotten. Files
are written beside their place and moved there when they are whole.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.traces.export.account import Counts, Tally, TokenCounts
from tutelage.traces.export.collector import collector_held
from tutelage.traces.export.columns import Column, Kind, plain
from tutelage.traces.export.files import json_line, need_arrow, whole_file, write_batches
from tutelage.traces.export.format import Format, Job
from tutelage.traces.export.formats import format_named
from tutelage.traces.export.pipeline import Row, columns_of, job_of, rows
from tutelage.traces.export.settings import ExportSettings, settings_of
from tutelage.traces.run import Run

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset  # type: ignore[import-untyped]

    from tutelage.traces.export.arrow import Builder
    from tutelage.traces.export.formats.otel_send import Sent

__all__ = ["Export", "export"]

FIRST, BATCH = 64, 4096
"""Rows of the first record batch, and the most of a later one."""
BYTES = 32 << 20
"""Bytes that a record batch should not exceed."""
SURROGATES = (
    "rows hold lone surrogates, which are written as U+FDD0 and four digits here "
    "(tutelage.valid_text undoes it)"
)


def export(run: Run, to: str, **options: Any) -> "Export":
    """Make a data set of a run.

    Args:
        run: An open run; scores that were added later count.
        to: The name of a format; `tutelage.traces.export.formats.FORMATS` has them all.
        options: The format's settings, for example `roles=("solver",)`.

    Returns:
        The data set, not yet read.

    Raises:
        UserError: There is no such format or option, or the run has not what it asks for.
    """
    format = format_named(to)
    return Export(run, format, settings_of(format.settings, options, to))


class Export:
    """A data set of one format, drawn from one run."""

    def __init__(self, run: Run, format: Format, settings: ExportSettings) -> None:
        """Prepare; raises what `export` raises."""
        self.run = run
        self.format = format
        self.settings = settings
        self._tally: Tally | None = None
        job_of(run, format, settings, templates=False)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the rows as plain data."""
        job = self._job()
        columns = columns_of(self.format, job)
        for row in self._read(job):
            yield _plain(columns, row)

    @property
    def schema(self) -> "pa.Schema":
        """The Arrow schema.

        Raises:
            MissingDependency: pyarrow is not installed.
        """
        return self._builder(self._job()).schema

    def batches(self) -> Iterator["pa.RecordBatch"]:
        """Give the rows as Arrow record batches.

        Raises:
            MissingDependency: pyarrow is not installed.
        """
        job = self._job()
        builder = self._builder(job)
        found = self._read(job)
        size = FIRST
        while True:
            with collector_held():
                made = builder.batches(list(islice(found, size)))
            if not made:
                break
            yield from made
            size = max(1, min(BATCH, BYTES * size // (1 + sum(batch.nbytes for batch in made))))
        if builder.replaced:
            job.tally.notes[SURROGATES] += builder.replaced

    def parquet(self, path: str | Path) -> Path:
        """Write a Parquet file.

        Raises:
            MissingDependency: pyarrow is not installed.
            StoreError: The file cannot be written.
        """
        need_arrow()
        from pyarrow.parquet import ParquetWriter

        with whole_file(Path(path)) as part, ParquetWriter(part, self.schema) as writer:
            write_batches(self.batches(), writer.write_batch)
        return Path(path)

    def arrow(self, path: str | Path) -> Path:
        """Write an Arrow stream, the form that `datasets` maps into memory.

        Raises:
            MissingDependency: pyarrow is not installed.
            StoreError: The file cannot be written.
        """
        need_arrow()
        from pyarrow import ipc

        with whole_file(Path(path)) as part, ipc.new_stream(part, self.schema) as writer:
            write_batches(self.batches(), writer.write_batch)
        return Path(path)

    def jsonl(self, path: str | Path) -> Path:
        """Write one JSON object a line, UTF-8; lone surrogates and the line ends of Unicode are escaped.

        Raises:
            StoreError: The file cannot be written.
        """
        job = self._job()
        columns = columns_of(self.format, job)
        with whole_file(Path(path)) as part, part.open("wb") as file:
            for row in self._read(job):
                value = row[0] if self.format.document else _plain(columns, row)
                file.write(json_line(value))
        return Path(path)

    def dataset(self) -> "Dataset":
        """Give a `datasets.Dataset` over a temporary file, which goes when the process ends.

        Raises:
            MissingDependency: datasets is not installed.
            StoreError: The file cannot be written.
        """
        from tutelage.traces.export.hugging_face import dataset_of

        return dataset_of(self)

    def send(self) -> "Sent":
        """Send the spans of an "otel" export to the `endpoint` in its options.

        Raises:
            UserError: It is of another format, or has no endpoint.
            ServerError: Nobody listens there, or the collector refuses; what was sent before stays there.
        """
        from tutelage.traces.export.formats.otel_send import deliver

        return deliver(self)

    @property
    def counts(self) -> Counts:
        """How many rows were kept, of how many, and why not more.

        Raises:
            UserError: The export was not read to its end.
        """
        return self._read_tally().counts()

    @property
    def tokens(self) -> TokenCounts | None:
        """What became of the sampled tokens; `None` in formats that train on texts.

        Raises:
            UserError: The export was not read to its end.
        """
        return self._read_tally().tokens()

    def report(self) -> str:
        """Tell in a few lines what was kept and why not more.

        Raises:
            UserError: The export was not read to its end.
        """
        return self._read_tally().report()

    def _read_tally(self) -> Tally:
        if self._tally is None:
            raise UserError(
                "an export has its counts once it was read: iterate over it, or write a file or a dataset"
            )
        return self._tally

    def _job(self) -> Job:
        return job_of(self.run, self.format, self.settings)

    def _read(self, job: Job) -> Iterator[Row]:
        yield from rows(self.format, job)
        self._tally = job.tally

    def _builder(self, job: Job) -> "Builder":
        need_arrow()
        from tutelage.traces.export.arrow import Builder

        return Builder(columns_of(self.format, job), wide=job.survey.wide)


def _plain(columns: Iterable[Column], row: Row) -> dict[str, Any]:
    return {
        name: value if kind is Kind.TEXT else plain(kind, value)
        for (name, kind), value in zip(columns, row, strict=True)
    }
