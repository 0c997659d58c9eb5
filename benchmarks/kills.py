"""Does a run survive SIGKILL at any moment, and again while it resumes? What is lost, doubled, different?

    python -m benchmarks kills [--quick] [--kills 300] [--seed N] [--keep DIR]

Real runs in child processes, killed at random moments and at chosen ones (inside transactions, commits, checkpoints,
while opening and closing), resumed, killed again. After every death: SQLite's integrity check, everything that was
acknowledged is there unchanged, nothing counts twice, in exports neither. In the end: the same content as an
uninterrupted run. Kills of readers come on top and are not among `kills`.
"""

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.killing.campaign import Story
from benchmarks.killing.exports import FORMATS
from benchmarks.killing.modes import MODES, Mode

__all__ = ["configure", "render", "run"]

KILLS = 300
QUICK_KILLS = 30
AT_ONCE = 2
"""Campaigns that run side by side."""
SHOWN = 20
"""Violations listed in the result."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how often, and the seed."""
    parser.add_argument(
        "--kills", type=int, help=f"how often at least, upkeep not counted ({KILLS}; quick {QUICK_KILLS})"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all draws (0); timing stays the machine's")
    parser.add_argument("--modes", nargs="*", choices=sorted(MODES), default=sorted(MODES), help="only these")
    parser.add_argument(
        "--exports",
        nargs="*",
        choices=sorted(FORMATS),
        default=sorted(FORMATS),
        help="the exports that are read",
    )
    parser.add_argument("--keep", type=Path, help="keep the stores here; without, they are thrown away")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Fight campaigns until every mode has had its share of the kills; see `summed`."""
    wanted = args.kills or (QUICK_KILLS if args.quick else KILLS)
    with TemporaryDirectory(prefix="kills-") as folder:
        root = args.keep or Path(folder)
        share = wanted / max(1, len(set(args.modes) - {"upkeep"}))
        stories = {}
        for name in args.modes:
            mode = MODES[name](root / name, tuple(args.exports))
            stories[name] = fought(name, mode, share, args.seed)
    return summed(stories)


def fought(name: str, mode: Mode, wanted: float, seed: int) -> list[Story]:
    """Campaigns of a mode, a few side by side, until there were enough kills."""
    stories: list[Story] = []

    def fight(number: int) -> Story:
        return mode.fight(random.Random(f"{seed} {name} {number}"), number)

    while sum(story.kills.total() for story in stories) < wanted:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            stories += pool.map(fight, range(len(stories), len(stories) + AT_ONCE))
        kills = sum(story.kills.total() for story in stories)
        print(f"kills: {name}: {kills} of {wanted:.0f}", file=sys.stderr)
    return stories


def summed(stories: Mapping[str, Sequence[Story]]) -> dict[str, Any]:
    """All stories in numbers.

    Returns:
        `kills` (of writers), `lost` (acknowledged records that were gone or changed), `doubled`, `damaged`
        (complaints of SQLite), `errors` (children that failed or hung), `equal` (every finished run says what an
        uninterrupted one says), `by_mode`, `moments` (kills by kind), `waters` (logs left by the dead: dry, whole
        or torn), `longest` (deaths of one process in a row), `readers`, `litter` (files that the dead left for good), and
        `violations`: the first of what went wrong.
    """
    every = sum((story for each in stories.values() for story in each), Story())
    found = every.findings
    return {
        "kills": every.kills.total(),
        "lost": len(found.lost),
        "doubled": len(found.doubled),
        "equal": not every.differences,
        "damaged": len(found.damaged),
        "errors": len(every.errors),
        "by_mode": {name: sum(each.kills.total() for each in found) for name, found in stories.items()},
        "moments": dict(every.kills.most_common()),
        "waters": dict(found.waters),
        "campaigns": sum(map(len, stories.values())),
        "longest": every.longest,
        "readers": every.readers,
        "litter": len(every.litter),
        "violations": [
            *map(" ".join, sorted(found.lost)),
            *sorted(found.doubled),
            *found.damaged,
            *every.errors,
            *every.differences,
            *sorted(every.litter),
        ][:SHOWN],
    }


def render(result: Mapping[str, Any]) -> str:
    """The benchmark's part of the results."""
    by_mode = ", ".join(f"{name} {count}" for name, count in result["by_mode"].items())
    moments = ", ".join(f"{name} {count}" for name, count in result["moments"].items())
    return "\n".join(
        [
            "## Killed runs",
            "",
            f"{result['kills']} kills by SIGKILL in {result['campaigns']} runs ({by_mode}), up to {result['longest']} in "
            f"a row, and {result['readers']} of readers: {result['lost']} acknowledged records lost, "
            f"{result['doubled']} doubled, {result['damaged']} complaints of SQLite; every finished run equal to an "
            f"uninterrupted one: {result['equal']}. Moments: {moments}. See [reliability.md](reliability.md).",
        ]
    )
