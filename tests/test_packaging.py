import ast
import importlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "tutelage"
ROOMS = ("agents", "graphs", "tools", "traces", "training")
DOORS = json.loads((Path(__file__).parent / "public_doors.json").read_text("utf-8"))


def written_names(door: Path) -> list[str]:
    """The literal `__all__` of a door."""
    for node in ast.parse(door.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            assert isinstance(names, list)
            return names
    raise AssertionError(f"{door} has no literal __all__")


@pytest.mark.parametrize("room", ROOMS)
def test_a_link_in_the_package_points_at_its_room(room: str) -> None:
    link = PACKAGE / room
    assert link.is_symlink()
    assert link.resolve() == ROOT / room


@pytest.mark.parametrize("door", sorted(DOORS))
def test_a_door_offers_what_is_pinned_and_all_of_it_loads(door: str) -> None:
    module = importlib.import_module(door)
    assert sorted(module.__all__) == DOORS[door]
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing


def test_every_room_has_a_pinned_door() -> None:
    assert set(DOORS) == {"tutelage", *(f"tutelage.{room}" for room in ROOMS)}


@pytest.mark.parametrize("door", [PACKAGE, *(ROOT / room for room in ROOMS)], ids=lambda path: path.name)
def test_a_door_lists_its_names_literally_and_sorted(door: Path) -> None:
    names = written_names(door / "__init__.py")
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def package_files(tree: Path) -> set[str]:
    """Every file of the package in a checkout, by its path in a wheel."""
    package = tree / "src" / "tutelage"
    return {
        path.relative_to(tree / "src").as_posix()
        for folder in (package, *(package / room for room in ROOMS))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.slow
def test_a_wheel_holds_every_module_and_every_data_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("src", *ROOMS):
        unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=unwanted)
    build = [
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([sys.executable, *build, str(tree)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert not package_files(tree) - held
    assert {name.split("/")[0] for name in held if ".dist-info" not in name} == {"tutelage"}
