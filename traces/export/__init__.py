"""From one recorded run to data sets: every type of TRL's, and the trace formats of others.

`export(run, "sft", roles=("solver",))` gives an `Export`: iterate over it, or write `.parquet(path)`,
`.jsonl(path)`, or take `.dataset()`; then `.report()` says how many rows were kept, and why not more.
"""

from tutelage.traces.export.account import Counts, TokenCounts
from tutelage.traces.export.example import Example
from tutelage.traces.export.export import Export, export
from tutelage.traces.export.formats import FORMATS
from tutelage.traces.export.settings import ExportSettings

__all__ = ["FORMATS", "Counts", "Example", "Export", "ExportSettings", "TokenCounts", "export"]
