import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.graphs.studio.page.conftest import ADD, adding

from tutelage.graphs import debug, self_refine
from tutelage.graphs.studio.serving import Studio

pytestmark = pytest.mark.slow


def at(page: Page, words: str) -> None:
    expect(page.locator(".stop-where")).to_contain_text(words)


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def test_the_letters_of_pdb_go_on(debugged: Page) -> None:
    at(debugged, "Before solver")
    debugged.keyboard.press("s")
    at(debugged, "About to ask in solver")
    debugged.keyboard.press("s")
    at(debugged, "After solver")
    expect(panel(debugged, "Latest turn")).to_contain_text("2+3=6")
    debugged.keyboard.press("n")
    at(debugged, "Before reviewer")
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    expect(debugged.locator(".stop-why")).to_contain_text("answer 5 ✓ right")
    assert debugged.locator(".visit").count() == 4


def test_the_buttons_do_the_same(debugged: Page) -> None:
    debugged.get_by_role("button", name=re.compile("^Step")).click()
    at(debugged, "About to ask in solver")
    debugged.get_by_role("button", name=re.compile("^Continue")).click()
    at(debugged, "At the end")
    expect(debugged.get_by_role("button", name=re.compile("^Step"))).to_be_disabled()


def test_a_pressed_node_gets_a_breakpoint_and_loses_it(debugged: Page) -> None:
    node = debugged.get_by_role("button", name=re.compile("^refiner"))
    node.click()
    expect(panel(debugged, "Breakpoints")).to_contain_text("before refiner")
    debugged.keyboard.press("c")
    at(debugged, "Before refiner")
    expect(debugged.locator(".stop-why")).to_contain_text("breakpoint 1")
    expect(debugged.locator(".graph .current")).to_contain_text("refiner")
    node.click()
    expect(panel(debugged, "Breakpoints").locator(".breaks")).to_have_count(0)
    debugged.keyboard.press("c")
    at(debugged, "At the end")


def test_a_condition_holds_it_and_what_changed_is_marked(debugged: Page) -> None:
    debugged.keyboard.press("b")
    debugged.keyboard.type("verdict == 'wrong'")
    debugged.keyboard.press("Enter")
    expect(panel(debugged, "Breakpoints").locator(".breaks")).to_contain_text("verdict == 'wrong'")
    debugged.keyboard.press("Escape")
    debugged.keyboard.press("c")
    at(debugged, "After reviewer")
    changed = debugged.locator('.field.changed[data-field="verdict"]')
    expect(changed).to_contain_text("wrong")
    panel(debugged, "Breakpoints").get_by_role("checkbox").click()
    expect(panel(debugged, "Breakpoints").locator("li.off")).to_have_count(1)


def test_a_condition_on_a_field_that_is_not_there_is_told(debugged: Page) -> None:
    debugged.get_by_label("Condition").fill("verdct == 'wrong'")
    debugged.get_by_role("button", name="Add the breakpoint").click()
    expect(debugged.locator(".toast.bad")).to_contain_text("verdct")


def test_an_edited_prompt_is_what_the_model_reads(debugged: Page) -> None:
    debugged.keyboard.press("s")
    editor = panel(debugged, "Prompt").get_by_label("user")
    editor.fill("Problem: Compute 2 + 3, carefully. Solve it.")
    debugged.get_by_role("button", name="Save and send").click()
    at(debugged, "After solver")
    expect(panel(debugged, "Latest turn")).to_contain_text("2+3=5")
    expect(debugged.locator(".visit .badge")).to_have_text("edited")


def test_a_person_answers_in_the_models_place(debugged: Page) -> None:
    debugged.keyboard.press("s")
    debugged.get_by_role("button", name="Answer it yourself …").click()
    debugged.get_by_label("Your answer in the model's place").fill("2+3=5\nanswer: 5")
    debugged.get_by_role("button", name="Say this").click()
    at(debugged, "After solver")
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    assert debugged.locator(".visit").count() == 2


def test_a_field_of_the_state_is_edited(debugged: Page) -> None:
    debugged.keyboard.press("s")
    debugged.keyboard.press("s")
    at(debugged, "After solver")
    debugged.get_by_role("button", name="Edit solution").click()
    debugged.get_by_label("New value of solution").fill("2+3=5\nanswer: 5")
    debugged.get_by_role("button", name="Set solution").click()
    expect(debugged.locator('[data-field="solution"]')).to_contain_text("2+3=5")
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    assert debugged.locator(".visit").count() == 2


def test_branches_are_forked_named_compared_and_dropped(debugged: Page) -> None:
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    debugged.locator(".visit").first.hover()
    debugged.get_by_role("button", name="Fork before visit 1", exact=True).click()
    at(debugged, "Before solver")
    branches = panel(debugged, "Branches")
    here = branches.locator("li.here")
    here.get_by_role("button", name="Rename").click()
    here.get_by_role("textbox").fill("careful")
    here.get_by_role("button", name="Rename").last.click()
    expect(branches.locator("li.here")).to_contain_text("careful")
    debugged.keyboard.press("s")
    panel(debugged, "Prompt").get_by_label("user").fill("Problem: Compute 2 + 3, carefully. Solve it.")
    debugged.get_by_role("button", name="Save the edit").click()
    expect(debugged.locator(".toast")).to_contain_text("changed")
    debugged.keyboard.press("Escape")
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    branches.locator("li", has_text="main").get_by_role("button", name="Compare").click()
    expect(debugged.locator("h1")).to_have_text("Compare branches")
    expect(debugged.locator(".side del, .side ins").first).to_be_visible()
    debugged.go_back()
    branches.get_by_role("button", name="main", exact=True).click()
    expect(branches.locator("li.here")).to_contain_text("main")
    branches.locator("li", has_text="careful").get_by_role("button", name="Drop").click()
    expect(branches.get_by_text("careful")).to_have_count(0)


def test_resampling_shows_how_answers_spread_and_the_gain(debugged: Page) -> None:
    debugged.keyboard.press("R")
    debugged.keyboard.press("Control+a")
    debugged.keyboard.type("6")
    debugged.keyboard.press("Enter")
    spread = debugged.locator(".spread")
    expect(spread.first).to_contain_text("6 runs")
    expect(spread.first).to_contain_text("100 % right")
    debugged.get_by_role("button", name="Resample", exact=True).click()
    expect(spread).to_have_count(2)
    expect(spread.nth(1).locator(".gain")).to_contain_text("against the one before")


def test_the_console_takes_any_command_and_remembers_it(debugged: Page) -> None:
    debugged.keyboard.press(":")
    debugged.keyboard.type("p problem")
    debugged.keyboard.press("Enter")
    log = debugged.get_by_role("log")
    expect(log).to_contain_text("Compute 2 + 3.")
    debugged.keyboard.type("nonsense")
    debugged.keyboard.press("Enter")
    expect(log).to_contain_text("nonsense")
    debugged.keyboard.press("ArrowUp")
    debugged.keyboard.press("ArrowUp")
    expect(debugged.get_by_label("Command", exact=True)).to_have_value("p problem")
    debugged.keyboard.press("Escape")
    debugged.keyboard.press("s")
    at(debugged, "About to ask in solver")


def test_teaching_makes_lessons(debugged: Page) -> None:
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    debugged.keyboard.press("+")
    expect(debugged.locator(".toast")).to_contain_text("Accepted")
    teach = panel(debugged, "Teach")
    expect(teach).to_contain_text("1 lesson")
    teach.get_by_role("button", name="Correct …").click()
    debugged.get_by_label("What it should have said").fill("1: fine\nverdict: right")
    debugged.get_by_role("button", name="Save the correction").click()
    expect(debugged.locator(".toast")).to_contain_text("Corrected")


def test_the_turn_of_a_visit_opens_on_its_own_page(debugged: Page) -> None:
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    debugged.locator(".visit").first.hover()
    debugged.locator(".visit").first.get_by_role("link", name="turn").click()
    expect(debugged.locator(".turn-head h2")).to_have_text("solver")
    debugged.keyboard.press("L")
    at(debugged, "At the end")


def test_tab_completes_in_the_console_and_leaves_where_there_is_nothing(debugged: Page) -> None:
    debugged.keyboard.press(":")
    box = debugged.get_by_label("Command", exact=True)
    debugged.keyboard.type("b revie")
    debugged.keyboard.press("Tab")
    expect(box).to_have_value("b reviewer ")
    box.fill("b re")
    debugged.keyboard.press("Tab")
    expect(debugged.get_by_label("What it may become")).to_contain_text("refiner")
    box.fill("nosuch x")
    with debugged.expect_response("**/api/session/complete?line=nosuch+x"):
        debugged.keyboard.press("Tab")
    expect(debugged.get_by_label("What it may become")).to_have_count(0)
    debugged.wait_for_timeout(200)
    debugged.keyboard.press("Tab")
    expect(box).not_to_be_focused()


def test_a_session_is_no_measure_of_a_model(debugged: Page) -> None:
    debugged.keyboard.press("c")
    at(debugged, "At the end")
    debugged.goto(debugged.url.partition("#")[0] + "#/")
    expect(debugged.locator(".of-session")).to_contain_text("no measure of a model")


def test_what_is_typed_into_a_prompt_outlives_other_changes(debugged: Page) -> None:
    debugged.keyboard.press("s")
    editor = panel(debugged, "Prompt").get_by_label("user")
    editor.fill("Half a thought")
    debugged.get_by_role("button", name=re.compile("^refiner")).click()
    expect(panel(debugged, "Breakpoints")).to_contain_text("before refiner")
    expect(editor).to_have_value("Half a thought")


def test_structured_content_is_edited_and_the_rest_of_it_stays_as_it_was(
    page: Page, serve: Callable[..., Studio]
) -> None:
    part = {"type": "text", "text": "2 + 3?", "seed": 12345678901234567890123, "scale": 1.0}
    prompt: list[dict[str, Any]] = [{"role": "system", "content": [part], "weight": 1.0}]
    prompt += [{"role": "user", "content": [part]}, {"role": "user", "content": "Solve it."}]
    with debug(self_refine(adding(), 2), ADD) as session:
        session.step()
        session.edit_prompt(prompt)
        opened = serve(session)
        page.goto(f"{opened.url}#/session")
        editor = panel(page, "Prompt").locator("textarea").nth(1)
        editor.fill(editor.input_value().replace("2 + 3?", "2 + 4?"))
        page.get_by_role("button", name="Save the edit").click()
        expect(page.get_by_role("button", name="Save the edit")).to_be_disabled()
        expect(editor).to_have_value(re.compile("12345678901234567890123"))
        assert session.stop is not None and session.stop.request is not None
        first, second, third = map(json.dumps, session.stop.request.messages)
        assert [first, third] == [json.dumps(prompt[0]), json.dumps(prompt[2])]
        assert second == json.dumps(prompt[1]).replace("2 + 3?", "2 + 4?")
        page.goto("about:blank")
        opened.close()
