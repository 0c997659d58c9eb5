"""Where a killed process was, told by the log that it left: empty, whole, or torn.

Reads SQLite's write-ahead log by its published layout (sqlite.org/fileformat2.html, section 4). Checksums are not
checked: SQLite does that, and what it makes of it is what counts.
"""

import struct
from pathlib import Path

__all__ = ["water_mark"]

HEADER = 32
FRAME = 24


def water_mark(database: Path) -> str:
    """What the log of a dead process shows.

    Returns:
        "dry" (there is no log, or an empty one), "whole" (it ends in a commit), or "torn" (it ends in frames that were
        not committed, or within a frame).
    """
    log = database.with_name(database.name + "-wal")
    content = log.read_bytes() if log.exists() else b""
    if not content:
        return "dry"
    return "torn" if len(content) < HEADER or torn(content) else "whole"


def torn(content: bytes) -> bool:
    """Whether frames of this log's generation follow the last commit, or a frame is cut off."""
    (size,) = struct.unpack_from(">I", content, 8)
    salt = content[16:24]
    committed = True
    place = HEADER
    while place + FRAME <= len(content) and content[place + 8 : place + 16] == salt:
        if place + FRAME + size > len(content):
            return True
        (pages,) = struct.unpack_from(">I", content, place + 4)
        committed = pages > 0
        place += FRAME + size
    return not committed or 0 < len(content) - place < FRAME
