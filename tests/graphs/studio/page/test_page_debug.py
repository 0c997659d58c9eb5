from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.graphs.studio.page.conftest import ADD, adding
from tutelage.graphs import rollout, self_refine
from tutelage.graphs.studio.serving import Studio
from tutelage.tools import exact

pytestmark = pytest.mark.slow


def test_a_session_that_is_slow_to_open_says_so_and_opens_once(
    page: Page, serve: Callable[..., Studio], tmp_path: Path
) -> None:
    graph = self_refine(adding(), 1)
    with rollout(graph, [ADD], verifier=exact, store=tmp_path / "run", progress=False) as run:
        where = f"#/run/{run.id}/rollout/{run.rollouts()[0].id}"
    opened = serve(tmp_path / "run", graph=graph, verifier=exact, store=tmp_path / "sessions")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.goto(f"{opened.url}{where}")
    button = page.get_by_role("button", name="Debug this")
    button.wait_for()
    button.click()
    expect(page.locator(".toast")).to_contain_text("Opening a session")
    page.keyboard.press("b")
    expect(page.locator(".stop-where")).to_contain_text("Before solver")
    assert len([url for url in asked if url.endswith("/api/sessions")]) == 1
    page.goto("about:blank")
