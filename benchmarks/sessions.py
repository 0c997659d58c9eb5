"""Does a debugging session survive SIGKILL at any moment, with every edit, label, branch, name, breakpoint and turn?

    python -m benchmarks sessions [--quick] [--kills 60] [--seed N] [--keep DIR]

Somebody debugs at random in a child process: steps, edits, forks, labels, resamples, renames, sets breakpoints. The
process is killed, also while it opens the session again, and opened again, and killed again. After every death a copy
is opened and compared with what was acknowledged.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reopening.campaign import DEATHS, Story, fight

__all__ = ["configure", "render", "run"]

KILLS = 60
QUICK_KILLS = 8
SHOWN = 20
"""Violations listed in the result."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how often, and the seed."""
    parser.add_argument("--kills", type=int, help=f"how often at least ({KILLS}; quick {QUICK_KILLS})")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (0); timing stays the machine's")
    parser.add_argument("--keep", type=Path, help="keep the sessions here; without, they are thrown away")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Kill sessions until there were enough kills; see `summed`."""
    wanted = args.kills or (QUICK_KILLS if args.quick else KILLS)
    story, number = Story(), 0
    with TemporaryDirectory(prefix="sessions-") as folder:
        while story.kills.total() < wanted and len(story.errors) < SHOWN:
            story += fight((args.keep or Path(folder)) / str(number), f"{args.seed} {number}", DEATHS)
            number += 1
            print(f"sessions: {story.kills.total()} of {wanted} kills", file=sys.stderr)
    return {**summed(story), "sessions": number}


def summed(story: Story) -> dict[str, Any]:
    """A story in numbers.

    Returns:
        `kills`, `lost` (what was acknowledged and is not there), `doubled` (what is there twice, or was executed
        again), `damaged` (complaints of SQLite), `errors` (children that ended by themselves), `reopened` (branches
        looked at afterwards that nothing was moving) and `reopened_where_it_was` of them, `acknowledged` actions,
        `moments` (kills by kind), `under_way` (kills by what was being done), and `violations`: the first of what
        went wrong.
    """
    found = story.findings
    return {
        "kills": story.kills.total(),
        "lost": len(found.lost),
        "doubled": len(found.doubled),
        "damaged": len(found.damaged),
        "errors": len(story.errors),
        "reopened": found.reopened,
        "reopened_where_it_was": found.where_they_were,
        "acknowledged": found.acknowledged,
        "moments": dict(story.kills.most_common()),
        "under_way": dict(story.actions.most_common()),
        "violations": [*found.lost, *found.doubled, *found.damaged, *story.errors][:SHOWN],
    }


def render(result: Mapping[str, Any]) -> str:
    """The benchmark's part of the results."""
    moments = ", ".join(f"{name} {count}" for name, count in result["moments"].items())
    return "\n".join(
        [
            "## Killed debugging sessions",
            "",
            f"{result['kills']} kills by SIGKILL of {result['sessions']} sessions in which somebody steps, edits, forks, "
            f"labels, resamples, renames and sets breakpoints ({moments}): {result['lost']} acknowledged things "
            f"lost, {result['doubled']} doubled or executed again, {result['damaged']} complaints of SQLite; "
            f"{result['reopened_where_it_was']} of {result['reopened']} branches opened again where they were.",
        ]
    )
