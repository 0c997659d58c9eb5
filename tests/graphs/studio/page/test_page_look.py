import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

import tutelage.graphs.studio
from tutelage.graphs.studio import save_page
from tutelage.graphs.studio.serving import Studio
from tutelage.traces import Run

STATIC = Path(tutelage.graphs.studio.__file__).parent / "static"
SOURCE = Path(__file__).parents[4] / "studio"

CONTRAST = """(pairs) => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const channels = style.getPropertyValue(name).trim().slice(1).match(/../g).map((each) => parseInt(each, 16) / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
  };
  return pairs.map(([ink, ground]) => {
    const [one, other] = [light(ink), light(ground)].sort((a, b) => b - a);
    return [ink, ground, (one + 0.05) / (other + 0.05)];
  });
}"""
INKS = [
    "--ink",
    "--soft",
    "--faint",
    "--accent",
    "--right",
    "--wrong",
    "--warn",
    *(f"--role-{n}" for n in range(1, 9)),
]
PAIRS = [(ink, ground) for ink in INKS for ground in ("--surface", "--paper")]
PAIRS += [("--right", "--right-soft"), ("--wrong", "--wrong-soft"), ("--warn", "--warn-soft")]
PAIRS += [("--ink", "--accent-soft"), ("--accent", "--accent-soft"), ("--accent-ink", "--accent")]
PAIRS += [("--s-ink", f"--s{n}") for n in (3, 4, 5)] + [("--ink", f"--s{n}") for n in (1, 2)]

Serve = Callable[..., Studio]


def test_the_built_page_is_small_and_names_its_licences() -> None:
    assert (STATIC / "app.js").stat().st_size < 400_000
    assert (STATIC / "app.css").stat().st_size < 100_000
    licences = (STATIC / "licences.txt").read_text()
    for name in json.loads((SOURCE / "package.json").read_text())["dependencies"]:
        assert f"{name} " in licences


def test_the_page_fetches_nothing_from_elsewhere_and_makes_no_html_of_data() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"https?:|<script>|<style|style=|\son\w+=", page)
    assert not re.search(r"url\(|@import|@font-face", (STATIC / "app.css").read_text())
    for file in (SOURCE / "src").rglob("*.ts*"):
        text = file.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text, file


@pytest.mark.slow
def test_inks_are_readable_in_both_themes(page: Page, greedy: tuple[str, str]) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(greedy[0])
        page.locator("h1").wait_for()
        assert page.locator("html").get_attribute("data-theme") == theme
        low = [each for each in page.evaluate(CONTRAST, PAIRS) if each[2] < 4.5]
        assert low == []


@pytest.mark.slow
def test_the_theme_is_chosen_and_remembered(page: Page, greedy: tuple[str, str]) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(greedy[0])
    page.locator("h1").wait_for()
    page.keyboard.press("D")
    page.keyboard.press("D")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.slow
def test_the_help_tells_every_key(page: Page, greedy: tuple[str, str]) -> None:
    page.goto(greedy[0])
    page.locator("h1").wait_for()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("continue: to a breakpoint or the end")
    expect(dialog).to_contain_text("next row")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.slow
@pytest.mark.parametrize("width", [800, 1280, 1920])
def test_no_page_is_wider_than_the_window(
    page: Page, greedy: tuple[str, str], recorded: Path, width: int
) -> None:
    url, run = greedy
    with Run.open(recorded) as opened:
        one, other = [each.id for each in opened.rollouts()[:2]]
    page.set_viewport_size({"width": width, "height": 900})
    for place in ("", "/rollouts", f"/rollout/{one}", f"/compare/{one}/{other}"):
        page.goto(f"{url}#/run/{run}{place}")
        page.wait_for_timeout(400)
        assert page.evaluate("document.querySelector('#main').scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
@pytest.mark.parametrize("width", [800, 1280])
def test_the_error_of_a_filter_covers_nothing(page: Page, greedy: tuple[str, str], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{greedy[0]}#/run/{greedy[1]}/rollouts?filter=verdct:wrong")
    error = page.locator(".filter-error").bounding_box()
    chips = page.locator(".chips").bounding_box()
    line = page.locator("#filter").bounding_box()
    assert error is not None and chips is not None and line is not None
    assert line["y"] + line["height"] <= error["y"]
    assert error["y"] + error["height"] <= chips["y"]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_turn_is_read_beside_its_timeline_in_a_narrow_window(
    page: Page, greedy: tuple[str, str], recorded: Path, theme: Literal["light", "dark"]
) -> None:
    url, run = greedy
    with Run.open(recorded) as opened:
        rollout = opened.rollouts()[0].id
    page.set_viewport_size({"width": 800, "height": 600})
    page.emulate_media(color_scheme=theme)
    page.goto(f"{url}#/run/{run}/rollout/{rollout}")
    for part in (".turn-head", ".completion pre", ".turn-row.chosen", ".graph .node"):
        expect(page.locator(part).first).to_be_in_viewport()
    turn, row = page.locator(".turn-head").bounding_box(), page.locator(".turn-row").first.bounding_box()
    assert turn is not None and row is not None
    assert row["x"] + row["width"] <= turn["x"]


@pytest.mark.slow
def test_a_saved_page_opens_from_the_disk_and_steers_nothing(
    page: Page, recorded: Path, tmp_path: Path
) -> None:
    with Run.open(recorded) as run:
        saved = save_page(run, tmp_path / "run.html")
        name, rollout = run.id, run.rollouts()[0].id
    page.goto(saved.as_uri())
    expect(page.locator(".badge", has_text="saved page")).to_be_visible()
    expect(page.locator(".accuracy .figure")).to_contain_text("%")
    page.keyboard.press("t")
    expect(page.locator(".table-count b")).to_have_text("12")
    page.get_by_role("button", name="refined").click()
    expect(page.locator(".table-count")).to_contain_text("of 12")
    page.goto(f"{saved.as_uri()}#/run/{name}/rollouts?filter=judged:wrong/wrong")
    expect(page.locator(".table-count")).to_contain_text("of 12")
    assert 0 < page.locator(".scroller .row").count() < 12
    page.goto(f"{saved.as_uri()}#/run/{name}/rollout/{rollout}")
    page.locator(".completion").wait_for()
    page.keyboard.press("c")
    page.locator(".token-box .token").first.wait_for()
    assert page.get_by_role("button", name="Debug this").count() == 0
    assert page.get_by_role("button", name="Accept").count() == 0
