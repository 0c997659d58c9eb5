"""The built page: where its files lie, and of which types they are."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["STATIC", "TYPES"]

STATIC = Path(__file__).parent / "static"
"""Built from `studio/` at the top of the repository."""
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""Other files are not served."""
