"""OTLP's binary form: what collectors take over HTTP, some of them nothing else.

Source: opentelemetry-proto 1 (trace.proto, common.proto, resource.proto, trace_service.proto) and protobuf's
encoding. The tables name the fields of the messages that `otel_spans` writes, so that sending needs no package
besides Python; their numbers are stable by OTLP's promise. Not covered: any other message or field.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["encode", "rejected", "request"]

Table = Mapping[str, tuple[int, str]]

KEY_VALUE: Table = {"key": (1, "string"), "value": (2, "AnyValue")}
MESSAGES: Mapping[str, Table] = {
    "Resource": {"attributes": (1, "KeyValue")},
    "Scope": {"name": (1, "string"), "version": (2, "string")},
    "Span": {
        "traceId": (1, "hex"),
        "spanId": (2, "hex"),
        "parentSpanId": (4, "hex"),
        "name": (5, "string"),
        "kind": (6, "varint"),
        "startTimeUnixNano": (7, "fixed64"),
        "endTimeUnixNano": (8, "fixed64"),
        "attributes": (9, "KeyValue"),
        "events": (11, "Event"),
        "links": (13, "Link"),
        "status": (15, "Status"),
    },
    "Event": {"timeUnixNano": (1, "fixed64"), "name": (2, "string"), "attributes": (3, "KeyValue")},
    "Link": {"traceId": (1, "hex"), "spanId": (2, "hex"), "attributes": (4, "KeyValue")},
    "Status": {"message": (2, "string"), "code": (3, "varint")},
    "KeyValue": KEY_VALUE,
    "AnyValue": {
        "stringValue": (1, "string"),
        "boolValue": (2, "varint"),
        "intValue": (3, "varint"),
        "doubleValue": (4, "double"),
        "arrayValue": (5, "ArrayValue"),
    },
    "ArrayValue": {"values": (1, "AnyValue")},
}

VARINT, FIXED64, LENGTH = 0, 1, 2


def encode(message: str, data: Mapping[str, Any]) -> bytes:
    """Encode a message of OTLP, given by its name ("Span", "Resource", …) and its JSON form."""
    return b"".join(_fields(MESSAGES[message], data))


def request(resource: Mapping[str, Any], scope: Mapping[str, Any], spans: list[bytes]) -> bytes:
    """Put encoded spans of one resource and scope into an ExportTraceServiceRequest."""
    scoped = _delimited(1, encode("Scope", scope)) + b"".join(_delimited(2, span) for span in spans)
    return _delimited(1, _delimited(1, encode("Resource", resource)) + _delimited(2, scoped))


def rejected(response: bytes) -> tuple[int, str]:
    """Read an ExportTraceServiceResponse: how many spans were refused, and why.

    Raises:
        ValueError: It is none.
    """
    success = dict(_read(response)).get(1, b"")
    partial = dict(_read(success)) if isinstance(success, bytes) else {}
    count, reason = partial.get(1, 0), partial.get(2, b"")
    return (count if isinstance(count, int) else 0), (reason if isinstance(reason, bytes) else b"").decode()


def _fields(table: Table, data: Mapping[str, Any]) -> Iterator[bytes]:
    for name, value in data.items():
        number, kind = table[name]
        for item in value if isinstance(value, list) else (value,):
            yield _field(number, kind, item)


def _field(number: int, kind: str, value: Any) -> bytes:
    if kind == "string":
        return _delimited(number, value.encode())
    if kind == "hex":
        return _delimited(number, bytes.fromhex(value))
    if kind == "varint":
        return _varint(number << 3 | VARINT) + _varint(int(value) & (2**64 - 1))
    if kind == "fixed64":
        return _varint(number << 3 | FIXED64) + struct.pack("<Q", int(value))
    if kind == "double":
        return _varint(number << 3 | FIXED64) + struct.pack("<d", value)
    return _delimited(number, encode(kind, value))


def _delimited(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | LENGTH) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _read(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read the fields of a message; its strings, messages and varints are all that a response has."""
    place = 0
    while place < len(body):
        key, place = _read_varint(body, place)
        value, place = _read_varint(body, place)
        if key & 7 == VARINT:
            yield key >> 3, value
        elif key & 7 == LENGTH and place + value <= len(body):
            yield key >> 3, body[place : place + value]
            place += value
        else:
            raise ValueError("not a response of OTLP")


def _read_varint(body: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(body) and shift < 64:
        group = body[place]
        value |= (group & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if group < 0x80:
            return value, place
    raise ValueError("not a response of OTLP")
