import sys
from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.tools import exact, family_answer, make_tasks, math_answer, step_checker
from tutelage.tools.naming import READY, verifier_named
from tutelage.types import Task

FAMILY = make_tasks("arithmetic", 1, 2, 0)
OTHER = Task(id="1", problem="2+2", reference="4")


def test_families_are_judged_by_their_own_check_and_others_as_mathematics() -> None:
    assert verifier_named(None, FAMILY) is family_answer
    assert verifier_named(None, [*FAMILY, OTHER]) is math_answer


def test_a_verifier_is_found_by_its_name_or_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert verifier_named("step_checker", [OTHER]) is step_checker
    assert verifier_named("tutelage.tools.exact:exact", []) is exact
    file = tmp_path / "judges_of_mine.py"
    file.write_text("from tutelage.tools import exact as mine\n", encoding="utf-8")
    assert verifier_named(f"{file}:mine", []) is exact
    assert {name: each.name for name, each in READY.items()} == {name: name for name in READY}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("exactt", "did you mean 'exact'"),
        ("Exact", "did you mean 'exact'"),
        ("nowhere:exact", "importing 'nowhere' fails"),
        ("json:nothing", "has no 'nothing'"),
        ("json:loads", "is no verifier"),
        ("tutelage.tools:Exact", "is no verifier"),
    ],
)
def test_no_verifier_is_one_clear_error(name: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        verifier_named(name, [])
