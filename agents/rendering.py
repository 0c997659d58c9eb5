"""What a model would read, before anything is sent: the token ids of a prompt, and their text with every mark.

Engines over local weights can say it (`Renders`); a server, a script and a record cannot. Not covered: which of the
ids are whose message.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tutelage.agents.engine import Engine, Request

__all__ = ["Rendered", "Renders", "rendered"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as a model reads it."""

    token_ids: tuple[int, ...]
    """The very ones that would be sent, the opening of the answer included."""
    text: str
    """Their text, special tokens spelled out."""


@runtime_checkable
class Renders(Protocol):
    """What an engine has besides `Engine` where it can say what it would read."""

    async def render(self, request: Request) -> Rendered | None:
        """Render a prompt, however long; nothing is sampled, recorded or remembered.

        Raises:
            UserError: The chat template refuses the messages, or tools were given to an engine that offers none.
        """


async def rendered(engine: Engine, request: Request) -> Rendered | None:
    """Say what an engine would read for a request; `None` where it cannot say.

    Raises:
        UserError: The engine would refuse the messages.
    """
    return await engine.render(request) if isinstance(engine, Renders) else None
