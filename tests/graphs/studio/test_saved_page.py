import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.graphs.studio.conftest import say
from tests.traces.test_hostile_text import HOSTILE

from tutelage.agents import scripted
from tutelage.errors import UserError
from tutelage.graphs import debug, one_shot
from tutelage.graphs.studio import save_page, save_session
from tutelage.tools import exact
from tutelage.traces import Run, Store
from tutelage.types import Task

if TYPE_CHECKING:
    from tests.graphs.studio.conftest import Recorded


class Elements(HTMLParser):
    """A page as a browser sees it: elements, and the text of those that hold scripts, styles and data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        self.texts.append("")
        self._inside = True

    def handle_data(self, data: str) -> None:
        if self.texts and self._inside:
            self.texts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def text_of(self, tag: str, **attributes: str) -> str:
        (text,) = (
            text
            for (name, found), text in zip(self.found, self.texts, strict=True)
            if name == tag and attributes.items() <= found.items() and bool(found) == bool(attributes)
        )
        return text


def answers(path: Path) -> dict[str, Any]:
    page = Elements(path.read_text("utf-8"))
    found: dict[str, Any] = json.loads(page.text_of("script", type="application/json", id="saved"))
    return found


def test_a_run_is_saved_whole(recorded: "Recorded", tmp_path: Path) -> None:
    with Run.open(recorded.path) as run:
        found = answers(save_page(run, tmp_path / "run.html"))
    base = f"/api/runs/{recorded.id}"
    assert found["/api/session"] is None
    assert found["/api/server"]["saved"]
    assert [row["task"] for row in found[f"{base}/rollouts"]["rows"]] == [
        "right",
        "refined",
        "spoiled",
        "failed",
    ]
    assert found[f"{base}/summary"]["accuracy"]["n"] == 3
    story = found[f"{base}/rollouts/{recorded.refined}"]
    turn = story["turns"][0]["id"]
    assert found[f"{base}/turns/{turn}"]["completion"] == "step 0\nanswer: 7"
    assert len(found[f"{base}/turns/{turn}/tokens?limit=1000"]["tokens"]) == 3
    assert found[f"{base}/compare?a={recorded.right}&b={recorded.refined}"]["turns"]
    assert str(tmp_path) not in (tmp_path / "run.html").read_text("utf-8")


def test_chosen_rollouts_are_saved_and_no_others(recorded: "Recorded", tmp_path: Path) -> None:
    with Run.open(recorded.path) as run:
        found = answers(save_page(run, tmp_path / "some.html", [recorded.refined[-6:]]))
        assert [row["task"] for row in found[f"/api/runs/{recorded.id}/rollouts"]["rows"]] == ["refined"]
        assert "spoiled" not in (tmp_path / "some.html").read_text("utf-8")
        with pytest.raises(UserError, match="no turn, rollout or task"):
            save_page(run, tmp_path / "none.html", ["abcdef"])
    assert not (tmp_path / "none.html").exists()


def test_a_session_is_saved_with_its_branches(tmp_path: Path) -> None:
    task = Task(id="t", problem="6*7?", reference="42")
    with debug(one_shot(scripted(["answer: 41"] * 9)), task, verifier=exact, store=tmp_path / "s") as session:
        session.fork(name="other").run()
        session.run()
        found = answers(save_session(session, tmp_path / "session.html"))
        view = found["/api/session"]
        assert {each["name"] for each in view["branches"]} == {"main", "other"}
        assert len(found[f"/api/runs/{view['run']}/rollouts"]["rows"]) == 2
        assert session.state["answer"] == "41"


def test_a_saved_page_runs_its_own_script_and_nothing_else(recorded: "Recorded", tmp_path: Path) -> None:
    with Run.open(recorded.path) as run:
        text = save_page(run, tmp_path / "run.html").read_text("utf-8")
    page = Elements(text)
    (policy,) = (
        a["content"] or "" for tag, a in page.found if a.get("http-equiv") == "Content-Security-Policy"
    )
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(hashlib.sha256(page.text_of(tag).encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    scripts = [a for tag, a in page.found if tag == "script"]
    assert [a.get("type") for a in scripts] == ["application/json", None]
    for _, attributes in page.found:
        assert "src" not in attributes
        assert (attributes.get("href") or "data:").startswith("data:")


def test_hostile_texts_stay_within_the_data(tmp_path: Path) -> None:
    hostile = (*HOSTILE, "</script><script>alert(1)</script>", "<!--<script>", "]]>", "</SCRIPT >", "\u2028")
    with Store.memory().start_run({}, name="</title><script>alert(1)</script>") as run:
        for number, text in enumerate(hostile):
            recorder = run.begin(Task(id=f"{number}{text}", problem=text, reference=text))
            say(recorder, text or "role", text, node=text or None)
            recorder.finish(text, {text: text})
        path = save_page(run, tmp_path / "hostile.html")
        rollouts = run.rollouts()
    raw = path.read_bytes()
    page = Elements(raw.decode("utf-8"))
    assert [tag for tag, _ in page.found].count("script") == 2
    data = re.search(rb'<script type="application/json" id="saved">(.*?)</script>', raw, re.DOTALL)
    assert data is not None and b"<" not in data[1]
    found = answers(path)
    problems = [found[f"/api/runs/{run.id}/rollouts/{each.id}"]["task"]["problem"] for each in rollouts]
    halves = re.compile("[\ud800-\udfff]")
    assert problems == [halves.sub("\ufffd", text) for text in hostile]


def test_a_page_that_would_be_too_large_is_refused(
    recorded: "Recorded", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutelage.graphs.studio.saved_page.LARGEST", 1000)
    with Run.open(recorded.path) as run, pytest.raises(UserError, match="name the rollouts"):
        save_page(run, tmp_path / "run.html")
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.parametrize("name", ["nowhere/x.html", "directory.html", f"{'x' * 300}.html", "a\0b.html"])
def test_a_file_that_cannot_be_written_is_one_sentence(
    recorded: "Recorded", tmp_path: Path, name: str
) -> None:
    (tmp_path / "directory.html").mkdir()
    before = set(tmp_path.iterdir())
    with Run.open(recorded.path) as run, pytest.raises(UserError, match="cannot be written") as refused:
        save_page(run, tmp_path / name)
    assert "\n" not in str(refused.value)
    assert set(tmp_path.iterdir()) == before
