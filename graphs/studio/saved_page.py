"""One self-contained HTML file of runs or of a session, which opens from a disk without a server or a network.

The page is the studio's own; the answers it would ask a server for lie in it as JSON, in which every "<" is written
\\u003c, so that no text of a model can end the element that holds it. Script and style are inlined and named by their
hashes in the page's Content-Security-Policy: nothing else runs, and nothing is fetched. Paths of this machine are left
out. Not covered: filters (the page works them out of the rows itself), and steering.
"""

import base64
import hashlib
import html
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.graphs.studio import table, views
from tutelage.graphs.studio.desk import Desk
from tutelage.graphs.studio.library import Library, Opened
from tutelage.graphs.studio.plain import json_bytes
from tutelage.graphs.studio.static_files import STATIC
from tutelage.traces import Run
from tutelage.traces.finding import find

if TYPE_CHECKING:
    from tutelage.graphs.debugging import Session

__all__ = ["save_page", "save_session"]

LARGEST = 300_000_000
"""Bytes of a page; browsers give up somewhere beyond."""
TOKENS = 5000
"""Of each turn."""
ASKED = 1000
"""How many tokens the page asks for first."""
COMPARED = 6
"""Rollouts up to which each is compared with each."""

Answers = Iterator[tuple[str, Any]]


def save_page(run: Run, path: str | Path, rollouts: Sequence[str] = (), *, static: Path = STATIC) -> Path:
    """Save a run as a page.

    Args:
        run: An open run.
        path: The file; one that is there already is replaced.
        rollouts: Ids of the rollouts to show, or their beginnings or ends; all where none is named.
        static: The built page.

    Raises:
        UserError: There is no such rollout, the page would be too large, or the file cannot be written.
    """
    desk = Desk(Library(runs=[run]))
    try:
        opened = desk.library.get(desk.library.ids()[0])
        return _saved(desk, [(opened, _ids(run, rollouts))], Path(path), static)
    finally:
        desk.close()


def save_session(session: "Session", path: str | Path, *, static: Path = STATIC) -> Path:
    """Save a session with all its branches; see `save_page`."""
    desk = Desk(Library(runs=[session.run_record]), session=session)
    try:
        opened = desk.library.get(desk.library.ids()[0])
        return _saved(desk, [(opened, _all(opened))], Path(path), static)
    finally:
        desk.close()


def _ids(run: Run, texts: Sequence[str]) -> list[str] | None:
    found = []
    for text in texts:
        kind, id = find(run, text)
        if kind == "task":
            raise UserError(f"{text!r} is a task; name a rollout of it")
        found.append(run.turn(id).rollout_id if kind == "turn" else id)
    return list(dict.fromkeys(found)) or None


def _all(opened: Opened) -> list[str] | None:
    """The rollouts of a session: all that its branches are."""
    return [each.id for each in opened.run.rollouts()] or None


def _saved(
    desk: Desk, shown: Sequence[tuple[Opened, Sequence[str] | None]], path: Path, static: Path
) -> Path:
    parts, size = [], 0
    for url, answer in _answers(desk, shown):
        part = json_bytes(url) + b":" + json_bytes(answer).replace(b"<", rb"\u003c")
        size += len(part)
        if size > LARGEST:
            raise UserError(
                f"the page would have more than {LARGEST // 1_000_000} MB; name the rollouts that it is to show"
            )
        parts.append(part)
    page = _page(b"{" + b",".join(parts) + b"}", static, ", ".join(opened.run.name for opened, _ in shown))
    _write(page, path)
    return path


def _write(page: bytes, path: Path) -> None:
    """Write a file whole or not at all."""
    partial = path.parent / f".{path.name}.partial"
    try:
        partial.write_bytes(page)
        os.replace(partial, path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or "that is no name of a file"
        raise UserError(f"the page cannot be written to {str(path)!r}: {why[0].lower()}{why[1:]}") from error


def _answers(desk: Desk, shown: Sequence[tuple[Opened, Sequence[str] | None]]) -> Answers:
    """All that the page may ask for, by the address at which it asks."""
    yield "/api/server", views.server_view(desk, saved=True)
    yield "/api/runs", [_without_path(desk.library.row(opened.id)) for opened, _ in shown]
    live = desk.live
    yield "/api/session", None if live is None else {**live.view(), "path": None}
    for opened, ids in shown:
        base = f"/api/runs/{opened.id}"
        found = views.summary_view(desk, opened)
        yield f"{base}/summary", {**found, "run": _without_path(found["run"])}
        yield f"{base}/graph", views.graph_view(desk, opened)
        rows = _rows(desk, opened, ids)
        total = len(rows)
        yield (
            f"{base}/rollouts",
            {"total": total, "matching": total, "ms": 0, "searched": 1, "offset": 0, "rows": rows},
        )
        yield from _stories(desk, opened, base, [row["id"] for row in rows])


def _rows(desk: Desk, opened: Opened, ids: Sequence[str] | None) -> list[dict[str, Any]]:
    if ids is not None:
        return [views.rollout_view(desk, opened, id)["rollout"] for id in ids]
    found: list[dict[str, Any]] = []
    while True:
        page = views.rollouts_view(desk, opened, offset=len(found), limit=table.LONGEST_PAGE)
        found += page["rows"]
        if len(found) >= page["matching"] or not page["rows"]:
            return found


def _stories(desk: Desk, opened: Opened, base: str, ids: Sequence[str]) -> Answers:
    for id in ids:
        story = views.rollout_view(desk, opened, id)
        yield f"{base}/rollouts/{id}", story
        for turn in story["turns"]:
            yield f"{base}/turns/{turn['id']}", views.turn_view(desk, opened, turn["id"])
            if turn["has_tokens"]:
                found = views.tokens_view(desk, opened, turn["id"], limit=TOKENS)
                kept = {**found, "total": len(found["tokens"])}
                yield f"{base}/turns/{turn['id']}/tokens?limit={ASKED}", kept
    if len(ids) <= COMPARED:
        for a, b in permutations(ids, 2):
            yield f"{base}/compare?a={a}&b={b}", views.compare_view(desk, opened, a, b)


def _without_path(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "path": Path(row["path"]).name if row["path"] else None, "live": False}


def _page(answers: bytes, static: Path, title: str) -> bytes:
    try:
        frame, script, style = (
            (static / name).read_text("utf-8") for name in ("index.html", "app.js", "app.css")
        )
    except OSError as error:
        raise UserError(f"the studio's page is not built: {error.strerror} ({error.filename})") from error
    script = _harmless(script)
    style = re.sub(r"</(style)", r"<\\/\1", style, flags=re.IGNORECASE)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    frame = re.sub(r"<link[^>]*rel=\"icon\"[^>]*>", lambda _: _icon(static), frame)
    frame = re.sub(r"<link[^>]*rel=\"stylesheet\"[^>]*>", lambda _: f"<style>{style}</style>", frame)
    frame = re.sub(
        r"<title>.*?</title>", lambda _: f"<title>{html.escape(title)}</title>", frame, flags=re.DOTALL
    )
    frame = frame.replace("<head>", f"<head>\n    {head}", 1)
    before, found, after = frame.partition("<script")
    if not found:
        raise UserError("the studio's page is not as it should be: index.html has no script; build it again")
    after = re.sub(r"^[^>]*>\s*</script>", "", after)
    data = b'<script type="application/json" id="saved">' + answers + b"</script>\n"
    return b"".join([before.encode(), data, b"<script>", script.encode(), b"</script>", after.encode()])


def _icon(static: Path) -> str:
    """The icon, in the page itself; nothing where there is none."""
    try:
        icon = base64.b64encode((static / "icon.svg").read_bytes()).decode()
    except OSError:
        return ""
    return f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">'


def _harmless(script: str) -> str:
    """A script that can stand in a page: what could end or hide its element is escaped within its strings."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", script.replace("\r\n", "\n"), flags=re.IGNORECASE)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
