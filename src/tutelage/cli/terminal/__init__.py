"""The terminal of a debugging session: `interact(session)`, and what `tutelage debug` is made of.

`interact` may stand in any program, as `breakpoint()` does; TUTELAGE_DEBUG=0 makes it do nothing.
"""

from tutelage.cli.terminal.interaction import interact

__all__ = ["interact"]
