"""Sending traces to a collector: OTLP over HTTP, binary, compressed with gzip.

Source: the OTLP specification, section "OTLP/HTTP". Requests hold some megabytes of spans at most, except where
one span alone has more; a collector that is busy (429, 502, 503, 504) is asked again, as it says or after a
pause that doubles. Proxies are those of the environment, except on this machine. Not covered: gRPC.
"""

import gzip
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tutelage.errors import ServerError, UserError
from tutelage.traces.export.formats.otel import OtelSettings
from tutelage.traces.export.formats.otel_wire import encode, rejected, request

if TYPE_CHECKING:
    from tutelage.traces.export.export import Export

__all__ = ["Sent", "deliver", "send"]

LARGEST = 4 * 2**20
"""Bytes of spans after which a request is sent; collectors commonly refuse more than 20 MB."""

ATTEMPTS = 5
BUSY = (429, 502, 503, 504)
HERE = ("localhost", "127.0.0.1", "::1")
FILE = "without one, write a file: export('otel').jsonl(path)"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a collector took."""

    spans: int
    requests: int


def deliver(export: "Export") -> Sent:
    """Send an export of the format "otel" to the endpoint in its options.

    Raises:
        UserError: It is of another format, or has no endpoint.
        ServerError: Nobody listens there, or the collector refuses; what was sent before stays there.
    """
    settings = export.settings
    if not isinstance(settings, OtelSettings) or settings.endpoint is None:
        raise UserError(
            f"an export to {export.format.name!r} without an endpoint cannot be sent; only"
            " export('otel', endpoint='http://127.0.0.1:4318/v1/traces') can"
        )
    traces = (row["document"] for row in export)
    return send(traces, settings.endpoint, headers=settings.headers, timeout=settings.timeout)


def send(
    traces: Iterable[Mapping[str, Any]],
    endpoint: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Sent:
    """Send traces, in OTLP's JSON form, to a collector.

    Args:
        traces: TracesData, as `tutelage.traces.export.formats.otel.trace` writes them; read one by one.
        endpoint: The whole address, for example "http://127.0.0.1:4318/v1/traces".
        headers: Sent along, for example an API key.
        timeout: Seconds that one request may take.

    Raises:
        UserError: The endpoint is no HTTP address.
        ServerError: Nobody listens there, or the collector refuses; what was sent before stays there.
    """
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UserError(
            f"endpoint={endpoint!r} is no HTTP address; OTLP's is like http://127.0.0.1:4318/v1/traces"
        )
    post = _Post(endpoint, address.hostname, dict(headers or {}), timeout)
    spans = requests = 0
    for count, body in _requests(traces):
        post(body)
        spans, requests = spans + count, requests + 1
    return Sent(spans, requests)


def _requests(traces: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, bytes]]:
    """Encode spans into requests; traces of the same resource share them."""
    origin: tuple[Any, Any] | None = None
    waiting: list[bytes] = []
    size = 0
    for resource, scope, span in _spans(traces):
        if origin is not None and (size >= LARGEST or (resource, scope) != origin):
            yield len(waiting), request(*origin, waiting)
            waiting, size = [], 0
        origin = resource, scope
        waiting.append(encode("Span", span))
        size += len(waiting[-1])
    if origin is not None:
        yield len(waiting), request(*origin, waiting)


def _spans(traces: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, Any, Mapping[str, Any]]]:
    for trace in traces:
        for group in trace["resourceSpans"]:
            for scoped in group["scopeSpans"]:
                for span in scoped["spans"]:
                    yield group["resource"], scoped["scope"], span


class _Post:
    def __init__(self, endpoint: str, host: str, headers: Mapping[str, str], timeout: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "User-Agent": "tutelage",
            **headers,
        }
        proxies = urllib.request.ProxyHandler({} if host in HERE else None)
        self._opener = urllib.request.build_opener(proxies)

    def __call__(self, body: bytes) -> None:
        """Deliver one request.

        Raises:
            ServerError: It was not taken whole.
        """
        packed = gzip.compress(body, 1)
        for attempt in range(ATTEMPTS):
            pause = self._try(packed, last=attempt == ATTEMPTS - 1)
            if pause is None:
                return
            time.sleep(min(pause or 0.5 * 2**attempt, self._timeout))

    def _try(self, packed: bytes, *, last: bool) -> float | None:
        """Give `None` when the request was taken, else how long to wait (0: as long as we think fit)."""
        call = urllib.request.Request(self._endpoint, data=packed, headers=dict(self._headers), method="POST")
        try:
            with self._opener.open(call, timeout=self._timeout) as response:
                self._check(response.read())
            return None
        except urllib.error.HTTPError as error:
            with error:
                if error.code in BUSY and not last:
                    return _seconds(error.headers.get("Retry-After"))
                raise ServerError(self._refusal(error.code, error.read(300))) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ServerError(
                f"no OpenTelemetry collector answers at {self._endpoint!r}: {reason}; start one, or {FILE}"
            ) from None

    def _check(self, response: bytes) -> None:
        try:
            count, reason = rejected(response)
        except ValueError:
            raise ServerError(
                f"what answers at {self._endpoint!r} is no OpenTelemetry collector; OTLP's path is /v1/traces"
            ) from None
        if count:
            raise ServerError(f"the collector at {self._endpoint!r} refused {count} spans: {reason}")

    def _refusal(self, status: int, body: bytes) -> str:
        hint = {
            401: "give its key in headers",
            403: "give its key in headers",
            404: "OTLP's path is usually /v1/traces",
            405: "OTLP's path is usually /v1/traces",
            413: "its largest request is smaller than these spans; export without content or tokens",
            415: "it does not take OTLP in its binary form",
        }.get(status, "see the collector's log")
        said = body.decode("utf-8", "replace").strip().splitlines()
        quoted = f" ({said[0][:200]!r})" if said else ""
        return f"the collector at {self._endpoint!r} answers {status}{quoted}; {hint}"


def _seconds(retry_after: str | None) -> float:
    try:
        return max(float(retry_after or 0), 0.0)
    except ValueError:
        return 0.0
