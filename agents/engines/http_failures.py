"""What goes wrong with a server, each as one sentence: who, what, and what to do."""

import json
from dataclasses import dataclass
from typing import Any

from tutelage.agents.engines.http_wire import error_text
from tutelage.errors import ContextTooLong, ServerError, TutelageError, UserError

__all__ = ["BUSY", "Failures"]

BUSY = (429, 503)
"""Statuses after which asking again may help."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Makes the errors of one server."""

    url: str
    tries: int
    timeout: float

    def refused(self, status: int, raw: str, model: str) -> TutelageError:
        """For a status other than 200, by the status and the server's own words."""
        said, answers = self.words(raw), f"{self.url} answers {status}"
        if status in (401, 403):
            return ServerError(f"{answers} ({said}); give api_key=… or set OPENAI_API_KEY.")
        if status == 404:
            serves = f" and that it serves {model!r}" if model else ""
            return ServerError(f"{answers} ({said}); check that the address ends in /v1{serves}.")
        if status in (400, 413, 422):
            too_long = "context length" in said or "context_length" in raw
            return (ContextTooLong if too_long else UserError)(f"{answers}: {said}")
        tried = f" after {self.tries} tries" if status in BUSY else ""
        return ServerError(f"{answers}{tried} ({said}); look at the server's log and ask again.")

    def strange(self, why: str) -> ServerError:
        """For an answer that is not in OpenAI's shape."""
        return ServerError(
            f"{self.url} is no OpenAI-compatible server: {why}; give the address up to /v1, as in "
            "'http://localhost:8000/v1'."
        )

    def unreachable(self, error: BaseException) -> ServerError:
        """For a connection that could not be made, was lost, or took too long."""
        if isinstance(error, TimeoutError):
            return ServerError(
                f"{self.url} gave no whole answer within {self.timeout:g} s; raise timeout=… or ask for less."
            )
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ServerError(f"{self.url} cannot be reached ({why}); start the server or mend the address.")

    def broken_off(self, event: Any = None) -> ServerError:
        """For a stream that ends early, with the server's reason where it gave one."""
        why = "" if event is None else f" ({error_text(event, str(event))})"
        return ServerError(
            f"{self.url} ended a stream without [DONE]{why}; the answer is not whole, ask again."
        )

    def words(self, raw: str) -> str:
        """A server's own words in an error's body."""
        try:
            return error_text(json.loads(raw), raw)
        except ValueError:
            return error_text(None, raw)
