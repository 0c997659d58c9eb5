import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tutelage.graphs.studio.serving import Studio
from tutelage.traces import Store
from tutelage.types import Task

pytestmark = pytest.mark.slow

Serve = Callable[..., Studio]


def count(page: Page) -> int:
    return int(page.locator(".table-count b").inner_text().replace(",", ""))


def test_one_run_is_opened_at_once_and_its_tabs_lead_on(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(url)
    expect(page.locator("h1")).to_have_text("greedy")
    expect(page.locator(".accuracy .figure")).to_contain_text("%")
    expect(page.get_by_role("heading", name="Verdicts")).to_be_visible()
    page.get_by_role("link", name="Rollouts", exact=True).click()
    expect(page.locator(".table-count b")).to_have_text("12")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(f"#/run/{run}$"))


def test_a_filter_is_completed_as_it_is_typed_and_stands_in_the_address(
    page: Page, greedy: tuple[str, str]
) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts")
    expect(page.locator(".table-count b")).to_have_text("12")
    page.keyboard.press("/")
    page.keyboard.type("verd")
    page.get_by_role("option", name="verdict:").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("wro")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#filter")).to_have_value("verdict:wrong ")
    expect(page).to_have_url(re.compile("filter=verdict%3Awrong"))
    expect(page.locator(".table-count b")).not_to_have_text("12")
    assert 0 < count(page) < 12
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#filter")).to_have_value("verdict:wrong ")


def test_a_chip_adds_its_filter_and_takes_it_away(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts")
    refined = page.get_by_role("button", name="refined")
    refined.click()
    expect(page.locator("#filter")).to_have_value("rounds>0")
    expect(refined).to_have_attribute("aria-pressed", "true")
    refined.click()
    expect(page.locator("#filter")).to_have_value("")
    expect(page.locator(".table-count b")).to_have_text("12")


def test_a_cell_of_the_verdicts_leads_to_as_many_rollouts_as_it_says(
    page: Page, greedy: tuple[str, str]
) -> None:
    url, run = greedy
    seen = 0
    for number in range(4):
        page.goto(f"{url}#/run/{run}")
        cell = page.locator(".confusion td a").nth(number)
        verdicts = int(cell.locator("b").inner_text())
        rollouts = int(cell.locator("small").inner_text().split()[1])
        seen += verdicts > rollouts
        cell.click()
        expect(page.locator(".table-count b")).to_have_text(str(rollouts))
    assert seen > 0, "no cell tells turns from rollouts here"


def test_a_verdict_against_the_truth_is_completed(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts")
    expect(page.locator(".table-count b")).to_have_text("12")
    page.keyboard.press("/")
    page.keyboard.type("judg")
    page.get_by_role("option", name="judged:").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("wrong/wr")
    page.keyboard.press("Tab")
    expect(page.locator("#filter")).to_have_value("judged:wrong/wrong ")
    expect(page.locator(".table-count")).to_contain_text("of 12")


def test_names_are_offered_though_they_come_after_the_first_letters(
    page: Page, greedy: tuple[str, str]
) -> None:
    url, run = greedy
    held: list[Route] = []
    page.route(re.compile("/summary"), lambda route: held.append(route))
    page.goto(f"{url}#/run/{run}/rollouts")
    expect(page.locator(".table-count b")).to_have_text("12")
    page.keyboard.press("/")
    page.keyboard.type("judg")
    expect(page.locator("#filter")).to_have_value("judg")
    assert held and page.get_by_role("option").count() == 0
    for route in held:
        route.continue_()
    page.get_by_role("option", name="judged:").wait_for()


def test_what_a_dead_process_left_is_unfinished_everywhere(page: Page, serve: Serve, tmp_path: Path) -> None:
    for name in ("left", "other"):
        with Store.open(tmp_path / name).start_run({}) as run:
            run.begin(Task(id="ended", problem="?")).finish("1")
            run.begin(Task(id="begun", problem="?"))
    url = serve(tmp_path).url
    page.goto(url)
    card = page.locator(".run-card").first
    expect(card).to_contain_text("1 unfinished")
    card.click()
    expect(page.locator(".fact", has_text="unfinished").locator("dd")).to_have_text("1")
    page.keyboard.press("t")
    expect(page.locator(".scroller .status")).to_have_text("unfinished")
    page.get_by_role("button", name="unfinished").click()
    expect(page.locator("#filter")).to_have_value("status:unfinished")
    expect(page.locator(".table-count b")).to_have_text("1")
    page.goto(f"{url}#/")
    expect(page.locator(".run-card")).to_have_count(2)
    expect(page.locator(".run-card .meter")).to_have_count(0)
    expect(page.locator(".run-card").first).not_to_contain_text("right")


def test_home_shows_how_many_are_right_of_runs_that_nobody_has_opened(
    page: Page, many: Path, recorded: Path, serve: Serve
) -> None:
    page.goto(serve(many, recorded).url)
    card = page.locator(".run-card", has_text="many")
    expect(card).to_contain_text("50.0 % right of 1,200")
    expect(page.locator(".run-card .meter")).to_have_count(2)


def test_a_filter_that_is_none_is_told_in_a_sentence(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts?filter=verdct:wrong")
    expect(page.locator(".filter-error")).to_contain_text("verdct")
    expect(page.locator("#filter")).to_have_attribute("aria-invalid", "true")


def test_what_matches_nothing_offers_to_clear_the_filter(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts?filter=turns>99")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Clear the filter", exact=True).last.click()
    expect(page.locator(".table-count b")).to_have_text("12")


def test_a_heading_sorts_and_turns_the_order(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts")
    heading = page.get_by_role("columnheader", name="Turns")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.wait_for_timeout(300)
    shown = [int(text) for text in page.locator(".scroller .cell.turns").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")


def test_keys_move_open_and_lead_back(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts")
    page.locator(".row.current").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".row.current")).to_have_attribute("aria-rowindex", "3")
    name = page.locator(".row.current .cell.task").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".rollout-head .eyebrow")).to_contain_text(name)
    page.go_back()
    expect(page.locator(".table-count b")).to_have_text("12")


def test_two_marked_rows_are_compared_side_by_side(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollouts")
    page.locator(".row.current").wait_for()
    page.keyboard.press("m")
    expect(page.locator(".marked-note")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.locator("h1")).to_have_text("Compare")
    expect(page.locator(".side-head")).to_have_count(2)
    expect(page.locator(".side del").first).to_be_visible()
    expect(page.locator(".side ins").first).to_be_visible()
    page.get_by_role("button", name="different").click()
    expect(page.locator(".sides.same")).to_have_count(0)


def test_only_the_rows_in_sight_exist(page: Page, many: Path, serve: Serve) -> None:
    page.goto(f"{serve(many).url}#/")
    expect(page.locator("h1")).to_have_text("many")
    page.locator("nav[aria-label='Pages of the run']").wait_for()
    page.keyboard.press("t")
    expect(page.locator(".table-count b")).to_have_text("1,200")
    page.wait_for_function("document.querySelectorAll('.scroller .row').length < 60")
    page.keyboard.press("End")
    expect(page.locator(".row.current")).to_have_attribute("aria-rowindex", "1201")
    expect(page.locator(".row.current .cell.task")).to_contain_text("task-")
    assert page.locator(".scroller .row").count() < 60
