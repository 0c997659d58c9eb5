import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<skip><!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks_of(document: Path) -> list[dict[str, object]]:
    """The blocks to run, in order: Python, and console blocks."""
    text = document.read_text("utf-8")
    return [
        {
            "file": str(document),
            "line": (line := text[: match.start("text")].count("\n")),
            "where": f"{name_of(document)}:{line + 1}",
            "kind": match["kind"],
            "text": match["text"],
        }
        for match in FENCE.finditer(text)
        if match["kind"] in ("python", "console") and match["skip"] is None
    ]


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_code_of_a_document_runs(document: Path, tmp_path: Path) -> None:
    blocks = tmp_path / "blocks.json"
    blocks.write_text(json.dumps(blocks_of(document)), "utf-8")
    place = tmp_path / "empty"
    place.mkdir()
    runner = [sys.executable, "-P", str(Path(__file__).with_name("run_blocks.py")), str(blocks)]
    done = subprocess.run(runner, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=name_of
)
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text("utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]
