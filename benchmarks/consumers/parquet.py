"""The Parquet file of an export, read by DuckDB: the same rows, whatever is nested in them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

__all__ = ["duckdb_reads"]


def duckdb_reads(file: Path, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether DuckDB finds these rows in a file, in order and under these columns."""
    with duckdb.connect() as database:
        found = database.execute("SELECT * FROM read_parquet(?)", [str(file)])
        columns = [name for name, *_ in found.description or ()]
        read = [dict(zip(columns, values, strict=True)) for values in found.fetchall()]
    if len(read) != len(rows):
        return False
    return _text([_unpacked(row, own) for row, own in zip(read, rows, strict=True)]) == _text(rows)


def _unpacked(read: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data is JSON text in a file of columns."""
    return {
        name: json.loads(value) if isinstance(value, str) and isinstance(row.get(name), Mapping) else value
        for name, value in read.items()
    }


def _text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON, in which a tuple is a list and not-a-number equals itself."""
    return json.dumps([dict(row) for row in rows], sort_keys=True)
