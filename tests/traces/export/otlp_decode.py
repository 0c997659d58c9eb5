"""Run by Phoenix's environment: decode an OTLP request with the official protobuf messages.

    python otlp_decode.py < REQUEST

Prints the request in protobuf's own JSON form, in which identifiers are base64.
"""

import sys
from importlib import import_module

service = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
json_format = import_module("google.protobuf.json_format")

print(json_format.MessageToJson(service.ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())))
