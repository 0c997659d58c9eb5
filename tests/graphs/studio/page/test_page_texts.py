import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tutelage.graphs.studio.serving import Studio
from tutelage.traces import Run

pytestmark = pytest.mark.slow

Serve = Callable[..., Studio]
CALM = 500
"""Milliseconds for which the page may be busy with one thing."""

WATCH = """() => {
  window.longest = 0;
  let before = performance.now();
  const look = () => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - before);
    before = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def at_turn(page: Page, url: str, path: Path, number: int) -> None:
    with Run.open(path) as run:
        rollout = run.rollouts()[0].id
        turn = list(run.turns(rollout))[number].id
        page.goto(f"{url}#/run/{run.id}/rollout/{rollout}/turn/{turn}")


def test_hostile_text_is_text_and_shows_what_hides(page: Page, large: Path, serve: Serve) -> None:
    at_turn(page, serve(large).url, large, 0)
    said = page.locator(".completion")
    expect(said).to_contain_text("<script>document.title='taken'</script>")
    for mark in ("⟨U+202E⟩", "⟨U+2066⟩", "⟨U+200B⟩", "⟨U+001B⟩[31m", "⟨U+0007⟩", "⟨U+0000⟩"):
        expect(said).to_contain_text(mark)
    expect(said).to_contain_text("&amp; ${1} {{2}}")
    assert page.locator("#made").count() == 0
    assert page.locator("#app img").count() == 0
    assert "taken" not in page.title()
    shown = page.evaluate("document.body.innerText")
    assert not any(character in shown for character in "\u202e\u2066\u200b\x1b\x07")
    assert (
        page.locator(".completion pre").first.evaluate("each => getComputedStyle(each).unicodeBidi")
        == "plaintext"
    )


def test_a_message_of_ten_megabytes_does_not_freeze_the_page(page: Page, large: Path, serve: Serve) -> None:
    url = serve(large).url
    at_turn(page, url, large, 0)
    page.locator(".completion").wait_for()
    page.evaluate(WATCH)
    begun = time.perf_counter()
    page.keyboard.press("j")
    scroller = page.locator(".completion .scroller")
    expect(scroller).to_contain_text("line 0 says")
    assert time.perf_counter() - begun < 5
    for _ in range(6):
        scroller.evaluate("each => each.scrollTo(0, each.scrollHeight)")
        page.wait_for_timeout(300)
    expect(page.locator(".completion .aside")).to_contain_text("read; the rest follows")
    assert "line 2000 " in scroller.inner_text() or "says something" in scroller.inner_text()
    assert page.locator("#app *").count() < 2000
    assert page.evaluate("window.longest") < CALM


def test_pieces_join_without_a_gap(page: Page, large: Path, serve: Serve) -> None:
    at_turn(page, serve(large).url, large, 1)
    scroller = page.locator(".completion .scroller")
    expect(scroller).to_contain_text("line 0 says")
    seen: set[int] = set()
    for _ in range(400):
        seen |= {
            int(line.split()[1]) for line in scroller.inner_text().splitlines() if line.startswith("line ")
        }
        if max(seen) > 4000:
            break
        scroller.evaluate("each => each.scrollBy(0, each.clientHeight * 0.8)")
        page.wait_for_timeout(30)
    assert seen >= set(range(4000))
