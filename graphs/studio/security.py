"""Who may speak with the studio: the one gate that every request passes, and the headers of every answer.

On this machine alone (loopback) the page needs no password, but its name must be this machine's: a foreign web page whose
name is made to lead here (DNS rebinding) is refused by its Host header, and one that posts from elsewhere by Origin and
Sec-Fetch-Site. A wider address asks everybody for a token, which the page's first address carries and a cookie keeps. No
answer may run a script but the page's own, be framed, or be taken for another type. Not covered: encryption (put a
reverse proxy or an SSH tunnel in front), and other users of this machine (`token=True` asks them, too).
"""

import ipaddress
import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tutelage.graphs.studio.plain import json_bytes

__all__ = ["CONTENT_SECURITY_POLICY", "HEADERS", "Access", "Gate", "is_loopback"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
ONCE = frozenset(
    {b"content-length", b"content-type", b"host", b"origin", b"sec-fetch-mode", b"sec-fetch-site"}
)
SAFE = frozenset({"GET", "HEAD"})
METHODS = SAFE | {"POST"}
HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{0,5})?", re.ASCII | re.IGNORECASE)
"""A name or number, and a port; nothing else may stand in a Host header."""
LARGEST = 16_000_000
"""Bytes of a request's body."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must bring."""

    host: str
    """The address that is listened at."""
    token: str | None = None
    """`None` where none is asked for."""

    @classmethod
    def of(cls, host: str, *, token: bool = False) -> "Access":
        """Ask for a token where it is wanted, or where others than this machine can come."""
        return cls(host, secrets.token_urlsafe(24) if token or not is_loopback(host) else None)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Gate:
    """Lets requests pass that may, and puts the headers on all answers."""

    def __init__(self, app: ASGIApp, access: Access, headers: Mapping[str, str] = HEADERS) -> None:
        """Stand before an application.

        Args:
            app: What answers.
            access: What a request must bring.
            headers: Of every answer; none where the server puts them on its own answers, too.
        """
        self._app = app
        self._access = access
        self._names = _names(access.host)
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        send = _guarded(send, self._headers)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = _doubled(scope) or self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, refusal[0], {"error": refusal[1]})
        elif self._arrives(scope):
            await self._welcome(scope, send)
        elif not self._known(scope, headers):
            sentence = "this studio asks for its token; open the address that it printed when it was started"
            await _answer(send, 401, {"error": sentence})
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Why a request may not pass at all."""
        if scope["method"] not in METHODS:
            return 405, f"{scope['method']} is not understood here"
        host = headers.get("host", "")
        if not self._ours(host):
            return 421, f"{host[:100]!r} is no name of this studio; open the address that it printed"
        site = headers.get("sec-fetch-site", "same-origin")
        navigates = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in SAFE
        if site not in ("same-origin", "none") and not (navigates and not scope["path"].startswith("/api/")):
            return 403, "another web page may not speak with this studio"
        if scope["method"] in SAFE:
            return None
        origin = headers.get("origin")
        own = {f"{scheme}://{host}".lower() for scheme in ("http", "https")}
        if origin is not None and origin.lower() not in own:
            return 403, f"a page of {origin[:100]!r} may not change anything here"
        if not headers.get("content-type", "").startswith("application/json"):
            return 415, "what is posted must be application/json"
        length = headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 15 or int(length) > LARGEST:
            return 413, f"what is posted must say its length, at most {LARGEST:,} bytes"
        return None

    def _ours(self, host: str) -> bool:
        """Whether a Host header is a name of this machine: a local name, or a number, which no name leads to."""
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = (match["six"] or match["name"]).rstrip(".").lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._access.token is not None

    def _arrives(self, scope: Scope) -> bool:
        """Whether a page is opened with the token in its address."""
        if self._access.token is None or scope["method"] != "GET" or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return _same(given, self._access.token)

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """Keep the token in a cookie, and take it out of the address."""
        rest = {
            name: values[0]
            for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()
            if name != "token"
        }
        cookie = f"{_cookie_name(scope)}={self._access.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [
            (b"location", f"/?{urlencode(rest)}".rstrip("?").encode("latin-1")),
            (b"set-cookie", cookie.encode("latin-1")),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _known(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        token = self._access.token
        if token is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(bearer.strip(), token):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(scope))
        except CookieError:
            return False
        return cookie is not None and _same(cookie.value, token)


def _doubled(scope: Scope) -> tuple[int, str] | None:
    """Why a request with two of a header that counts here is refused: others may read the other one."""
    names = [name for name, _ in scope["headers"] if name in ONCE]
    return None if len(names) == len(set(names)) else (400, "a header stands twice that may stand once")


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _cookie_name(scope: Scope) -> str:
    """Cookies do not tell ports apart, so their names do."""
    server = scope.get("server") or ("", 0)
    return f"tutelage_studio_{server[1] or 0}"


def _names(host: str) -> frozenset[str]:
    names = {"localhost"} if is_loopback(host) else {"localhost", socket.gethostname(), socket.getfqdn()}
    return frozenset(name.lower() for name in {*names, host})


def _guarded(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> Send:
    """Put headers on an answer."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            known = {name.lower() for name, _ in given}
            message = {**message, "headers": [*given, *(each for each in headers if each[0] not in known)]}
        await send(message)

    return guarded


async def _answer(send: Send, status: int, value: Mapping[str, str]) -> None:
    body = json_bytes(value)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
