import re
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tutelage.agents import ChatModel
from tutelage.graphs import self_refine
from tutelage.tools import family_answer
from tutelage.training import Appraisal, Arm, Evaluation, appraise, write_appraisal
from tutelage.training.appraisal.origin import Origin
from tutelage.types import Task

CHROMIUM = "/usr/bin/chromium"
HOSTILE = "<script>document.title='taken'</script>\u202e\x1b[31m|`*_ & \"'$x$"
OVERLAPS = """() => [...document.querySelectorAll('svg')]
  .filter(svg => svg.getBoundingClientRect().width > 0)
  .flatMap(svg => {
    const boxes = [...svg.querySelectorAll('text')].map(each => [each.textContent, each.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
      .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
      .map(([other]) => one + ' / ' + other));
  })"""


@pytest.fixture
def appraisal(model: ChatModel, drawn: list[Task]) -> Appraisal:
    graph = self_refine(model, 2)
    found = appraise(
        graph,
        drawn[:6],
        model=model,
        verifier=family_answer,
        name="loop",
        before=model,
        other=drawn[6:],
        origin=Origin(objective="grpo", families=("arithmetic",), curriculum="window"),
        progress=False,
    )
    control = found.subject.model_copy(update={"name": HOSTILE})
    return found.with_arms([Arm(kind="control", evaluation=control, note=HOSTILE)])


def test_every_part_is_on_the_page(appraisal: Appraisal, tmp_path: Path) -> None:
    text = (write_appraisal(appraisal, tmp_path) / "page.html").read_text("utf-8")
    headings = re.findall(r"<h2><bdi>(.*?)</bdi></h2>", text)
    assert headings == [
        "What is not shown",
        "Accuracy and what it costs",
        "The claim minus its baselines and controls",
        "pass@k",
        "First and final solution",
        "Verdicts",
        "What reviews repair",
        "What was forgotten",
        "How it was measured",
    ]
    assert "no entropy-only control" in text and "curriculum" in text


def test_foreign_text_is_harmless_in_page_and_table(appraisal: Appraisal, tmp_path: Path) -> None:
    folder = write_appraisal(appraisal, tmp_path, title=HOSTILE)
    page, table = (folder / "page.html").read_text("utf-8"), (folder / "table.md").read_text("utf-8")
    assert "<script" not in page and "\u202e" not in page and "\x1b" not in page
    assert "\u202e" not in table and "\x1b" not in table
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {11}


def test_a_lone_evaluation_has_a_page_of_its_own(appraisal: Appraisal, tmp_path: Path) -> None:
    attempts = appraisal.subject.attempts[:1]
    lone = Appraisal(subject=Evaluation(name="lone", verifier="exact", attempts=attempts))
    text = (write_appraisal(lone, tmp_path) / "page.html").read_text("utf-8")
    assert "is right on" in text and "minus" not in text


@pytest.mark.slow
def test_the_page_fits_and_nothing_on_it_overlaps(appraisal: Appraisal, tmp_path: Path) -> None:
    folder = write_appraisal(appraisal, tmp_path)
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for width in (800, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.on("console", lambda message: wrong.append(message.text))
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(f"file://{folder / 'page.html'}")
            assert page.title() != "taken"
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.evaluate(OVERLAPS) == []
        browser.close()
    assert wrong == []
