import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tutelage.graphs.debugging.teaching import lessons
from tutelage.graphs.studio.serving import Studio
from tutelage.traces import Run, Turn

pytestmark = pytest.mark.slow

Serve = Callable[..., Studio]


@pytest.fixture
def turns(recorded: Path) -> list[Turn]:
    """Those of the rollout with the most turns."""
    with Run.open(recorded) as run:
        return max((list(run.turns(each.id)) for each in run.rollouts()), key=len)


@pytest.fixture
def opened(page: Page, greedy: tuple[str, str], turns: list[Turn]) -> Iterator[Page]:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollout/{turns[0].rollout_id}")
    page.locator(".turn-row.chosen").wait_for()
    page.locator(".completion").wait_for()
    yield page


def test_a_link_opens_at_its_turn(page: Page, greedy: tuple[str, str], turns: list[Turn]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollout/{turns[0].rollout_id}/turn/{turns[1].id}")
    expect(page.locator(".turn-head h2")).to_have_text("reviewer")
    expect(page.locator(".completion")).to_contain_text(turns[1].completion.splitlines()[0])
    assert page.locator(".turn-row.chosen").count() == 1


def test_keys_go_from_turn_to_turn_and_the_address_follows(opened: Page, turns: list[Turn]) -> None:
    opened.keyboard.press("j")
    expect(opened).to_have_url(re.compile(turns[1].id))
    expect(opened.locator(".turn-head h2")).to_have_text("reviewer")
    opened.keyboard.press("k")
    expect(opened).to_have_url(re.compile(turns[0].id))


def test_lineage_leads_to_parents_and_children_and_back(opened: Page, turns: list[Turn]) -> None:
    opened.get_by_role("heading", name="Led to").locator("..").get_by_role("link").first.click()
    expect(opened).to_have_url(re.compile(turns[1].id))
    opened.keyboard.press("p")
    expect(opened).to_have_url(re.compile(turns[0].id))
    opened.go_back()
    expect(opened).to_have_url(re.compile(turns[1].id))


def test_tokens_are_coloured_and_tell_their_probability(opened: Page, turns: list[Turn]) -> None:
    opened.keyboard.press("c")
    opened.locator(".token-box .token").first.wait_for()
    ids, logprobs = turns[0].completion_token_ids, turns[0].logprobs
    assert ids is not None and logprobs is not None
    assert opened.locator(".token-box .token").count() == len(ids)
    worst = min(range(len(ids)), key=lambda place: logprobs[place])
    opened.keyboard.press("s")
    expect(opened.locator(".token.at")).to_have_attribute("data-token", str(worst))
    expect(opened.locator(".token-facts")).to_contain_text(f"{logprobs[worst]:.4f}")
    opened.locator('[data-token="0"]').hover()
    expect(opened.locator(".token-facts")).to_contain_text(f"id\n{ids[0]}", use_inner_text=True)
    opened.locator(".token-box").focus()
    opened.keyboard.press("ArrowRight")
    expect(opened.locator(".token.at")).to_have_attribute("data-token", "1")


def test_the_prompt_is_shown_as_it_was_rendered(opened: Page) -> None:
    expect(opened.locator(".message")).to_contain_text("Problem: Compute")
    opened.keyboard.press("r")
    expect(opened.locator(".part").first).to_contain_text("<|user|>")
    opened.get_by_role("button", name="messages").click()
    expect(opened.locator(".message")).to_be_visible()


def test_a_node_of_the_graph_shows_its_turns(opened: Page, turns: list[Turn]) -> None:
    opened.get_by_role("button", name=re.compile("^refiner")).click()
    expect(opened.locator(".turn-head h2")).to_have_text("refiner")
    others = [turn for turn in turns if turn.node != "refiner"]
    assert opened.locator(".turn-row.dim").count() == len(others)
    assert opened.locator(".graph .edge.taken").count() == 5


def test_a_turn_is_accepted_and_corrected(page: Page, tmp_path: Path, recorded: Path, serve: Serve) -> None:
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / "run.sqlite").write_bytes((recorded / "run.sqlite").read_bytes())
    with Run.open(copied) as run:
        rollout, name = run.rollouts()[0].id, run.id
    page.goto(f"{serve(copied).url}#/run/{name}/rollout/{rollout}")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".toast")).to_contain_text("Accepted")
    page.get_by_role("button", name="Correct …").click()
    page.get_by_label("What it should have said").fill("1+1=2\nanswer: 2")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.locator(".toast")).to_contain_text("Corrected")
    with Run.open(copied) as run:
        said = {(each.kind, each.text) for each in lessons(run)}
    assert ("correct", "1+1=2\nanswer: 2") in said


def test_what_is_not_there_is_told(page: Page, greedy: tuple[str, str]) -> None:
    url, run = greedy
    page.goto(f"{url}#/run/{run}/rollout/nothing")
    expect(page.get_by_role("alert")).to_contain_text("nothing")
    page.goto(f"{url}#/elsewhere")
    expect(page.get_by_text("There is no such page")).to_be_visible()
