"""The addresses of the studio: GET asks `views`, POST drives a session or labels a turn, and static files.

Answers are JSON with an ETag, errors {"error": sentence} with a status from 400 on. Work is done in threads, so that a
long answer keeps nobody else waiting. Not covered: who may ask (`security`).
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.studio import views
from tutelage.graphs.studio.desk import Desk
from tutelage.graphs.studio.events import EVERY, events_of
from tutelage.graphs.studio.fields import FIELDS
from tutelage.graphs.studio.filters import UnknownField
from tutelage.graphs.studio.library import Opened
from tutelage.graphs.studio.live import Live
from tutelage.graphs.studio.plain import json_bytes
from tutelage.graphs.studio.refusal import inside, status_of
from tutelage.graphs.studio.session_view import field_part
from tutelage.graphs.studio.static_files import STATIC, TYPES

__all__ = ["application"]

WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds that a session's action is waited for."""

Answer = Callable[[], Any]


class Api:
    """The handlers, over what the studio holds."""

    def __init__(self, desk: Desk, static: Path = STATIC, every: float = EVERY) -> None:
        """Serve a desk, and a built page."""
        self._desk = desk
        self._static = static
        self._every = every

    def routes(self) -> list[Route]:
        """Give all addresses."""
        run, session = "/api/runs/{run}", "/api/session"
        gets: Mapping[str, Callable[[Request], Any]] = {
            "/api/server": lambda request: views.server_view(self._desk),
            "/api/runs": lambda request: self._desk.library.rows(),
            f"{run}/summary": self._summary,
            f"{run}/rollouts": self._rollouts,
            f"{run}/rollouts/{{rollout}}": self._rollout,
            f"{run}/turns/{{turn}}": self._turn,
            f"{run}/turns/{{turn}}/tokens": self._tokens,
            f"{run}/graph": lambda request: views.graph_view(self._desk, self._run(request)),
            f"{run}/compare": self._compare,
            session: lambda request: None if self._desk.live is None else self._desk.live.view(),
            f"{session}/compare": self._compare_branches,
            f"{session}/complete": self._complete,
            f"{session}/state": self._field,
        }
        posts: Mapping[str, Callable[[Request, Mapping[str, Any]], Any]] = {
            f"{run}/turns/{{turn}}/label": self._label,
            "/api/sessions": self._begin,
            f"{session}/{{action}}": self._act,
        }
        return [
            *(Route(path, _getting(handler), methods=["GET"]) for path, handler in gets.items()),
            *(Route(path, _posting(handler), methods=["POST"]) for path, handler in posts.items()),
            Route(f"{run}/events", self._events, methods=["GET"]),
            Route("/api/{rest:path}", _nothing_here, methods=["GET", "POST"]),
            Route("/", self._page, methods=["GET"]),
            Route("/{name}", self._file, methods=["GET"]),
            Route("/static/{name}", self._file, methods=["GET"]),
        ]

    def _run(self, request: Request) -> Opened:
        return self._desk.library.get(request.path_params["run"])

    def _summary(self, request: Request) -> Any:
        return views.summary_view(self._desk, self._run(request), request.query_params.get("filter", ""))

    def _rollouts(self, request: Request) -> Any:
        given = request.query_params
        return views.rollouts_view(
            self._desk,
            self._run(request),
            filter=given.get("filter", ""),
            sort=given.get("sort", ""),
            offset=_whole(request, "offset", 0),
            limit=_whole(request, "limit", 100),
        )

    def _rollout(self, request: Request) -> Any:
        opened, id, part = (
            self._run(request),
            request.path_params["rollout"],
            request.query_params.get("part"),
        )
        if part is None:
            return views.rollout_view(self._desk, opened, id)
        offset, length = _whole(request, "offset", 0), _whole(request, "length", views.PART)
        return views.rollout_part(opened, id, part, offset, length)

    def _turn(self, request: Request) -> Any:
        opened, id, part = self._run(request), request.path_params["turn"], request.query_params.get("part")
        if part is None:
            return views.turn_view(self._desk, opened, id)
        offset, length = _whole(request, "offset", 0), _whole(request, "length", views.PART)
        return views.turn_part(self._desk, opened, id, part, offset, length)

    def _tokens(self, request: Request) -> Any:
        return views.tokens_view(
            self._desk,
            self._run(request),
            request.path_params["turn"],
            _whole(request, "offset", 0),
            _whole(request, "limit", 1000),
        )

    def _compare(self, request: Request) -> Any:
        a, b = (_needed(request, name) for name in "ab")
        return views.compare_view(self._desk, self._run(request), a, b)

    def _compare_branches(self, request: Request) -> Any:
        live = self._open()
        names = {each.name: each.rollout_id for each in live.console.session.branches()}
        a, b = (_needed(request, name) for name in "ab")
        for name in (a, b):
            if name not in names:
                raise views.NotHere(f"the session has no branch {name!r}; it has {', '.join(names)}")
        return views.compare_view(self._desk, self._desk.library.get(live.run), names[a], names[b])

    def _complete(self, request: Request) -> Any:
        line = _needed(request, "line")
        return {"line": line, "words": self._open().console.complete(line)}

    def _field(self, request: Request) -> Any:
        offset, length = _whole(request, "offset", 0), _whole(request, "length", views.PART)
        return field_part(self._open().console.session, _needed(request, "field"), offset, length)

    def _open(self) -> Live:
        if self._desk.live is None:
            raise views.NotHere("there is no session")
        return self._desk.live

    def _label(self, request: Request, body: Mapping[str, Any]) -> Any:
        return {"result": self._desk.label(self._run(request), request.path_params["turn"], body)}

    def _begin(self, request: Request, body: Mapping[str, Any]) -> Any:
        run, rollout = body.get("run"), body.get("rollout")
        if not isinstance(run, str) or not isinstance(rollout, str):
            raise UserError('a session needs {"run": …, "rollout": …}')
        return {"session": self._desk.begin(run, rollout).view()}

    def _act(self, request: Request, body: Mapping[str, Any]) -> Any:
        live = self._desk.live
        if live is None:
            raise views.NotHere("there is no session; start one on a rollout")
        try:
            wait = float(request.query_params.get("wait", WAIT))
        except ValueError:
            wait = math.nan
        if math.isnan(wait):
            raise UserError("wait is a number of seconds")
        return live.do(request.path_params["action"], body, min(max(0.0, wait), LONGEST_WAIT))

    async def _events(self, request: Request) -> Response:
        try:
            opened = await run_in_threadpool(self._run, request)
        except TutelageError as error:
            return _refused(error)
        stream = events_of(opened, lambda: self._desk.closing, self._every)
        return StreamingResponse(
            stream,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _page(self, request: Request) -> Response:
        return await run_in_threadpool(self._static_file, request, "index.html")

    async def _file(self, request: Request) -> Response:
        return await run_in_threadpool(self._static_file, request, request.path_params["name"])

    def _static_file(self, request: Request, name: str) -> Response:
        kind = TYPES.get(Path(name).suffix)
        if kind is not None and "/" not in name and not name.startswith("."):
            try:
                return _with_tag(request, (self._static / name).read_bytes(), kind)
            except (OSError, ValueError):
                pass
        if name == "index.html":
            return Response("the page is not built: npm run build in studio/", 503, media_type="text/plain")
        return Response("there is nothing of this name", 404, media_type="text/plain")


def application(desk: Desk, static: Path = STATIC, every: float = EVERY) -> Starlette:
    """Make the application; `security.Gate` stands before it."""
    return Starlette(routes=Api(desk, static, every).routes())


def _getting(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    async def get(request: Request) -> Response:
        try:
            body = await run_in_threadpool(lambda: json_bytes(handler(request)))
        except TutelageError as error:
            return _refused(error)
        except Exception as error:
            return _refused(inside("this look", error))
        return _with_tag(request, body, "application/json")

    return get


def _posting(handler: Callable[[Request, Mapping[str, Any]], Any]) -> Callable[[Request], Any]:
    async def post(request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}", parse_constant=_no_number)
        except (ValueError, RecursionError):
            return _refused(UserError("what is posted is no JSON"))
        if not isinstance(body, dict):
            return _refused(UserError("what is posted is no JSON object"))
        try:
            answer = await run_in_threadpool(lambda: json_bytes(handler(request, body)))
        except TutelageError as error:
            return _refused(error)
        except Exception as error:
            return _refused(inside("this", error))
        return Response(answer, media_type="application/json", headers={"cache-control": "no-store"})

    return post


def _no_number(text: str) -> Any:
    """JSON has neither NaN nor Infinity."""
    raise ValueError(text)


async def _nothing_here(request: Request) -> Response:
    return _refused(views.NotHere(f"there is nothing at {request.url.path[:200]!r}"))


def _with_tag(request: Request, body: bytes, kind: str) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def _refused(error: TutelageError) -> Response:
    found: dict[str, Any] = {"error": str(error)}
    if isinstance(error, UnknownField):
        found["fields"] = list(FIELDS)
    headers = {"cache-control": "no-store"}
    return Response(json_bytes(found), status_of(error), media_type="application/json", headers=headers)


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise UserError(f"{name} is a whole number from 0 on, not {text[:50]!r}")
    return int(text)


def _needed(request: Request, name: str) -> str:
    text = request.query_params.get(name)
    if not text:
        raise UserError(f"{name} is missing from the address")
    return text
