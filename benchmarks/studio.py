"""Is the studio quick, and does watching cost a batch? Opening, filters, a 10 MB message, watching.

    python -m benchmarks studio [--quick]

Runs of 100,000 turns, as loops of eight turns and as single answers, are opened in fresh processes over HTTP, and
filtered. A real batch of the embedded model is run while a studio whose page follows it is stopped and goes on in turn.
Targets: open in 1 s, each filter in 200 ms, 2 %.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.studying.opening import long_message, opening
from benchmarks.studying.watching import watching

__all__ = ["configure", "render", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the parts to leave out."""
    parser.add_argument("--without-model", action="store_true", help="do not run a real batch")
    parser.add_argument("--pairs", type=int, help="windows of a batch, watched and not (default: 20)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the figures of the targets stand at the top."""
    quick = args.quick
    turns, repeats = (8_000, 2) if quick else (100_000, 5)
    with TemporaryDirectory() as name:
        folder = Path(name)
        shapes = {shape: opening(folder, turns, shape, repeats) for shape in ("loop", "single")}
        long = long_message(folder, 1_000_000 if quick else 10_000_000)
        pairs = args.pairs or (2 if quick else 20)
        watched = {} if args.without_model else watching(folder, pairs, seconds=1 if quick else 4)
    return {
        "turns": turns,
        "open_s": max(each["open_s"] for each in shapes.values()),
        "filter_ms": max(each["filter_ms"] for each in shapes.values()),
        "watch_overhead": watched.get("watch_overhead"),
        "opening": shapes,
        "long_message": long,
        "watching": watched,
    }


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    rows = [
        f"| {name} | {each['turns']:,} | {each['rollouts']:,} | {each['open_s']:.2f} s | {each['ready_s']:.1f} s | "
        f"{each['filter_ms']:.0f} ms |"
        for name, each in result["opening"].items()
    ]
    long, watched = result["long_message"], result["watching"]
    lines = [
        "## Is the studio quick? (`python -m benchmarks studio`)",
        "",
        "| run | turns | rollouts | first page | all in memory | slowest filter or order |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"- a turn with {long['characters'] / 1e6:.0f} MB read and said opens in {long['turn_ms']} ms "
        f"({long['bytes'] / 1000:.0f} kB sent); another part of it takes {long['part_ms']} ms",
    ]
    if watched:
        low, high = (100 * each for each in watched["interval"])
        lines.append(
            f"- watching a batch ({watched['engine']}, {watched['batch_cpu_s']:.0f} processor seconds) costs "
            f"{100 * watched['watch_overhead']:.1f} % of them, the studio {100 * watched['studio']:.1f} and the page's "
            f"requests the rest; tokens a second in {len(watched['all'])} pairs of {watched['window_s']:.0f} s, "
            f"watched and not, differ by {100 * watched['windows']:+.1f} % (95 % interval {low:+.1f} to {high:+.1f})"
        )
    return "\n".join(lines)
