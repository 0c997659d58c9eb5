"""Is the record fast and small? Turns a second, bytes, what recording costs, rows a second of exports.

    python -m benchmarks store [--quick]

Turns are fed by an engine that costs nothing and are on disk before the next call. Bytes are compared with text
and tokens, and with LangGraph's SQLite saver on the same conversations. What recording costs is measured on a
real vLLM rollout. Targets: 20,000 turns/s, 1.5 times the text and token bytes, 5 %, 50,000 rows/s, and memory
that does not grow with the run.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.storing.exporting import exporting
from benchmarks.storing.feeding import feeding
from benchmarks.storing.overhead import overhead
from benchmarks.storing.size import size

__all__ = ["configure", "render", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the parts to leave out."""
    parser.add_argument("--without-vllm", action="store_true", help="do not measure a real rollout")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the figures of the targets stand at the top."""
    quick = args.quick
    with TemporaryDirectory() as name:
        folder = Path(name)
        cost = {} if args.without_vllm else overhead(folder, 32 if quick else 128, 3 if quick else 9)
        fed = [feeding(folder, 8_000 if quick else 80_000, samples, 3 if quick else 5) for samples in (8, 1)]
        conversations = size(folder, 5 if quick else 50, 40)
        exports = exporting(folder, 8_000 if quick else 100_000)
    return {
        "turns_per_s": fed[0]["turns_per_s"],
        "bytes_ratio": conversations["bytes_ratio"],
        "recording_overhead": cost.get("recording_overhead"),
        "export_rows_per_s": exports["sft"]["rows_per_s"],
        "feeding": fed,
        "size": conversations,
        "overhead": cost,
        "exporting": exports,
    }


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    size, cost = result["size"], result["overhead"]
    rows = [
        f"| {name} | {each['rows']:,} | {each['rows_per_s']:,} | {each['turns_per_s']:,} | {each['memory_ratio']:.2f} |"
        for name, each in result["exporting"].items()
    ]
    fed = [
        f"- turns taken from a free engine, {each['samples']} to a call, 256 rollouts at once: "
        f"{each['turns_per_s']:,}/s (median of {len(each['all'])}: "
        f"{min(each['all']):,} to {max(each['all']):,}); {each['bytes_a_turn']} bytes a turn"
        for each in result["feeding"]
    ]
    real = [
        f"- recording adds {100 * cost['recording_overhead']:.1f} % to a real vLLM rollout a sampled token (median of "
        f"{len(cost['all'])} pairs, {100 * min(cost['all']):.1f} to {100 * max(cost['all']):.1f} %); the journal itself "
        f"takes {100 * cost['recording_share']:.1f} % of the time"
    ]
    lines = [
        "## Is the record fast and small? (`python -m benchmarks store`)",
        "",
        *fed,
        f"- a conversation of {size['turns']} turns takes {size['bytes_ratio']:.2f} times its text and token bytes, "
        f"{size['text_ratio']:.2f} times its text (LangGraph's SQLite saver, the same messages without tokens: "
        f"{size['langgraph_text_ratio']:.1f} times its text)",
        *(real if cost else []),
        "",
        "| export to Parquet | rows | rows/s | turns/s | peak memory, this run to a quarter of it |",
        "|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines)
