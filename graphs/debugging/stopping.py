"""Breakpoints of a session: setting, changing and removing them.

Not covered: when they hold (`breakpoints`).
"""

from typing import Any, Unpack

from tutelage.graphs.debugging.breakpoints import Where
from tutelage.graphs.debugging.standing import Standing
from tutelage.graphs.debugging.view import Breakpoint

__all__ = ["Stopping"]


class Stopping(Standing):
    """The part of `Session` that has breakpoints."""

    def break_on(self, node: str | None = None, **where: Unpack[Where]) -> Breakpoint:
        """Stop where all that is given holds.

        Args:
            node: At this node; an inner one by its name or as "outer/inner".
            where: `at`, `role`, `verdict`, `score`, `error`, `tokens`, `when`, and `temporary`, `commands`, `ignore`;
                `breakpoints.Where` says what they mean.

        Raises:
            UserError: There is no such node or field, or nothing to stop at.
        """
        return self.bench.breakpoints.add(node, **where)

    def break_before(self, node: str, **options: Any) -> Breakpoint:
        """Stop before a node; see `break_on`."""
        return self.break_on(node, at="before", **options)

    def break_after(self, node: str, **options: Any) -> Breakpoint:
        """Stop after a node; see `break_on`."""
        return self.break_on(node, at="after", **options)

    def breakpoints(self) -> list[Breakpoint]:
        """Give all breakpoints."""
        return self.bench.breakpoints.all()

    def clear(self, number: int | None = None) -> None:
        """Remove a breakpoint, or all.

        Raises:
            UserError: There is none of this number.
        """
        self.bench.breakpoints.remove(number)

    def enable(self, number: int) -> Breakpoint:
        """Let a breakpoint stop again."""
        return self.change_breakpoint(number, enabled=True)

    def disable(self, number: int) -> Breakpoint:
        """Let a breakpoint pass until it is enabled."""
        return self.change_breakpoint(number, enabled=False)

    def change_breakpoint(self, number: int, **changes: Any) -> Breakpoint:
        """Change `enabled`, `when` (a text), `ignore`, `commands` or `temporary` of a breakpoint.

        Raises:
            UserError: There is none of this number, or a value is refused.
        """
        return self.bench.breakpoints.change(number, **changes)
