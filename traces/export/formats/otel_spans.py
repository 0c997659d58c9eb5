"""Spans in OTLP's JSON form.

Source: opentelemetry-proto 1, trace.proto, and its mapping to JSON: lower camel case, identifiers in hex, 64-bit
integers as text. An attribute that is `None` or not a finite number is left out: what is missing is missing.
Not covered: what the spans mean (`otel`) and the binary form (`otel_wire`).
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tutelage.traces.export.formats.valid import valid_text

__all__ = ["INTERNAL", "Span", "event", "link", "nanoseconds", "resource_spans", "span_id", "trace_id"]

INTERNAL = 1
ERROR = 2
"""A status code; success is left unset, as the conventions ask of instrumentation."""

LATEST = 2**63 - 1


@dataclass(slots=True)
class Span:
    """One span; times are Unix nanoseconds, identifiers hex digits."""

    name: str
    trace: str
    id: str
    start: int
    end: int
    attributes: Mapping[str, Any]
    parent: str | None = None
    kind: int = INTERNAL
    error: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)

    def written(self) -> dict[str, Any]:
        """Give the span as plain data; one that seems to end before it began, its clock set back, ends there."""
        failed = {} if self.error is None else {"error.type": "_OTHER"}
        return {
            "traceId": self.trace,
            "spanId": self.id,
            **({} if self.parent is None else {"parentSpanId": self.parent}),
            "name": valid_text(self.name),
            "kind": self.kind,
            "startTimeUnixNano": str(self.start),
            "endTimeUnixNano": str(max(self.start, self.end)),
            "attributes": key_values(dict(self.attributes) | failed),
            "events": self.events,
            "links": self.links,
            "status": {} if self.error is None else {"code": ERROR, "message": valid_text(self.error)},
        }


def resource_spans(
    resource: Mapping[str, Any], scope: str, version: str, spans: Iterable[Span]
) -> dict[str, Any]:
    """Put spans under the resource and the scope that made them."""
    return {
        "resource": {"attributes": key_values(resource)},
        "scopeSpans": [
            {"scope": {"name": scope, "version": version}, "spans": [span.written() for span in spans]}
        ],
    }


def event(name: str, time: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Make an event of a span."""
    return {"timeUnixNano": str(time), "name": name, "attributes": key_values(attributes)}


def link(target: Span, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Make a link to a span."""
    return {"traceId": target.trace, "spanId": target.id, "attributes": key_values(attributes)}


def nanoseconds(seconds: float) -> int:
    """Give Unix nanoseconds; a float of our days has them to some 200 ns."""
    if not math.isfinite(seconds):
        return 0
    whole = math.floor(seconds)
    return min(max(whole * 10**9 + round((seconds - whole) * 1e9), 0), LATEST)


def key_values(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write attributes: text, booleans, integers, numbers, and sequences of one of these."""
    written = ((key, _value(value)) for key, value in attributes.items())
    return [{"key": valid_text(key), "value": value} for key, value in written if value is not None]


def _value(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        return {"stringValue": valid_text(value)}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value} if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        items = [_value(item) for item in value]
        return None if None in items else {"arrayValue": {"values": items}}
    return None


def trace_id(rollout_id: str) -> str:
    """Give a rollout's trace id, 32 hex digits: the rollout's own id where it has that form."""
    if re.fullmatch("[0-9a-f]{32}", rollout_id) and rollout_id.strip("0"):
        return rollout_id
    return _digest("rollout", rollout_id)[:32]


def span_id(kind: str, *names: str) -> str:
    """Give a span's id, 16 hex digits: a hash of its kind ("rollout", "role", "turn") and our names for it."""
    return _digest(kind, *names)[:16]


def _digest(*names: str) -> str:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
