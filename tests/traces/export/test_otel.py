import base64
import json
import os
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage import Sampling, Task
from tutelage.errors import ServerError, UserError
from tutelage.traces import Rollout, Run, Turn
from tutelage.traces.export.formats.otel import trace
from tutelage.traces.export.formats.otel_send import send
from tutelage.traces.export.formats.otel_wire import encode, request

DECODE = Path(__file__).with_name("otlp_decode.py")
PATIENCE = 300.0
"""Seconds for Phoenix to start: the first time on a busy machine it compiles itself and makes its tables."""


def documents(run: Run, **options: Any) -> list[dict[str, Any]]:
    return [row["document"] for row in run.export("otel", **options)]


def spans(document: dict[str, Any]) -> list[dict[str, Any]]:
    (group,) = document["resourceSpans"]
    (scoped,) = group["scopeSpans"]
    found: list[dict[str, Any]] = scoped["spans"]
    return found


def attributes(owner: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: value(item["value"]) for item in owner["attributes"]}


def value(written: dict[str, Any]) -> Any:
    ((kind, plain),) = written.items()
    if kind == "arrayValue":
        return [value(item) for item in plain["values"]]
    return int(plain) if kind == "intValue" else plain


def named(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [span for span in spans(document) if span["name"] == name]


def test_a_rollout_is_a_workflow_of_agents_that_make_calls(looped: Run) -> None:
    first = documents(looped)[0]
    names = {span["spanId"]: span["name"] for span in spans(first)}
    tree = [(span["name"], names.get(span.get("parentSpanId", ""))) for span in spans(first)]
    assert tree == [
        ("invoke_workflow first", None),
        ("invoke_agent solver", "invoke_workflow first"),
        ("chat vllm:DIR", "invoke_agent solver"),
        ("chat vllm:DIR", "invoke_agent solver"),
        ("chat vllm:DIR", "invoke_agent solver"),
        ("invoke_agent reviewer", "invoke_workflow first"),
        ("chat vllm:DIR", "invoke_agent reviewer"),
        ("chat vllm:DIR", "invoke_agent reviewer"),
        ("invoke_agent critic", "invoke_workflow first"),
        ("chat vllm:DIR", "invoke_agent critic"),
    ]


def test_identifiers_follow_from_ours(looped: Run) -> None:
    once, again = documents(looped), documents(looped)
    assert once == again
    for rollout, document in zip(looped.rollouts(), once, strict=True):
        assert {span["traceId"] for span in spans(document)} == {rollout.id}
    everywhere = [span["spanId"] for document in once for span in spans(document)]
    assert len(set(everywhere)) == len(everywhere)


def test_times_are_the_recorded_ones(looped: Run) -> None:
    rollout, document = looped.rollouts()[0], documents(looped)[0]
    workflow, call = spans(document)[0], spans(document)[2]
    assert abs(int(workflow["startTimeUnixNano"]) - rollout.started * 1e9) < 1000
    assert rollout.ended is not None
    assert abs(int(workflow["endTimeUnixNano"]) - rollout.ended * 1e9) < 1000
    assert (call["startTimeUnixNano"], call["endTimeUnixNano"]) == (
        "1750000000250000000",
        "1750000000750000000",
    )


def test_a_call_speaks_the_words_of_the_conventions(looped: Run) -> None:
    chat = spans(documents(looped)[0])[2]
    turns = looped.turns(looped.rollouts()[0].id)
    assert chat["kind"] == 3
    assert attributes(chat) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.agent.name": "solver",
        "gen_ai.request.model": "vllm:DIR",
        "gen_ai.request.temperature": 0.75,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.max_tokens": 512,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.model": "0123456789abcdef",
        "gen_ai.response.finish_reasons": ["stop", "stop"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
        "tutelage.role": "solver",
        "tutelage.node": "solver",
        "tutelage.call": 0,
        "tutelage.turn.ids": [turns[0].id, turns[1].id],
    }


def test_a_server_s_model_is_named_with_its_address(looped: Run) -> None:
    rollout, turn = looped.rollouts()[0], looped.turns()[0]
    for model, name, port in (
        ("http://user:secret@gpu:8000/v1#qwen", "qwen", 8000),
        ("https://[::1]/v1#", "https://[::1]/v1#", 443),
        ("http://[broken:x/v1#a", "http://[broken:x/v1#a", None),
    ):
        document = trace(rollout, [turn.model_copy(update={"model": model})])
        chat = named(document, f"chat {name}")[0]
        assert attributes(chat).get("server.port") == port
        assert "secret" not in json.dumps(document)


def test_calls_are_linked_to_the_calls_they_build_on(looped: Run) -> None:
    _, _, ask, sure, really, *_ = spans(documents(looped)[0])
    parent = looped.turns(looped.rollouts()[0].id)[1].id
    for call in (sure, really):
        (link,) = call["links"]
        assert (link["traceId"], link["spanId"]) == (ask["traceId"], ask["spanId"])
        assert attributes(link) == {"tutelage.turn.id": parent}
    assert ask["links"] == []


def test_scores_are_events_on_what_they_judge(looped: Run) -> None:
    document = documents(looped, content=True)[0]
    workflow, _, ask, *_ = spans(document)
    (whole,) = workflow["events"]
    assert whole["name"] == "gen_ai.evaluation.result"
    told = attributes(whole)
    assert (told["gen_ai.evaluation.name"], told["gen_ai.evaluation.score.value"]) == ("exact", 1.0)
    assert (told["gen_ai.evaluation.score.label"], told["tutelage.evaluation.steps"]) == ("pass", [1.0, 0.0])
    assert told["gen_ai.evaluation.explanation"] == "as the reference"
    (candidate,) = ask["events"]
    assert attributes(candidate)["gen_ai.response.id"] == looped.candidates()[0].turn_id
    (verdict,) = spans(document)[7]["events"]
    assert "gen_ai.evaluation.score.value" not in attributes(verdict)


def test_an_error_is_the_status_of_its_span(looped: Run) -> None:
    critic = spans(documents(looped)[0])[-1]
    assert critic["status"] == {"code": 2, "message": "it broke"}
    assert attributes(critic)["error.type"] == "_OTHER"
    assert spans(documents(looped)[0])[2]["status"] == {}


def test_texts_and_tokens_are_left_out_unless_asked_for(looped: Run) -> None:
    silent = json.dumps(documents(looped))
    for word in ("6 times 7", "Really?", "as the reference", "token_ids", "calc"):
        assert word not in silent
    chat = attributes(spans(documents(looped, content=True, tokens=True)[0])[6])
    assert json.loads(chat["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Check 42."}]}
    ]
    call = {"type": "tool_call", "id": "c1", "name": "calc", "arguments": {"a": 6, "b": 7}}
    assert json.loads(chat["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [call], "finish_reason": "tool_call"}
    ]
    assert json.loads(chat["gen_ai.tool.definitions"])[0]["name"] == "calc"
    assert chat["tutelage.prompt.token_ids"] == [1, 2, 3]
    assert chat["tutelage.completion.0.logprobs"] == [-0.5, -0.25]


def test_a_file_has_one_trace_a_line(looped: Run, tmp_path: Path) -> None:
    path = looped.export("otel", content=True).jsonl(tmp_path / "spans.jsonl")
    with path.open(encoding="utf-8") as lines:
        assert [json.loads(line) for line in lines] == documents(looped, content=True)


TEXT = st.text(st.characters(), max_size=30)


@given(TEXT, TEXT, TEXT)
def test_any_text_becomes_valid_json_and_protobuf(problem: str, completion: str, role: str) -> None:
    task = Task(id=problem, problem=problem, family=role)
    rollout = Rollout(
        id=problem, run_id="r", task=task, repeat=0, status="done", started=1.0, ended=float("inf")
    )
    said = Turn(
        id=completion,
        rollout_id=problem,
        role=role,
        call=0,
        messages=({"role": role, "content": problem},),
        completion=completion,
        sampling=Sampling(),
        model=role,
        policy=problem,
        started=-1.0,
        seconds=float("nan"),
    )
    document = trace(rollout, [said], run_name=role, content=True)
    json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    assert all(encode("Span", span) for span in spans(document))


@contextmanager
def answering(status: int, body: bytes = b"", **headers: str) -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback that answers every request alike, but for a second one after a refusal."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status if len(taken) == 1 else 200)
            for name, content in headers.items():
                self.send_header(name.replace("_", "-"), content)
            self.end_headers()
            self.wfile.write(body if len(taken) == 1 else b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_missing_collector_is_one_sentence(looped: Run) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/v1/traces"
    with pytest.raises(ServerError, match=r"no OpenTelemetry collector answers at .*refused; start one"):
        looped.export("otel", endpoint=endpoint).send()


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:4318", "file:///etc/passwd", "http://", "ftp://host/v1/traces"]
)
def test_an_endpoint_that_is_no_address_is_refused(looped: Run, endpoint: str) -> None:
    with pytest.raises(UserError, match="is no HTTP address"):
        looped.export("otel", endpoint=endpoint).send()


def test_only_an_export_with_an_endpoint_can_be_sent(looped: Run) -> None:
    for export in (looped.export("otel"), looped.export("atif")):
        with pytest.raises(UserError, match="without an endpoint"):
            export.send()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"who are you", "answers 401.*who are you.*key in headers"),
        (404, b"", "answers 404; OTLP's path is usually /v1/traces"),
        (200, b"<!doctype html><p>hello", "is no OpenTelemetry collector"),
        (200, b"\x0a\x07\x08\x02\x12\x03bad", "refused 2 spans: bad"),
    ],
)
def test_a_refusal_says_what_to_do(looped: Run, status: int, body: bytes, words: str) -> None:
    with answering(status, body) as (endpoint, _), pytest.raises(ServerError, match=words):
        looped.export("otel", endpoint=endpoint).send()


@pytest.mark.slow
def test_a_busy_collector_is_asked_again(looped: Run) -> None:
    with answering(503, retry_after="0.01") as (endpoint, taken):
        assert looped.export("otel", endpoint=endpoint).send().requests == 1
    assert len(taken) == 2
    assert taken[0] == taken[1]


@pytest.mark.slow
def test_the_official_messages_read_what_is_sent(looped: Run, consumers: Path) -> None:
    document = documents(looped, content=True, tokens=True)[0]
    (group,) = document["resourceSpans"]
    scope = group["scopeSpans"][0]["scope"]
    body = request(group["resource"], scope, [encode("Span", span) for span in spans(document)])
    decoded = subprocess.run([consumers / "python", DECODE], input=body, capture_output=True, check=True)
    assert official(json.loads(decoded.stdout)) == plainly(document)


def official(message: Any) -> Any:
    """Protobuf's JSON with identifiers in hex and enums as numbers, which is OTLP's."""
    if isinstance(message, list):
        return [official(item) for item in message]
    if not isinstance(message, dict):
        return {"SPAN_KIND_INTERNAL": 1, "SPAN_KIND_CLIENT": 3, "STATUS_CODE_ERROR": 2}.get(message, message)
    ids = {"traceId", "spanId", "parentSpanId"}
    return {
        name: base64.b64decode(item).hex() if name in ids else official(item)
        for name, item in message.items()
    }


def plainly(written: Any) -> Any:
    """Leave out empty lists, which protobuf cannot tell from absent ones."""
    if isinstance(written, list):
        return [plainly(item) for item in written]
    if not isinstance(written, dict):
        return written
    return {name: plainly(item) for name, item in written.items() if item != []}


@pytest.fixture(scope="module")
def phoenix(consumers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Phoenix of our own, with its data in a temporary directory."""
    directory = tmp_path_factory.mktemp("phoenix")
    port = free_port()
    environment = os.environ | {
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_AGENTS_DISABLE_WEB_ACCESS": "true",
    }
    address, log = f"http://127.0.0.1:{port}", directory / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [consumers / "python", "-m", "phoenix.server.main", "serve"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: healthy(address, server), f"Phoenix did not start; its log is {log}")
            yield address
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def healthy(address: str, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "Phoenix ended by itself"
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def until(true: Any, otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, otherwise
        time.sleep(0.2)


def kept(address: str, project: str, count: int) -> list[dict[str, Any]]:
    """What Phoenix gives back of a project, once it has so many spans: it stores them after it answered."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        query = urllib.parse.urlencode({"limit": 1000})
        try:
            with urllib.request.urlopen(
                f"{address}/v1/projects/{project}/spans?{query}", timeout=60
            ) as response:
                found[:] = json.load(response)["data"]
        except urllib.error.HTTPError:
            return False
        return len(found) >= count

    until(there, f"Phoenix has {len(found)} of {count} spans")
    return found


@pytest.mark.slow
def test_phoenix_takes_a_run_and_gives_it_back(looped: Run, phoenix: str) -> None:
    options: dict[str, Any] = {
        "content": True,
        "tokens": True,
        "resource": {"openinference.project.name": "loops"},
    }
    export = looped.export("otel", endpoint=f"{phoenix}/v1/traces", **options)
    expected = {span["spanId"]: span for row in export for span in spans(row["document"])}
    assert export.send().spans == len(expected) == 20
    assert export.send().spans == 20
    time.sleep(2)
    found = {span["context"]["span_id"]: span for span in kept(phoenix, "loops", 20)}
    assert found.keys() == expected.keys()
    for id, span in expected.items():
        back = found[id]
        assert (back["name"], back["parent_id"]) == (span["name"], span.get("parentSpanId"))
        assert back["context"]["trace_id"] == span["traceId"]
        for ours, theirs in (("startTimeUnixNano", "start_time"), ("endTimeUnixNano", "end_time")):
            moment = datetime.fromisoformat(back[theirs]).timestamp()
            assert abs(moment - int(span[ours]) / 1e9) < 2e-6
        assert back["status_code"] == {None: "UNSET", 2: "ERROR"}[span["status"].get("code")]
        told = attributes(span)
        told.pop("openinference.span.kind", None)
        assert {name: back["attributes"].get(name) for name in told} == told
        events = [(event["name"], attributes(event)) for event in span["events"]]
        assert [(event["name"], event["attributes"]) for event in back["events"]] == events


@pytest.mark.slow
def test_phoenix_understands_the_conventions(looped: Run, phoenix: str) -> None:
    """It shows roles as agents, calls as model calls with their messages and token counts."""
    resource = {"openinference.project.name": "understood"}
    export = looped.export("otel", endpoint=f"{phoenix}/v1/traces", content=True, resource=resource)
    export.send()
    found = kept(phoenix, "understood", 20)
    kinds = {(span["name"].split()[0], span["span_kind"]) for span in found}
    assert kinds == {("invoke_workflow", "CHAIN"), ("invoke_agent", "AGENT"), ("chat", "LLM")}
    (review,) = [
        span
        for span in found
        if span["attributes"].get("llm.output_messages.0.message.content") == "verdict: right"
        and span["context"]["trace_id"] == looped.rollouts()[0].id
    ]
    shown = review["attributes"]
    assert shown["llm.input_messages.2.message.tool_call_id"] == "c1"
    assert shown["llm.token_count.prompt"] == 3
    assert shown["llm.token_count.completion"] == 2


@pytest.mark.slow
def test_phoenix_takes_ten_megabytes(looped: Run, phoenix: str) -> None:
    rollout, turn = looped.rollouts()[0], looped.turns()[0]
    text = "wide \ud83d " * 1_000_000
    turn = turn.model_copy(update={"messages": ({"role": "user", "content": text},)})
    resource = {"openinference.project.name": "large"}
    send([trace(rollout, [turn], content=True, resource=resource)], f"{phoenix}/v1/traces")
    found = kept(phoenix, "large", 3)
    (chat,) = [span for span in found if span["span_kind"] == "LLM"]
    assert chat["attributes"]["llm.input_messages.0.message.content"] == text.replace("\ud83d", "\\ud83d")
