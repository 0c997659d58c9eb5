"""Offering control of a batch for as long as it runs: `offered`, and the graph made ready for it.

A batch whose control cannot be offered runs all the same, and says why on standard error. Not covered: runs without a
directory, which nobody could find.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from tutelage.errors import UserError
from tutelage.graphs.control.desk import Desk
from tutelage.graphs.control.meter import Meter
from tutelage.graphs.control.operations import Subject
from tutelage.graphs.control.server import Server
from tutelage.graphs.debugging.shape import Shape
from tutelage.graphs.progress import Tally
from tutelage.printable import printable
from tutelage.traces import Run

__all__ = ["desk_for", "offered"]

App = CompiledStateGraph[Any, Any, Any, Any]


def desk_for(app: App, concurrency: int) -> Desk:
    """Make the desk of a batch of this graph."""
    return Desk(concurrency, Shape(app))


@contextmanager
def offered(desk: Desk, run: Run, tally: Tally) -> Iterator[None]:
    """Let clients attach inside the block.

    Args:
        desk: What they control.
        run: The run, in a directory.
        tally: The batch's counts.
    """
    assert run.path is not None
    path = run.path.resolve()
    desk.count_tokens = lambda rollout: _tokens(run, rollout)
    server = Server(Subject(desk, tally, Meter(path), str(path), run.name), path)
    try:
        server.start()
    except UserError as error:
        print(f"tutelage: nobody can attach to this run: {printable(str(error))}", file=sys.stderr)
    try:
        yield
    finally:
        server.close()


def _tokens(run: Run, rollout: str) -> int:
    """What a rollout has read and written so far; the samples of one call read once."""
    prompts: dict[int, int] = {}
    written = 0
    for turn in run.turns(rollout):
        prompts[turn.call] = len(turn.prompt_token_ids or ())
        written += len(turn.completion_token_ids or ())
    return sum(prompts.values()) + written
