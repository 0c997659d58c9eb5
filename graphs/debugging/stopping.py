"""Breakpoints of a session: setting, changing and removing them.

Not covered: when they hold (`breakpoints`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tutelage.graphs.debugging.standing import Standing
from tutelage.graphs.debugging.view import Breakpoint, Place

__all__ = ["Stopping"]


class Stopping(Standing):
    """The part of `Session` that has breakpoints."""

    def break_on(
        self,
        node: str | None = None,
        *,
        at: Place | None = None,
        role: str | None = None,
        verdict: str | None = None,
        score: str | None = None,
        error: bool = False,
        tokens: int | None = None,
        when: Callable[[Mapping[str, Any]], Any] | str | None = None,
        temporary: bool = False,
        commands: Sequence[str] = (),
        ignore: int = 0,
    ) -> Breakpoint:
        """Stop where all that is given holds.

        Args:
            node: At this node; an inner one by its name or as "outer/inner".
            at: Before the node, at its model calls, or after it; by default after it, and at a model call where a
                role is given.
            role: At model calls of this role.
            verdict: After a node that wrote this verdict.
            score: Where the state's latest score compares so, such as "< 0.5".
            error: At errors, which stop always; for the commands.
            tokens: Once the branch has read and written more tokens than this.
            when: A condition over the state: a function of it, or a text such as "verdict == 'wrong'".
            temporary: Only once.
            commands: Lines for the console at each hit.
            ignore: How many hits to let pass.

        Raises:
            UserError: There is no such node or field, or nothing to stop at.
        """
        return self.bench.breakpoints.add(
            node=node,
            at=at,
            role=role,
            verdict=verdict,
            score=score,
            error=error,
            tokens=tokens,
            when=when,
            temporary=temporary,
            commands=commands,
            ignore=ignore,
        )

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
