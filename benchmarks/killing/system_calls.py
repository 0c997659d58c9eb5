"""SQLite's own system calls, watched: each write, truncation and deletion may be stopped, cut in half or refused.

SQLite lets a program replace the system calls of its file layer (`xSetSystemCall`, sqlite.org/c3ref/vfs.html); this
does so from Python, for all connections of the process. Needs a Python whose sqlite3 is linked dynamically, on
Linux; elsewhere `watch` says so by giving False. Not covered: fsync and shared memory, which cannot be replaced.
"""

import ctypes
import errno
import os
import signal
from collections.abc import Callable
from typing import Any

__all__ = ["HALF", "Decide", "watch"]

HALF = -1
"""Do half of a write, then end the process by SIGKILL."""

Decide = Callable[[str, str], int]
"""Told the call's name and the file's; 0 lets it happen, an errno refuses it, `HALF` cuts it."""

POINTERS_BEFORE = 13
"""Function pointers of sqlite3_vfs before xSetSystemCall."""
WRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)
TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, use_errno=True)
UNLINK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, use_errno=True)
SET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
GET = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)


class Layer(ctypes.Structure):
    """The start of `sqlite3_vfs`, version 3."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("before", ctypes.c_void_p * POINTERS_BEFORE),
        ("set", SET),
        ("get", GET),
    )


kept: list[Any] = []
"""What SQLite holds pointers to must live as long as the process."""


def watch(decide: Decide) -> bool:
    """Ask before every write, truncation and deletion of SQLite's.

    Returns:
        Whether that is possible here; if not, nothing is changed.
    """
    import _sqlite3

    try:
        find = ctypes.CDLL(_sqlite3.__file__).sqlite3_vfs_find
    except (AttributeError, OSError):
        return False
    find.restype = ctypes.POINTER(Layer)
    layer = find(None)
    if not layer or layer.contents.version < 3:
        return False
    for name, call in calls(decide).items():
        if layer.contents.get(layer, name.encode()):
            kept.append(call)
            layer.contents.set(layer, name.encode(), ctypes.cast(call, ctypes.c_void_p))
    return True


def calls(decide: Decide) -> dict[str, Any]:
    """The replacements by SQLite's names for them."""

    def refused(call: str, name: str) -> bool:
        verdict = decide(call, name)
        if verdict > 0:
            ctypes.set_errno(verdict)
        return verdict > 0

    def write(handle: int, data: int, size: int, place: int) -> int:
        verdict = decide("write", file_name(handle))
        content = ctypes.string_at(data, size)
        if verdict == HALF:
            os.pwrite(handle, content[: size // 2], place)
            os.kill(os.getpid(), signal.SIGKILL)
        if verdict > 0:
            ctypes.set_errno(verdict)
            return -1
        return answered(lambda: os.pwrite(handle, content, place))

    def truncate(handle: int, size: int) -> int:
        return -1 if refused("truncate", file_name(handle)) else answered(lambda: os.ftruncate(handle, size))

    def unlink(path: bytes) -> int:
        return -1 if refused("unlink", os.fsdecode(path)) else answered(lambda: os.unlink(path))

    writing = WRITE(write)
    return {"pwrite": writing, "pwrite64": writing, "ftruncate": TRUNCATE(truncate), "unlink": UNLINK(unlink)}


def answered(call: Callable[[], int | None]) -> int:
    """Make a call of Python's as C would answer it."""
    try:
        return call() or 0
    except OSError as error:
        ctypes.set_errno(error.errno or errno.EIO)
        return -1


def file_name(handle: int) -> str:
    """The path of an open file."""
    return os.readlink(f"/proc/self/fd/{handle}")
