import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from tutelage.agents import ChatModel, scripted
from tutelage.graphs import LoopState, debug, rollout, self_refine
from tutelage.tools import exact
from tutelage.types import Task

if TYPE_CHECKING:
    from tests.graphs.studio.conftest import Opens, Page

    from tutelage.graphs.debugging import Session

TASK = Task(id="t", problem="What is 6 times 7?", reference="42")


def model(slow: threading.Event | None = None) -> ChatModel:
    """A solver that is wrong, a reviewer that notices, a refiner that mends it."""

    def answer(messages: Sequence[Mapping[str, str]], sample: int) -> str:
        if slow is not None:
            slow.wait(20)
        prompt = messages[-1]["content"]
        if "Rewrite the solution" in prompt:
            return "6*7=42\nanswer: 42"
        if "Check every step" in prompt:
            return "verdict: right" if "42" in prompt.partition("solution")[2] else "verdict: wrong at step 1"
        return "6*7=41\nanswer: 41"

    return scripted(answer)


@pytest.fixture
def session() -> Iterator["Session"]:
    with debug(self_refine(model(), rounds=2), TASK, verifier=exact) as opened:
        yield opened


@pytest.fixture
def page(opens: "Opens", session: "Session") -> "Page":
    return opens(session.run_record, session=session)


def test_without_a_session_there_is_none(opens: "Opens", tmp_path: Path) -> None:
    page = opens(tmp_path)
    assert page.get("/api/session") is None
    assert "no session" in page.post("/api/session/step", {}, 404)["error"]
    assert "--graph" in page.post("/api/sessions", {"run": "x", "rollout": "y"}, 400)["error"]


def test_a_session_is_shown_where_it_is_held(page: "Page", session: "Session") -> None:
    view = page.get("/api/session")
    assert (view["status"], view["branch"], view["rollout"]) == ("stopped", "main", session.rollout_id)
    assert (view["stop"]["when"], view["stop"]["visit"]["node"]) == ("before", "solver")
    assert view["task"]["problem"] == TASK.problem
    assert {"solver", "reviewer", "refiner"} <= {node["id"] for node in view["graph"]["nodes"]}
    assert page.get(f"/api/runs/{view['run']}/rollouts")["total"] == 1


@pytest.mark.parametrize(
    ("text", "answer"), [("9007199254740993", 9007199254740993), ("1.0", 1.0), ("not json", "not json")]
)
def test_a_question_is_answered_by_what_was_typed(opens: "Opens", text: str, answer: object) -> None:
    graph = StateGraph(LoopState)
    graph.add_node("ask", lambda state: {"judgement": interrupt("how much?")})
    graph.add_edge(START, "ask")
    with debug(graph, TASK) as asking:
        page = opens(asking.run_record, session=asking)
        assert page.post("/api/session/run")["session"]["stop"]["question"] == "how much?"
        page.post("/api/session/answer", {"text": text})
        found = asking.state["judgement"]
    assert (found, type(found)) == (answer, type(answer))


def test_buttons_step_look_and_change(page: "Page") -> None:
    stop = page.post("/api/session/step")["session"]["stop"]
    assert (stop["when"], stop["request"]["role"]) == ("prompt", "solver")
    page.post("/api/session/prompt", {"text": "Say 41.", "sampling": {"temperature": 0.5}})
    request = page.get("/api/session")["stop"]["request"]
    assert (request["messages"][-1]["content"], request["sampling"]["temperature"]) == ("Say 41.", 0.5)
    page.post("/api/session/say", {"text": "by hand\nanswer: 40"})
    view = page.post("/api/session/step")["session"]
    assert (view["stop"]["when"], view["state"]["answer"]["text"]) == ("after", "40")
    assert {"answer", "solution"} <= {each["field"] for each in view["changes"]}
    page.post("/api/session/set", {"field": "answer", "text": "39"})
    assert page.get("/api/session")["state"]["answer"]["text"] == "39"
    (turn,) = page.get(f"/api/runs/{view['run']}/rollouts/{view['rollout']}")["turns"]
    assert (turn["author"], turn["preview"]) == ("person", "by hand\nanswer: 40")


def test_a_breakpoint_holds_the_run_and_its_commands_are_executed(page: "Page") -> None:
    made = page.post(
        "/api/session/break", {"node": "reviewer", "verdict": "wrong", "commands": ["p verdict"]}
    )
    assert made["result"]["number"] == 1
    answer = page.post("/api/session/run", {}, 200)
    stop = answer["session"]["stop"]
    assert (stop["breakpoint"], stop["visit"]["node"], stop["when"]) == (1, "reviewer", "after")
    assert "'wrong'" in answer["text"]
    page.post("/api/session/disable", {"number": 1})
    page.post("/api/session/clear", {"number": 1})
    assert page.get("/api/session")["breakpoints"] == []
    assert page.post("/api/session/run?wait=20")["session"]["status"] == "done"


def test_branches_are_forked_compared_resampled_and_taught(page: "Page", session: "Session") -> None:
    page.post("/api/session/break", {"node": "reviewer"})
    page.post("/api/session/run?wait=20")
    forked = page.post("/api/session/fork", {"changes": {"verdict": "right"}, "name": "believed"})["session"]
    assert (forked["branch"], [each["name"] for each in forked["branches"]]) == (
        "believed",
        ["main", "believed"],
    )
    page.post("/api/session/run?wait=20")
    page.post("/api/session/switch", {"name": "main"})
    assert page.post("/api/session/clear")["done"]
    spread = page.post("/api/session/resample?wait=20", {"n": 3})["result"]
    assert (spread["n"], spread["answers"]) == (3, [["42", 3]])
    ended = page.post("/api/session/run?wait=20")["session"]
    assert (ended["status"], ended["spreads"][0]["spread"]["n"]) == ("done", 3)
    found = page.get("/api/session/compare", a="main", b="believed")
    assert {"field": "answer", "before": "42", "after": "41"} in found["fields"]
    assert "believed" in {row["branch"] for row in page.get(f"/api/runs/{ended['run']}/rollouts")["rows"]}
    page.post("/api/session/switch", {"name": "believed"})
    page.post("/api/session/teach", {"name": "main"})
    page.post("/api/session/switch", {"name": "main"})
    page.post("/api/session/accept")
    page.post("/api/session/correct", {"text": "6*7=42\nanswer: 42"})
    assert len(session.lessons()) >= 2
    page.post("/api/session/rename", {"name": "main", "to": "first"})
    assert page.get("/api/session")["branch"] == "first"
    page.post("/api/session/drop", {"name": "believed"})
    dropped = {each["name"] for each in page.get("/api/session")["branches"] if each["dropped"]}
    assert dropped == {"believed"}


def test_any_command_of_the_terminal_can_be_typed(page: "Page") -> None:
    assert "solver" in page.post("/api/session/command", {"line": "list"})["text"]
    answer = page.post("/api/session/command", {"line": "colour"})
    assert "no command" in answer["text"] or "colour" in answer["text"]
    assert page.get("/api/session")["history"] == ["list", "colour"]


def test_files_are_out_of_reach_unless_it_was_allowed(
    opens: "Opens", session: "Session", tmp_path: Path
) -> None:
    target = tmp_path / "page.html"
    page = opens(session.run_record, session=session)
    page.post("/api/session/command", {"line": f"save {target}"})
    assert not target.exists()
    allowed = opens(session.run_record, session=session, files=True)
    assert "saved" in allowed.post("/api/session/command?wait=20", {"line": f"save {target}"})["text"]
    assert target.exists()


@pytest.mark.parametrize(
    ("action", "body", "sentence"),
    [
        ("fly", {}, "there is no action 'fly'"),
        ("step", {"far": 1}, "step takes no 'far'"),
        ("until", {}, "until needs 'node'"),
        ("until", {"node": "solvr"}, "solver"),
        ("set", {"field": "answr", "text": "1"}, "answer"),
        ("break", {"when": "verdict ="}, "verdict"),
        ("answer", {"text": "1"}, "nothing is asked"),
        ("say", {"text": "x"}, "model call"),
        ("resample", {"n": 0}, "n=0"),
        ("fork", {"at": [1, "around"]}, ""),
        ("switch", {"name": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    page: "Page", action: str, body: dict[str, Any], sentence: str
) -> None:
    assert sentence in page.post(f"/api/session/{action}", body, 400)["error"]
    assert page.get("/api/session")["status"] == "stopped"


@pytest.mark.parametrize(
    ("action", "body", "sentence"),
    [
        ("correct", {"text": 5}, "correct: text is a text, not 5"),
        ("correct", {"text": None}, "correct: text is a text, not null"),
        ("resample", {"n": "abc"}, 'resample: n is a whole number from 0 to 2147483647, not "abc"'),
        ("resample", {"n": True}, "resample: n is a whole number from 0 to 2147483647, not true"),
        ("resample", {"n": 1.0}, "resample: n is a whole number"),
        ("resample", {"n": -1}, "resample: n is a whole number"),
        ("resample", {"n": 10**30}, "resample: n is a whole number"),
        ("resample", {"n": 1, "at": "1"}, "resample: at is a visit's number"),
        ("resample", {"n": 1, "at": [1]}, "resample: at is a visit's number"),
        ("resample", {"n": 1, "prompt": [5]}, "resample: prompt is a text or a list of messages"),
        ("resample", {"n": 1, "sampling": {"temperature": "hot"}}, "resample: sampling is an object"),
        ("resample", {"n": 1, "sampling": {"temperature": True}}, "resample: sampling is an object"),
        ("resample", {"n": 1, "sampling": {"temprature": 1}}, "no setting 'temprature'"),
        ("resample", {"n": 1, "changes": [1]}, "resample: changes is an object of names and values, not [1]"),
        ("fork", {"name": 5}, "fork: name is a text, not 5"),
        ("fork", {"name": ["x" * 500]}, "…"),
        ("fork", {"changes": "answer"}, "fork: changes is an object"),
        ("prompt", {"messages": []}, "prompt: messages is a list of messages"),
        ("prompt", {"messages": [{"role": "user"}]}, "prompt: messages is a list of messages"),
        ("prompt", {"contents": [5]}, "prompt: contents is a list of texts, with null for what stays"),
        ("prompt", {"contents": ["a", "b"]}, "there are 2 contents for 0 messages"),
        ("break", {"at": "around"}, 'break: at is "before", "prompt" or "after", not "around"'),
        ("break", {"node": 5}, "break: node is a text"),
        ("break", {"error": 1}, "break: error is true or false, not 1"),
        ("break", {"tokens": "abc"}, "break: tokens is a whole number"),
        ("break", {"node": "solver", "commands": "p x"}, "break: commands is a list of texts"),
        ("clear", {"number": True}, "clear: number is a whole number"),
        ("change_breakpoint", {"number": 1, "changes": {"number": 2}}, "takes no 'number'"),
        ("change_breakpoint", {"number": 1, "changes": {"enabled": "no"}}, "enabled is true or false"),
        ("sample_with", {"role": "solver", "sampling": {"role": "x"}}, "no setting 'role'"),
        ("label", {"step": "1", "right": True}, "label: step is a whole number"),
        ("label", {"step": 1, "right": 1}, "label: right is true or false, not 1"),
        ("rank", {"turn_ids": "ab"}, "rank: turn_ids is a list of texts"),
        ("command", {"line": 5}, "command: line is a text"),
        ("set", {"field": ["answer"], "text": "1"}, "set: field is a text"),
        ("step", {"console": None}, "step takes no 'console'"),
    ],
)
def test_a_body_of_another_kind_is_refused_in_one_sentence(
    page: "Page", capfd: pytest.CaptureFixture[str], action: str, body: dict[str, Any], sentence: str
) -> None:
    said = page.post(f"/api/session/{action}", body, 400)["error"]
    assert sentence in said
    assert "\n" not in said and "pydantic" not in said and len(said) < 250
    assert page.get("/api/session")["branches"][1:] == []
    assert capfd.readouterr().err == ""


def test_numbers_that_json_has_not_are_refused(page: "Page") -> None:
    for value in ("NaN", "Infinity", "-Infinity"):
        answer = page.client.post(
            "/api/session/set",
            content=f'{{"field": "answer", "value": {value}}}',
            headers={"content-type": "application/json"},
        )
        assert (answer.status_code, answer.json()) == (400, {"error": "what is posted is no JSON"})
    assert "wait is a number" in page.post("/api/session/step?wait=nan", {}, 400)["error"]


def test_what_nobody_foresaw_is_a_sentence_too(
    page: "Page", session: "Session", monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("first\nsecond")

    monkeypatch.setattr(type(session), "set", broken)
    monkeypatch.setattr(type(session), "frames", property(broken))
    said = page.client.post("/api/session/set", json={"field": "answer", "text": "1"})
    assert (said.status_code, said.json()) == (500, {"error": "set failed inside: ValueError: first"})
    looked = page.client.get("/api/session")
    assert (looked.status_code, looked.json()) == (
        500,
        {"error": "this look failed inside: ValueError: first"},
    )
    assert all("default-src" in each.headers["content-security-policy"] for each in (said, looked))
    assert capfd.readouterr().err == ""


def test_a_slow_model_keeps_nobody_waiting_and_one_drives_at_a_time(opens: "Opens") -> None:
    gate = threading.Event()
    with debug(self_refine(model(gate), rounds=0), TASK, verifier=exact) as session:
        page = opens(session.run_record, session=session)
        began = time.monotonic()
        answer = page.post("/api/session/run?wait=0.1")
        assert time.monotonic() - began < 10
        assert (answer["done"], answer["session"]["status"]) == (False, "running")
        assert "at work (run)" in page.post("/api/session/step", {}, 409)["error"]
        assert page.post("/api/session/pause")["done"]
        gate.set()
        view = until(lambda: page.get("/api/session"), lambda view: view["last"]["done"])
        assert view["status"] == "stopped"


def test_a_cut_field_says_so_and_is_read_whole_by_the_piece(page: "Page") -> None:
    text = "0123456789" * 5000
    page.post("/api/session/set", {"field": "problem", "text": text})
    page.post("/api/session/set", {"field": "answer", "text": json.dumps([text])})
    state = page.get("/api/session")["state"]
    assert state["problem"] == {"text": text[:20_000], "size": 50_000, "json": False, "parts": None}
    assert state["answer"] == {"text": f'[\n  "{text}'[:20_000], "size": 50_008, "json": True, "parts": 1}
    first = page.get("/api/session/state", field="problem", length=30_000)
    rest = page.get("/api/session/state", field="problem", offset=30_000)
    assert first["text"] + rest["text"] == text
    whole = page.get("/api/session/state", field="answer")
    assert (json.loads(whole["text"]), whole["json"]) == ([text], True)
    assert "no field 'colour'" in page.get("/api/session/state", 404, field="colour")["error"]


@pytest.mark.parametrize(
    "value",
    [
        2**53 + 1,
        1.0,
        [2**63 - 1, 1.0, 1e16, 1, True, None, -0.0],
        {"weights": [float("inf"), float("-inf")], "deep": {"id": 9_007_199_254_740_993}},
        "half a character: \ud83d",
    ],
    ids=repr,
)
def test_a_field_that_is_set_to_its_own_text_is_what_it_was(
    page: "Page", session: "Session", value: Any
) -> None:
    session.set("answer", value)
    shown = page.get("/api/session")["state"]["answer"]
    assert shown["json"]
    page.post("/api/session/set", {"field": "answer", "text": shown["text"]})
    assert repr(session.state["answer"]) == repr(value)


def test_what_is_typed_is_text_where_there_was_text_and_where_it_is_no_json(
    page: "Page", session: "Session"
) -> None:
    session.set("answer", "40")
    page.post("/api/session/set", {"field": "answer", "text": "41"})
    assert session.state["answer"] == "41"
    session.set("answer", 40)
    page.post("/api/session/set", {"field": "answer", "text": "about 41"})
    assert session.state["answer"] == "about 41"


def test_what_a_line_may_become_is_told(page: "Page") -> None:
    assert page.get("/api/session/complete", line="p verd")["words"] == ["verdict"]
    assert "reviewer" in page.get("/api/session/complete", line="b re")["words"]
    assert page.get("/api/session/complete", line="nosuch x")["words"] == []
    assert "line is missing" in page.get("/api/session/complete", 400)["error"]


def test_the_graph_of_an_open_session_is_its_own(opens: "Opens", tmp_path: Path) -> None:
    with debug(self_refine(model(), rounds=2), TASK, verifier=exact, store=tmp_path / "kept") as session:
        page = opens(session.run_record, session=session)
        desk_graph = page.get("{run}/graph")
        shown = page.get("/api/session")["graph"]
        assert [each["id"] for each in desk_graph["nodes"]] == [each["id"] for each in shown["nodes"]]
        assert {(each["source"], each["target"], each["conditional"]) for each in desk_graph["edges"]} == {
            (each["source"], each["target"], each["conditional"]) for each in shown["edges"]
        }
    record = opens(tmp_path / "kept").get(f"/api/runs/{page.run}/graph")
    assert {each["id"] for each in record["nodes"]} <= {each["id"] for each in shown["nodes"]}


def test_a_session_in_memory_is_one_run_with_its_own_graph(page: "Page") -> None:
    (row,) = page.get("/api/runs")
    view = page.get("/api/session")
    assert row["id"] == view["run"]
    edges = page.get(f"/api/runs/{view['run']}/graph")["edges"]
    assert {(each["source"], each["target"]) for each in edges} == {
        (each["source"], each["target"]) for each in view["graph"]["edges"]
    }


def test_a_session_says_that_it_measures_no_model(page: "Page") -> None:
    assert page.get("{run}/summary")["session"] is True


def until(look: Callable[[], Any], held: Callable[[Any], bool]) -> Any:
    for _ in range(400):
        found = look()
        if held(found):
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_a_session_is_started_on_a_stored_rollout(opens: "Opens", tmp_path: Path) -> None:
    graph = self_refine(model(), rounds=2)
    rollout(graph, [TASK], verifier=exact, store=tmp_path / "run", progress=False).close()

    def start(run: Path, rollout: str) -> "Session":
        return debug(graph, run=run, rollout=rollout, verifier=exact, store=tmp_path / "session")

    page = opens(tmp_path / "run", start=start)
    assert page.get("/api/server")["graph"]
    row = page.get("{run}/rollouts")["rows"][0]
    view = page.post("/api/sessions", {"run": page.run, "rollout": row["id"]})["session"]
    assert view["stop"]["when"] == "before"
    page.post("/api/session/run?wait=20")
    assert page.get("/api/session")["status"] == "done"
    assert {each["id"] for each in page.get("/api/runs")} == {page.run, view["run"]}
    again = page.post("/api/sessions", {"run": page.run, "rollout": row["id"]}, 400)
    assert re.search("being written|elsewhere", again["error"])


PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "Look \ud83d", "seed": 12345678901234567890123, "scale": 1.0, "small": 1e-7}
]
PROMPT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": PARTS, "weight": 2.0},
    {"role": "assistant", "content": None, "name": "nobody"},
]


@pytest.fixture
def structured(opens: "Opens", session: "Session") -> "Page":
    """A session that is about to send messages of every kind."""
    session.step()
    session.edit_prompt(PROMPT)
    return opens(session.run_record, session=session)


def waiting(session: "Session") -> str:
    assert session.stop is not None and session.stop.request is not None
    return json.dumps(list(session.stop.request.messages))


def test_structured_content_comes_back_byte_for_byte(structured: "Page", session: "Session") -> None:
    shown = structured.get("/api/session")["stop"]["request"]["messages"]
    assert [(each["role"], each["json"]) for each in shown] == [
        ("system", False),
        ("user", True),
        ("assistant", True),
    ]
    structured.post("/api/session/prompt", {"contents": [each["content"] for each in shown]})
    assert waiting(session) == json.dumps(PROMPT)
    structured.post("/api/session/prompt", {"contents": ["Be long.", None, None]})
    assert waiting(session) == json.dumps([{**PROMPT[0], "content": "Be long."}, *PROMPT[1:]])
    typed = shown[1]["content"].replace("Look", "Listen")
    structured.post("/api/session/prompt", {"contents": [None, typed, None]})
    assert waiting(session) == json.dumps([{**PROMPT[0], "content": "Be long."}, *PROMPT[1:]]).replace(
        "Look", "Listen"
    )


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("[{", "message 2 was JSON and is none any more"),
        ("5", "the content of message 2 is a text, a list of objects, or null, not 5"),
        ("[5]", "the content of message 2 is a text, a list of objects, or null, not [5]"),
    ],
)
def test_structured_content_that_is_none_any_more_is_refused(
    structured: "Page", session: "Session", typed: str, sentence: str
) -> None:
    said = structured.post("/api/session/prompt", {"contents": [None, typed, None]}, 400)["error"]
    assert sentence in said
    assert waiting(session) == json.dumps(PROMPT)
