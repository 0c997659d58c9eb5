from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tutelage.agents import scripted
from tutelage.graphs import debug, self_refine
from tutelage.graphs.studio import save_session
from tutelage.graphs.studio.serving import Studio
from tutelage.tools import exact
from tutelage.traces import Store
from tutelage.types import Score, Task

pytestmark = pytest.mark.slow

Serve = Callable[..., Studio]


def test_a_run_that_is_being_written_is_followed(page: Page, serve: Serve, tmp_path: Path) -> None:
    with Store.open(tmp_path / "live") as store, store.start_run({"graph": "by hand"}) as run:

        def one(number: int) -> None:
            recorder = run.begin(Task(id=f"task-{number}", problem="?", reference="1"), 0)
            recorder.score(Score(name="exact", value=1.0, passed=True))
            recorder.finish(answer="1")

        one(0)
        page.goto(serve(tmp_path / "live").url)
        expect(page.locator(".badge.live").first).to_be_visible()
        rollouts = page.locator(".fact", has_text="rollouts").locator("dd")
        expect(rollouts).to_have_text("1")
        for number in range(1, 6):
            one(number)
        expect(rollouts).to_have_text("6", timeout=15_000)
        page.keyboard.press("t")
        expect(page.locator(".table-count b")).to_have_text("6")
        one(6)
        expect(page.locator(".table-count b")).to_have_text("7", timeout=15_000)


def test_a_saved_session_shows_where_it_was_and_steers_nothing(page: Page, tmp_path: Path) -> None:
    task = Task(id="add", problem="Compute 2 + 3.", reference="5")
    model = scripted(lambda messages, sample: "1: ok\nverdict: right\nanswer: 5")
    with debug(self_refine(model, 2), task, verifier=exact, store=tmp_path / "session") as session:
        session.break_before("reviewer")
        session.run()
        saved = save_session(session, tmp_path / "session.html")
    page.goto(f"{saved.as_uri()}#/session")
    expect(page.locator(".stop-where")).to_contain_text("Before reviewer")
    expect(page.locator(".breaks")).to_contain_text("before reviewer")
    expect(page.locator('[data-field="problem"]')).to_contain_text("Compute 2 + 3.")
    for gone in (".moves", ".console", ".break-add", ".resample"):
        expect(page.locator(gone)).to_be_hidden()
