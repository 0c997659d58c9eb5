import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graphs.studio.conftest import SETTINGS, judge, record, say, solve, task
from tests.traces.test_hostile_text import HOSTILE

from tutelage.errors import UserError
from tutelage.graphs.studio.events import events_of
from tutelage.graphs.studio.library import Library
from tutelage.graphs.studio.plain import json_bytes
from tutelage.traces import Run, Store
from tutelage.traces.lessons import lessons
from tutelage.types import Task

if TYPE_CHECKING:
    from tests.graphs.studio.conftest import Opens, Page, Recorded


def test_runs_are_found_below_a_directory_also_later_ones(opens: "Opens", tmp_path: Path) -> None:
    record(tmp_path / "runs" / "a")
    record(tmp_path / "runs" / "deep" / "b")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.sqlite").write_bytes(b"no database")
    page = opens(tmp_path / "runs")
    rows = page.get("/api/runs")
    assert [(row["name"], row["rollouts"], row["done"], row["failed"]) for row in rows if row["id"]] == [
        ("a", 4, 3, 1),
        ("b", 4, 3, 1),
    ]
    (broken,) = (row for row in rows if not row["id"])
    assert "not a database" in broken["error"]
    before = [(row["passed"], row["wrong"]) for row in rows]
    page.get(f"/api/runs/{rows[0]['id']}/rollouts")
    after = [(row["passed"], row["wrong"]) for row in page.get("/api/runs")]
    assert before == after == [(2, 1), (2, 1), (None, None)]


def test_a_run_in_one_file_and_its_original_are_two(
    opens: "Opens", recorded: "Recorded", tmp_path: Path
) -> None:
    with Run.open(recorded.path) as run:
        copy = run.copy(tmp_path / "copy.sqlite")
    page = opens(recorded.path, copy)
    assert [row["id"] for row in page.get("/api/runs")] == [recorded.id, f"{recorded.id}-2"]
    assert page.get(f"/api/runs/{recorded.id}-2/rollouts")["total"] == 4


def test_what_is_nowhere_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run and no directory"):
        Library([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="nothing to show"):
        Library()


def test_a_rollout_is_shown_with_its_turns_scores_and_path(page: "Page", recorded: "Recorded") -> None:
    found = page.get(f"{{run}}/rollouts/{recorded.refined}")
    assert found["rollout"]["task"] == "refined"
    assert found["task"]["problem"] == "What is six times seven, refined?"
    assert found["output"] == {"solution": "end", "round": 1}
    assert found["path"] == ["solve", "review", "refine"]
    turns = found["turns"]
    assert [turn["role"] for turn in turns] == ["solver", "reviewer", "refiner"]
    assert [turn["verdict"] for turn in turns] == [None, "wrong", None]
    assert turns[2]["parents"] == [turns[0]["id"], turns[1]["id"]]
    assert (turns[0]["preview"], turns[0]["size"]) == ("step 0\nanswer: 7", 16)
    assert [each["answer"] for each in found["candidates"]] == ["7", "42"]
    assert {each["name"] for each in found["scores"]} == {"exact", "verdict"}


def test_a_turn_is_shown_with_its_prompt_neighbours_and_scores(page: "Page", recorded: "Recorded") -> None:
    turns = page.get(f"{{run}}/rollouts/{recorded.refined}")["turns"]
    found = page.get(f"{{run}}/turns/{turns[1]['id']}")
    assert found["messages"] == [
        {
            "role": "user",
            "content": "What is six times seven, refined?",
            "size": 33,
            "json": False,
            "more": None,
        }
    ]
    assert (found["completion"], found["size"], found["finish_reason"]) == ("review 1", 8, None)
    assert [each["id"] for each in found["parents"]] == [turns[0]["id"]]
    assert [each["id"] for each in found["children"]] == [turns[2]["id"]]
    assert found["sampling"]["temperature"] == 1.0
    assert [each["name"] for each in found["scores"]] == ["verdict", "exact"]


def test_tokens_come_by_the_page_with_their_surprise(page: "Page", recorded: "Recorded") -> None:
    turn = page.get(f"{{run}}/rollouts/{recorded.right}")["turns"][0]["id"]
    found = page.get(f"{{run}}/turns/{turn}/tokens")
    assert (found["available"], found["total"], found["prompt_total"]) == (True, 3, 2)
    assert [each["id"] for each in found["tokens"]] == [1, 2, 3]
    assert [each["logprob"] for each in found["tokens"]] == [-0.5, -4.0, None]
    assert found["tokens"][1]["surprise"] == pytest.approx(5.77, abs=0.01)
    assert [each["index"] for each in found["surprising"]] == [2, 1, 0]
    assert "no tokenizer.json" in found["why"]
    second = page.get(f"{{run}}/turns/{turn}/tokens", offset=1, limit=1)
    assert [each["id"] for each in second["tokens"]] == [2]
    assert "at once" in page.get(f"{{run}}/turns/{turn}/tokens", status=400, limit=999999)["error"]


def test_the_graph_is_drawn_from_the_record_with_how_often_edges_were_gone(page: "Page") -> None:
    found = page.get("{run}/graph")
    nodes = {node["id"]: node["count"] for node in found["nodes"]}
    assert nodes == {"__start__": 0, "solve": 4, "review": 2, "refine": 2, "__end__": 4}
    edges = {
        (each["source"], each["target"]): (each["conditional"], each["count"]) for each in found["edges"]
    }
    assert edges["__start__", "solve"] == (False, 4)
    assert edges["solve", "review"] == (False, 2 + 2)
    assert edges["review", "refine"] == (True, 2)


def test_two_rollouts_are_compared(page: "Page", recorded: "Recorded") -> None:
    found = page.get("{run}/compare", a=recorded.refined, b=recorded.spoiled)
    assert {"field": "answer", "before": "42", "after": "7"} in found["fields"]
    assert len(found["turns"]) == 3
    assert ["-", "7"] in found["turns"][0]["diff"] and ["+", "42"] in found["turns"][0]["diff"]
    (exact,) = (each for each in found["scores"] if each["name"] == "exact")
    assert (exact["a"], exact["b"]) == (1.0, 0.0)
    assert "b is missing" in page.get("{run}/compare", status=400, a=recorded.right)["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/api/runs/0123/summary",
        "{run}/rollouts/0123",
        "{run}/rollouts/0123?part=output",
        "{run}/turns/0123",
        "{run}/turns/0123/tokens",
        "{run}/turns/0123?part=completion",
        "{run}/compare?a=0123&b=0123",
        "/api/runs/0123/events",
        "/api/session/compare?a=x&b=y",
    ],
)
def test_what_is_not_there_is_a_sentence(page: "Page", path: str) -> None:
    assert page.get(path, status=404)["error"]


def test_equal_answers_are_not_sent_twice(page: "Page") -> None:
    first = page.client.get(f"/api/runs/{page.run}/summary")
    again = page.client.get(f"/api/runs/{page.run}/summary", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_long_message_comes_in_parts(opens: "Opens") -> None:
    text = "é" * 50 + "All work and no play. " * 500_000
    with Store.memory().start_run({}) as run:
        recorder = run.begin(Task(id="long", problem=text))
        (turn,) = say(recorder, "solver", text)
        recorder.finish(output={"solution": text})
        page = opens(run)
        rollout = page.get(f"{{run}}/rollouts/{recorder.rollout.id}")
        assert (rollout["task"]["problem_size"], len(rollout["task"]["problem"])) == (len(text), 100_000)
        assert rollout["turns"][0]["size"] == len(text)
        found = page.get(f"{{run}}/turns/{turn}")
        assert (found["size"], found["completion"]) == (len(text), text[:100_000])
        assert (found["messages"][0]["size"], found["messages"][0]["content"]) == (len(text), text[:100_000])
        for part in ("completion", "messages.0"):
            piece = page.get(f"{{run}}/turns/{turn}", part=part, offset=40, length=30)
            assert piece == {"text": text[40:70], "offset": 40, "size": len(text)}
        assert (
            page.get(f"{{run}}/rollouts/{recorder.rollout.id}", part="problem", offset=9)["text"]
            == text[9:100_009]
        )
        assert (
            "1000000"
            in page.get(f"{{run}}/turns/{turn}", status=400, part="completion", length=2_000_000)["error"]
        )
        assert page.get(f"{{run}}/turns/{turn}", status=400, part="messages.7")["error"]
        assert page.tasks("play") == ["long"]


def test_a_prompt_of_many_long_messages_is_rationed(opens: "Opens") -> None:
    with Store.memory().start_run({}) as run:
        recorder = run.begin(Task(id="t", problem="p"))
        messages = [{"role": "user", "content": f"{number} " + "x" * 99_000} for number in range(50)]
        (turn,) = say(recorder, "solver", "done", messages=messages)
        answer = opens(run).client.get(f"/api/runs/{run.id}/turns/{turn}")
    assert len(answer.content) < 1_000_000
    assert [each["size"] for each in answer.json()["messages"]] == [len(each["content"]) for each in messages]


def test_hostile_texts_come_as_json_and_nothing_else(opens: "Opens") -> None:
    with Store.memory().start_run({"note": "\ud800"}, name="\ud800<script>") as run:
        for number, text in enumerate(HOSTILE):
            recorder = run.begin(Task(id=f"{number}{text}", problem=text, reference=text, family=text))
            (turn,) = say(recorder, text or "role", text, node=text or None, error=text or None)
            recorder.candidate(text, answer=text, turn_id=turn)
            judge(recorder, turn, None)
            recorder.finish(text, {text: text})
        page = opens(run)
        paths = ["/api/runs", *(f"/api/runs/{run.id}{path}" for path in ("/summary", "/rollouts", "/graph"))]
        for rollout in run.rollouts():
            paths.append(f"/api/runs/{run.id}/rollouts/{rollout.id}")
        for turn_ in run.turns():
            paths += [
                f"/api/runs/{run.id}/turns/{turn_.id}{more}" for more in ("", "/tokens", "?part=completion")
            ]
        for path in paths:
            answer = page.client.get(path)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/json"
            json.loads(answer.content.decode("utf-8", "strict"), parse_constant=pytest.fail)
        texts = [page.get(f"{{run}}/turns/{turn.id}")["completion"] for turn in run.turns()]
    halves = {0xD800 + number for number in range(0x800)}
    assert texts == ["".join("\ufffd" if ord(c) in halves else c for c in text) for text in HOSTILE]


@given(
    st.recursive(st.floats() | st.text(st.characters()) | st.text(st.characters(categories=["Cs"])), st.lists)
)
@settings(deadline=None, max_examples=200)
def test_any_answer_is_valid_json(value: object) -> None:
    json.loads(json_bytes({"value": value}).decode("utf-8", "strict"), parse_constant=pytest.fail)


def test_a_turn_is_labelled_where_nobody_else_writes(page: "Page", recorded: "Recorded") -> None:
    turn = page.get(f"{{run}}/rollouts/{recorded.spoiled}")["turns"][-1]["id"]
    page.post(f"{{run}}/turns/{turn}/label", {"label": "reject"})
    assert page.get(f"{{run}}/turns/{turn}")["turn"]["label"] == "rejected"
    page.post(f"{{run}}/turns/{turn}/label", {"label": "correct", "text": "6*7=42\nanswer: 42"})
    page.post(f"{{run}}/turns/{turn}/label", {"label": "step", "step": 1, "right": False})
    with Run.open(recorded.path) as run:
        kinds = {each.kind for each in lessons(run)}
        assert {"correct", "step"} <= kinds
    assert "needs 'text'" in page.post(f"{{run}}/turns/{turn}/label", {"label": "correct"}, 400)["error"]
    assert "accept, correct" in page.post(f"{{run}}/turns/{turn}/label", {"label": "praise"}, 400)["error"]
    with Store.open(recorded.path).start_run(SETTINGS) as busy:
        busy.begin(task("more"))
        answer = page.post(f"{{run}}/turns/{turn}/label", {"label": "accept"}, 400)
        assert "is being written" in answer["error"]


@pytest.mark.parametrize("body", ["", "[]", "{", "nonsense", "[" * 100_000])
def test_what_is_posted_must_be_an_object(page: "Page", body: str) -> None:
    headers = {"content-type": "application/json"}
    answer = page.client.post("/api/sessions", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_page_and_its_files_are_served_and_nothing_beside_them(page: "Page") -> None:
    index = page.client.get("/")
    assert index.status_code == 200 and index.headers["content-type"].startswith("text/html")
    for name in ("/app.js", "/static/app.js"):
        assert page.client.get(name).headers["content-type"].startswith("text/javascript")
    for name in (
        "/../routes.py",
        "/static/..%2froutes.py",
        "/%2e%2e%2froutes.py",
        "/.hidden.txt",
        "/static/",
        "/x.html",
    ):
        assert page.client.get(name).status_code == 404


def test_growth_is_told_while_a_run_is_written(recorded: "Recorded") -> None:
    library = Library([recorded.path])
    opened = library.get(library.ids()[0])
    closing = threading.Event()

    async def listen() -> list[bytes]:
        events = events_of(opened, closing.is_set, every=0.05)
        told = [await anext(events)]
        with Store.open(recorded.path).start_run(SETTINGS) as run:
            run.begin(task("new"))
        told.append(await anext(events))
        closing.set()
        return [*told, *[event async for event in events]]

    with ThreadPoolExecutor(1) as elsewhere:
        first, second = elsewhere.submit(asyncio.run, listen()).result(30)
    library.close()
    told = [json.loads(each.split(b"data: ")[1]) for each in (first, second)]
    assert first.startswith(b"event: changed\n")
    assert (told[0]["rollouts"], told[1]["rollouts"]) == (4, 5)
    assert len(told[1]["touched"]) == 1


def test_a_name_that_no_file_can_have_is_not_found(page: "Page") -> None:
    for name in (f"{'a' * 300}.js", "a%00b.js", "..js", "%2e%2e.js"):
        answer = page.client.get(f"/static/{name}")
        assert answer.status_code == 404
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"label": "correct", "text": 5}, "label 'correct': text is a text, not 5"),
        ({"label": "rank", "turn_ids": "abc"}, "label 'rank': turn_ids is a list of texts"),
        ({"label": "step", "step": True, "right": True}, "label 'step': step is a whole number"),
        ({"label": "step", "step": 1, "right": "yes"}, "label 'step': right is true or false"),
        ({"label": "accept", "who": "teacher"}, "label 'accept' takes no 'who'"),
        ({"label": ["accept"]}, "there is no label"),
    ],
)
def test_a_label_of_another_kind_is_refused_in_one_sentence(
    page: "Page", recorded: "Recorded", body: dict[str, Any], sentence: str
) -> None:
    turn = page.get(f"{{run}}/rollouts/{recorded.right}")["turns"][0]["id"]
    assert sentence in page.post(f"{{run}}/turns/{turn}/label", body, 400)["error"]


def test_a_summary_says_whether_its_rollouts_are_branches_of_a_session(
    opens: "Opens", page: "Page", tmp_path: Path
) -> None:
    assert page.get("{run}/summary")["session"] is False
    with Store.open(tmp_path / "debugged").start_run({"session": True}) as run:
        solve(run.begin(task("t")), True)
    assert opens(tmp_path / "debugged").get("{run}/summary")["session"] is True


def test_a_run_that_nobody_writes_has_nothing_running(opens: "Opens", tmp_path: Path) -> None:
    with Store.open(tmp_path / "killed").start_run(SETTINGS) as run:
        solve(run.begin(task("ended")), True)
        run.begin(task("begun"))
        page = opens(tmp_path / "killed")
        for counts in (page.get("/api/runs")[0], page.get("{run}/summary")["counts"]):
            assert (counts["running"], counts["unfinished"], counts["done"]) == (1, 0, 1)
    for counts in (page.get("/api/runs")[0], page.get("{run}/summary")["counts"]):
        assert (counts["running"], counts["unfinished"], counts["done"]) == (0, 1, 1)
