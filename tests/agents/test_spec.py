"""What `connect` would be given is checked without starting anything, by the same reading."""

from pathlib import Path

import pytest

from tutelage.agents import check_spec, embedded_directory
from tutelage.agents.spec import KINDS, PACKAGED, kind_of
from tutelage.errors import ModelDirectoryError, UserError


def test_the_directory_of_weights_on_this_machine_is_given(tiny: Path) -> None:
    for spec in PACKAGED:
        found = check_spec(spec)
        assert found is not None and found.path == embedded_directory().resolve()
    for spec in (f"vllm:{tiny}", f"transformers:{tiny}"):
        found = check_spec(spec, seed=3)
        assert found is not None and found.path == tiny.resolve()
    for spec in ("http://127.0.0.1:9/v1", "https://nobody/v1#model", "replay:runs/nowhere"):
        assert check_spec(spec) is None


@pytest.mark.parametrize(
    ("spec", "settings"),
    [
        ("embedded", {"speed": 1}),
        ("embedded+vllm", {"batch_size": 4}),
        ("http://127.0.0.1:9/v1", {"seed": 1}),
        ("replay:runs/nowhere", {"patience": -1}),
        ("http:", {}),
        ("https://", {}),
        ("vllm", {}),
    ],
)
def test_what_connect_would_refuse_is_refused(spec: str, settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match="connect"):
        check_spec(spec, **settings)


def test_a_broken_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDirectoryError, match=r"config\.json"):
        check_spec(f"transformers:{tmp_path}")


def test_every_kind_is_known_by_its_spec() -> None:
    assert {kind_of(f"{kind}://somewhere") for kind in KINDS} == set(KINDS)
    assert kind_of("mine.py:model") is None
