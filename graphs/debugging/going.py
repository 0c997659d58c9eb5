"""Going on: steps, the next node, out of a subgraph, until a node, or as far as it goes.

Not covered: what stops it on the way (`stopping`).
"""

from typing import Any

from tutelage.errors import UserError
from tutelage.graphs.debugging.execution import Execution
from tutelage.graphs.debugging.hold import Hold
from tutelage.graphs.debugging.standing import Standing
from tutelage.graphs.debugging.stepping import Mode, ModeKind
from tutelage.graphs.debugging.view import Stop

__all__ = ["Going"]


class Going(Standing):
    """The part of `Session` that lets the graph go on."""

    def go(self) -> Stop | None:
        """Go on until a breakpoint, an error, a question, a divergence or the end."""
        return self._go(Mode("run"))

    run = go

    def step(self) -> Stop | None:
        """Go to the next event of any kind: into subgraphs and to model calls."""
        return self._go(Mode("step"))

    def next(self) -> Stop | None:
        """Go to the next node of this or an outer graph."""
        hold = self._must_be_held()
        return self._go(mode_from("next", hold))

    def out(self) -> Stop | None:
        """Go on until the subgraph around the stop is left; in the outermost graph to the end."""
        hold = self._must_be_held()
        return self._go(mode_from("out", hold))

    def until(self, node: str) -> Stop | None:
        """Go on until before a node.

        Raises:
            UserError: There is no such node.
        """
        self._must_be_held()
        self.bench.breakpoints.add(node=node, at="before", temporary=True)
        return self.go()

    def pause(self) -> None:
        """Hold at the next event; from any thread."""
        if self._execution is not None:
            self._execution.gate.pause()

    def wait(self) -> Stop | None:
        """Wait until it is held or has ended."""
        if self._execution is not None:
            self.bench.do(self._execution.gate.settled())
        return self.stop

    def answer(self, value: Any) -> Stop | None:
        """Answer what the node asks, and go on to the next event.

        Raises:
            UserError: Nothing is asked.
        """
        hold, execution = self._must_be_held(), self._execution
        if hold.when != "asks" or execution is None:
            raise UserError("nothing is asked here; an answer belongs to a stop at interrupt()")
        self._in_loop(lambda: execution.answer(hold, value))
        return self._go(Mode("step"))

    def retry(self) -> Stop | None:
        """Run the node that failed again; a graph at its limit of steps may take as many again.

        Raises:
            UserError: No node failed here.
        """
        hold = self._must_be_held()
        if hold.when != "error":
            raise UserError("no node failed here; fork before a visit to run it again")
        hold.again = True
        return self._go(Mode("step"))

    def _go(self, mode: Mode) -> Stop | None:
        execution = self._execution
        if self.status == "running":
            return self.wait()
        hold = self._must_be_held()
        if hold.when == "asks" and not hold.answered:
            raise UserError("the node asks something; answer(VALUE) first")
        assert execution is not None
        self._outer = 0
        self.bench.do(_gone_on(execution, mode))
        return self.stop


async def _gone_on(execution: Execution, mode: Mode) -> None:
    execution.gate.go(mode)
    await execution.gate.settled()


def mode_from(kind: ModeKind, hold: Hold) -> Mode:
    """The mode that goes on from a hold."""
    parent = hold.entry.parent
    return Mode(kind, len(hold.visit.within), None if parent is None else parent.note.key, hold.visit.step)
