from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from tests.graphs.studio.page.conftest import ADD, adding

from tutelage.graphs import rollout, self_refine
from tutelage.graphs.studio.serving import Studio
from tutelage.tools import exact

pytestmark = pytest.mark.slow


def test_a_session_that_is_slow_to_open_says_so_and_opens_once(
    page: Page, serve: Callable[..., Studio], tmp_path: Path
) -> None:
    graph = self_refine(adding(), 1)
    with ThreadPoolExecutor() as apart:  # Playwright keeps a loop running in this thread
        record = partial(rollout, graph, [ADD], verifier=exact, store=tmp_path / "run", progress=False)
        run = apart.submit(record).result()
        where = f"#/run/{run.id}/rollout/{run.rollouts()[0].id}"
        run.close()
    opened = serve(tmp_path / "run", graph=graph, verifier=exact, store=tmp_path / "sessions")
    held: list[Route] = []
    page.route("**/api/sessions", lambda route: held.append(route))
    page.goto(f"{opened.url}{where}")
    button = page.get_by_role("button", name="Debug this")
    button.wait_for()
    button.click()
    expect(page.locator(".toast")).to_contain_text("Opening a session")
    page.keyboard.press("b")
    held[0].continue_()
    expect(page.locator(".stop-where")).to_contain_text("Before solver")
    assert len(held) == 1
    page.goto("about:blank")
