"""The studio: recorded runs and debugging sessions on a local web page.

`studio(run)` serves it, `save_page(run, path)` and `save_session(session, path)` write it into one file. Starlette and
uvicorn are imported when one of them is called. Not covered: the page itself (`studio/` at the top of the repository,
built into `static/`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.graphs.debugging import Session
    from tutelage.graphs.studio.serving import Studio
    from tutelage.traces import Run

__all__ = ["save_page", "save_session", "studio"]


def studio(*shown: "Run | Session | str | Path", **options: Any) -> "Studio":
    """Open runs, and at most one session, on a web page of this machine; see `serving.studio`."""
    from tutelage.graphs.studio import serving

    return serving.studio(*shown, **options)


def save_page(run: "Run", path: str | Path, rollouts: Sequence[str] = ()) -> Path:
    """Save a run, or some of its rollouts, as one page; see `saved_page.save_page`."""
    from tutelage.graphs.studio import saved_page

    return saved_page.save_page(run, path, rollouts)


def save_session(session: "Session", path: str | Path) -> Path:
    """Save a session as one page; see `saved_page.save_session`."""
    from tutelage.graphs.studio import saved_page

    return saved_page.save_session(session, path)
