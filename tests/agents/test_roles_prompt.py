from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.agents import Prompt, Reviewer, scripted
from tutelage.errors import UserError

NAMES = ["judge", "refiner", "reviewer", "solver", "solver_hinted", "teacher_correct", "teacher_hint"]


@pytest.mark.parametrize("name", NAMES)
def test_the_packaged_prompts_have_a_problem_and_no_newline_at_the_end(name: str) -> None:
    prompt = Prompt.load(name)
    assert "problem" in prompt.fields
    assert not prompt.text.endswith("\n")


@settings(deadline=None)
@given(st.text(), st.text())
def test_what_is_filled_in_is_never_read_again(problem: str, solution: str) -> None:
    filled = Prompt("own", "a {problem} b {solution} c").render(problem=problem, solution=solution)
    assert filled == f"a {problem} b {solution} c"
    assert Prompt("own", "{problem}").render(problem="{solution}", solution="x") == "{solution}"


def test_other_braces_are_text_and_double_ones_are_a_literal_field() -> None:
    text = r"{problem}: write \boxed{} or \frac{1}{2} or {X}, not {{answer}}"
    assert Prompt("own", text).render(problem="p") == r"p: write \boxed{} or \frac{1}{2} or {X}, not {answer}"
    assert Prompt("own", text).fields == {"problem"}


def test_a_field_without_a_value_is_named() -> None:
    with pytest.raises(UserError, match=r"'own' has the field \{review\}"):
        Prompt("own", "{review}").render(problem="p")


async def test_a_users_file_is_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "strict.md"
    file.write_text("Be strict.\n{solution}\n\n")
    seen: list[str] = []

    def script(messages: object, sample: int) -> str:
        seen.append(messages[-1]["content"])  # type: ignore[index]
        return "verdict: right"

    await Reviewer(scripted(script), prompt=file).review("p", "1+1=2")
    assert seen == ["Be strict.\n1+1=2"]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe{solution}"])
def test_a_file_that_holds_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "p.md"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"p\.md"):
        Prompt.load(file)


@pytest.mark.parametrize("source", ["nonesuch", "missing/file.md"])
def test_a_prompt_that_does_not_exist_is_told_so(source: str) -> None:
    with pytest.raises(UserError, match=source):
        Prompt.load(source)


@pytest.mark.parametrize(("text", "field"), [("{solution} {hint}", "hint"), ("{problem}", "solution")])
def test_a_role_refuses_a_prompt_that_does_not_fit(tmp_path: Path, text: str, field: str) -> None:
    file = tmp_path / "p.md"
    file.write_text(text)
    with pytest.raises(UserError, match=field):
        Reviewer(scripted(["x"]), prompt=file)
