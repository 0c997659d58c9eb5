"""An appraisal as files: `evaluation.json`, which is read again without an engine, `table.md` and `page.html`.

The JSON holds every attempt and every figure; figures are computed anew when it is read. Not covered: the runs.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tutelage import __version__
from tutelage.errors import UserError
from tutelage.training.appraisal.appraisal import Appraisal

__all__ = ["FILE", "read_appraisal", "write_appraisal"]

FILE = "evaluation.json"
FORMAT = "tutelage.evaluation"
VERSION = 1


def write_appraisal(appraisal: Appraisal, folder: str | Path, *, title: str | None = None) -> Path:
    """Write the three files; files of an earlier call are replaced.

    Args:
        appraisal: what to write.
        folder: where; made if it is not there.
        title: the page's heading; `None`: the subject's name.

    Returns:
        The folder.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    from tutelage.training.report.appraisal_page import appraisal_page

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    told = {
        "format": FORMAT,
        "version": VERSION,
        "tutelage": __version__,
        "appraisal": appraisal.model_dump(mode="json"),
        "figures": [row.model_dump(mode="json") for row in appraisal.rows],
        "curves": {
            each.name: [point.model_dump(mode="json") for point in each.curve]
            for each in (appraisal.subject, *(arm.evaluation for arm in appraisal.arms))
            if each.curve
        },
        "missing": list(appraisal.missing),
    }
    text = json.dumps(told, ensure_ascii=True, indent=1)
    page = appraisal_page(appraisal, title or f"Evaluation of {appraisal.subject.name}")
    for name, content in ((FILE, text + "\n"), ("table.md", f"{appraisal}\n"), ("page.html", page)):
        _replace(place / name, content)
    return place


def read_appraisal(folder: str | Path) -> Appraisal:
    """Read what `write_appraisal` wrote; a folder, or the JSON file itself.

    Raises:
        UserError: there is none, or it is of another format or version.
    """
    place = Path(folder)
    file = place / FILE if place.is_dir() else place
    try:
        told: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{str(file)!r} is no evaluation that can be read: {error}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UserError(f"{str(file)!r} is no evaluation; write one with: tutelage evaluate ... --out DIR")
    if told.get("version") != VERSION:
        raise UserError(
            f"{str(file)!r} has version {told.get('version')!r}, this Tutelage reads {VERSION}; evaluate anew"
        )
    return _checked(lambda: Appraisal.model_validate(told.get("appraisal")), file)


def _checked(read: Callable[[], Appraisal], file: Path) -> Appraisal:
    try:
        return read()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{str(file)!r} is damaged at {place!r}: {first['msg']}; evaluate anew") from error


def _replace(file: Path, text: str) -> None:
    """Write a file that is whole or as it was."""
    making = file.with_name(f".{file.name}.making")
    making.write_text(text, encoding="utf-8", errors="backslashreplace")
    making.replace(file)
