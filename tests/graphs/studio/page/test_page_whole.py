"""What is longer than the page is given at once: it is edited whole or not at all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tutelage.agents import scripted
from tutelage.graphs import debug, self_refine
from tutelage.graphs.studio.serving import Studio
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.types import Sampling, Task

if TYPE_CHECKING:
    from tutelage.graphs.debugging import Session

pytestmark = pytest.mark.slow

SAID = "".join(f"line {number} of a long solution\n" for number in range(8000)) + "answer: 6"
PROBLEM = "".join(f"fact {number}\n" for number in range(5000)) + "Compute 2 + 3."


@pytest.fixture
def session(tmp_path: Path) -> Iterator["Session"]:
    model = scripted(lambda messages, sample: SAID, sampling=Sampling(max_tokens=1_000_000))
    task = Task(id="long", problem=PROBLEM, reference="5")
    with debug(self_refine(model, 0), task, verifier=exact, store=tmp_path / "session") as opened:
        yield opened


@pytest.fixture
def shown(page: Page, session: "Session", serve: Callable[..., Studio]) -> Iterator[Page]:
    opened = serve(session)
    page.goto(f"{opened.url}#/session")
    page.wait_for_selector(".stop")
    yield page
    page.goto("about:blank")
    opened.close()


def edit(page: Page, field: str) -> Locator:
    page.get_by_role("button", name=f"Edit {field}").click()
    return page.get_by_label(f"New value of {field}")


def test_a_field_that_arrives_cut_is_edited_whole(shown: Page, session: "Session") -> None:
    box = edit(shown, "problem")
    expect(box).to_have_value(PROBLEM)
    box.press("Control+End")
    box.type(" Carefully.")
    shown.get_by_role("button", name="Set problem").click()
    expect(shown.locator(".toast")).to_contain_text("problem is set")
    assert session.state["problem"] == PROBLEM + " Carefully."


def test_long_data_is_edited_as_data(shown: Page, session: "Session") -> None:
    facts = [f"fact {number}" for number in range(4000)]
    session.set("problem", facts)
    expect(shown.locator('[data-field="problem"]')).to_contain_text('[ "fact 0"')
    box = edit(shown, "problem")
    box.press("Control+Home")
    box.press("ArrowRight")
    box.type('"first",')
    shown.get_by_role("button", name="Set problem").click()
    expect(shown.locator(".toast")).to_contain_text("problem is set")
    assert session.state["problem"] == ["first", *facts]


def test_an_edit_of_one_part_changes_no_number_of_another(shown: Page, session: "Session") -> None:
    session.set("problem", {"id": 2**53 + 1, "weights": [1.0, 1e16, float("inf")], "word": "before"})
    field = shown.locator('[data-field="problem"]')
    expect(field).to_contain_text("3 fields")
    field.locator("summary").click()
    expect(field).to_contain_text(str(2**53 + 1))
    box = edit(shown, "problem")
    box.fill(box.input_value().replace("before", "after"))
    shown.get_by_role("button", name="Set problem").click()
    expect(shown.locator(".toast")).to_contain_text("problem is set")
    assert repr(session.state["problem"]) == repr(
        {"id": 2**53 + 1, "weights": [1.0, 1e16, float("inf")], "word": "after"}
    )


def test_a_field_too_long_to_edit_is_refused_with_its_length(shown: Page, session: "Session") -> None:
    long = "word " * 500_000
    session.set("problem", long)
    expect(shown.locator('[data-field="problem"]')).to_contain_text("2.5 M characters")
    box = edit(shown, "problem")
    expect(shown.locator(".toast.bad")).to_contain_text("2.5 M characters")
    expect(box).to_have_count(0)
    assert session.state["problem"] == long


def test_a_correction_in_a_session_begins_with_the_whole_turn(shown: Page, session: "Session") -> None:
    shown.keyboard.press("c")
    expect(shown.locator(".stop-where")).to_contain_text("At the end")
    teach = shown.get_by_role("region", name="Teach", exact=True)
    teach.get_by_role("button", name="Correct …").click()
    box = shown.get_by_label("What it should have said")
    expect(box).to_have_value(SAID)
    box.press("Control+End")
    box.press("Backspace")
    box.type("5")
    shown.get_by_role("button", name="Save the correction").click()
    expect(shown.locator(".toast")).to_contain_text("Corrected")
    assert [each.text for each in session.lessons() if each.text] == [SAID[:-1] + "5"]


def test_a_correction_of_a_stored_turn_begins_with_the_whole_turn(shown: Page, session: "Session") -> None:
    shown.keyboard.press("c")
    expect(shown.locator(".stop-where")).to_contain_text("At the end")
    shown.get_by_role("link", name="whole turn").click()
    shown.get_by_role("button", name="Correct …").click()
    expect(shown.get_by_label("What it should have said")).to_have_value(SAID)


def test_a_turn_too_long_for_a_box_is_corrected_from_nothing(
    page: Page, large: Path, serve: Callable[..., Studio]
) -> None:
    with Run.open(large) as run:
        rollout = run.rollouts()[0].id
        turn = list(run.turns(rollout))[1].id
        page.goto(f"{serve(large).url}#/run/{run.id}/rollout/{rollout}/turn/{turn}")
    page.get_by_role("button", name="Correct …").click()
    expect(page.locator(".teach [role=alert]")).to_contain_text("M characters, too many to edit here")
    expect(page.get_by_label("What it should have said")).to_have_value("")
    expect(page.get_by_role("button", name="Save the correction")).to_be_disabled()
