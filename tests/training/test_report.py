import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.traces import Run, TokenCount
from tutelage.training import Comparison, Evaluation, Story, page, story_of, write_page
from tutelage.training.evaluation import Attempt
from tutelage.training.report import Attempted, Moment, Step
from tutelage.types import Task

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m & \"'$x$"


def evaluation(name: str, right: int, family: str = "fam") -> Evaluation:
    attempts = tuple(
        Attempt(task_id=str(at), family=f"{family} {at % 2}", passed=at < right) for at in range(20)
    )
    tokens = {"solver": TokenCount(prompt=1000, completion=600, turns=20, unknown=0)}
    return Evaluation(name=name, verifier="exact", attempts=attempts, tokens=tokens)


@pytest.fixture
def compared() -> Comparison:
    return Comparison.of(evaluation("plain", 8), evaluation("distilled", 15))


def test_the_page_says_the_result_in_one_sentence(compared: Comparison) -> None:
    text = re.sub(r"<[^>]+>", "", page("Better", comparison=compared))
    assert "distilled is better than plain by 35.0 points on the same 20 tasks" in text


def test_a_difference_that_may_be_chance_is_called_so() -> None:
    text = page("Equal", comparison=Comparison.of(evaluation("a", 8), evaluation("b", 9)))
    assert "may be equally good" in text


def test_the_page_needs_neither_network_nor_script(compared: Comparison, refined: Run) -> None:
    text = page("Better", comparison=compared, stories=[story_of(refined)])
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\((?!#)|\bon\w+=", text)
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in text


def test_foreign_text_is_escaped_everywhere() -> None:
    hostile = Comparison.of(evaluation(HOSTILE, 8, HOSTILE), evaluation(f"after {HOSTILE}", 15, HOSTILE))
    story = Story(
        task=Task(id="x", problem=HOSTILE, reference=HOSTILE, family=HOSTILE),
        moments=(
            Moment(HOSTILE, (Attempted((Step(HOSTILE, 0.5),), HOSTILE, False, True),)),
            Moment(HOSTILE, text=HOSTILE),
        ),
        answer=HOSTILE,
        passed=False,
        source=HOSTILE,
    )
    text = page(HOSTILE, comparison=hostile, stories=[story], notes={HOSTILE: HOSTILE})
    assert "<script" not in text
    assert "\u202e" not in text and "\x1b" not in text
    assert "⟨U+202E⟩" in text


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_written(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    story = Story(task=Task(id="x", problem=text), moments=(Moment("solver", text=text),), answer=text)
    path = write_page(tmp_path_factory.mktemp("page") / "page.html", text, stories=[story])
    assert path.read_text(encoding="utf-8").endswith("</html>\n")


def test_figures_take_the_pages_colours(compared: Comparison) -> None:
    text = page("Better", comparison=compared)
    assert text.count("<svg") == 6
    figures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "var(--after)" in figures
    assert not re.search(r"#[0-9a-f]{6}", figures)


def test_the_same_data_give_the_same_page(compared: Comparison) -> None:
    assert page("Better", comparison=compared) == page("Better", comparison=compared)


def test_a_story_tells_how_wrong_became_right(refined: Run) -> None:
    story = story_of(refined)
    assert [moment.role for moment in story.moments] == ["solver", "reviewer", "refiner", "reviewer"]
    assert story.moments[0].attempts[0].passed is False
    assert story.moments[1].text == "verdict: wrong at step 1"
    assert story.moments[2].attempts[0].passed is True
    assert story.moments[3].text == "verdict: right"
    assert story.passed is True


def test_a_story_of_no_rollout_is_refused(refined: Run) -> None:
    with pytest.raises(UserError, match="nowhere"):
        story_of(refined, "nowhere")


def test_an_empty_page_is_refused() -> None:
    with pytest.raises(UserError):
        page("Nothing")


def test_the_page_is_one_file(compared: Comparison, tmp_path: Path) -> None:
    write_page(tmp_path / "out" / "page.html", "Better", comparison=compared)
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == ["page.html"]
