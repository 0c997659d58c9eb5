import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tutelage.traces import Run

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Recorded, Sentence

MODEL = f"{Path(__file__).parent.parent / 'speaking_model.py'}:slow_model"


def test_a_page_is_saved(tutelage: "Command", recorded: "Recorded", tmp_path: Path) -> None:
    code, out, _ = tutelage("studio", recorded.path, "--save", "page.html", "--json")
    assert code == 0
    assert json.loads(out) == {"path": "page.html", "bytes": (tmp_path / "page.html").stat().st_size}
    code, out, _ = tutelage("studio", recorded.path, "--save", "one.html", "--rollout", recorded.rollout)
    assert (code, out) == (0, "saved in one.html\n")
    assert (tmp_path / "one.html").stat().st_size <= (tmp_path / "page.html").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "say what to show"),
        (["nowhere"], "no run and no directory 'nowhere'"),
        (["runs/first", "--save", "page.pdf"], "ends with .html"),
        (["--save", "page.html"], "writes one run"),
        (["runs/first", "--rollout", "abc"], "belongs to --save"),
        (["runs/first", "--host", "256.1.1.1"], "cannot listen at 256.1.1.1"),
        (
            ["runs/first", "--save", "nowhere/page.html"],
            "cannot be written to 'nowhere/page.html': no such file",
        ),
        (["runs/first", "--save", "page.html", "--rollout", "abcd"], "no turn, rollout or task"),
        (["--task", "no such task"], ""),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    tutelage: "Command", sentence: "Sentence", recorded: "Recorded", arguments: list[str], expected: str
) -> None:
    if expected:
        assert expected in sentence(tutelage("studio", *arguments))


@contextmanager
def open_studio(cwd: Path, *arguments: str, stop: int = signal.SIGINT) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-P", "-m", "tutelage", "studio", *arguments, "--port", "0", "--json"]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        yield json.loads(line)
        process.send_signal(stop)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_studio_opens_answers_and_closes_cleanly(recorded: "Recorded", tmp_path: Path, stop: int) -> None:
    with open_studio(tmp_path, "runs", stop=stop) as told:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", told["url"])
        (row,) = get(f"{told['url']}api/runs")
        assert (row["id"], row["done"]) == (recorded.id, 1)
        stream = urllib.request.urlopen(f"{told['url']}api/runs/{row['id']}/events", timeout=60)
        assert stream.readline() == b"event: changed\n"
    stream.close()


@pytest.mark.slow
def test_a_wider_address_asks_for_its_token(recorded: "Recorded", tmp_path: Path) -> None:
    with open_studio(tmp_path, "runs", "--host", "0.0.0.0") as told:
        assert "?token=" in told["url"]
        local, token = f"http://127.0.0.1:{told['port']}/", str(told["url"]).partition("?token=")[2]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{local}api/runs")
        request = urllib.request.Request(f"{local}api/runs", headers={"Authorization": f"Bearer {token}"})
        assert get(request)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_session_is_begun_from_the_command_and_from_the_page(tmp_path: Path) -> None:
    made = ["run", "arithmetic:1:2:3", "--model", MODEL, "--store", "runs/made", "--quiet"]
    subprocess.run(
        [sys.executable, "-P", "-m", "tutelage", *made], cwd=tmp_path, check=True, capture_output=True
    )
    with open_studio(tmp_path, "runs/made", "--model", MODEL) as told:
        api = f"{told['url']}api"
        (row,) = get(f"{api}/runs")
        rollout = get(f"{api}/runs/{row['id']}/rollouts")["rows"][0]["id"]
        body = json.dumps({"run": row["id"], "rollout": rollout}).encode()
        kind = {"Content-Type": "application/json"}
        begun = get(urllib.request.Request(f"{api}/sessions", data=body, headers=kind))  # type: ignore[arg-type]
        assert begun["session"]["stop"]["when"] == "before"
        ran = urllib.request.Request(f"{api}/session/run?wait=30", data=b"{}", headers=kind)
        assert get(ran)["session"]["status"] == "done"  # type: ignore[arg-type]
    (kept,) = (tmp_path / "runs").glob("debug-*")
    with Run.open(kept) as run:
        assert [each.status for each in run.rollouts()] == ["done"]
    with open_studio(tmp_path, "--task", str(kept.relative_to(tmp_path)), "--model", MODEL) as told:
        assert get(f"{told['url']}api/session")["status"] == "done"


@pytest.mark.slow
def test_the_studio_is_there_at_once(recorded: "Recorded", tmp_path: Path) -> None:
    began = time.monotonic()
    with open_studio(tmp_path, "runs") as told:
        get(f"{told['url']}api/runs")
        assert time.monotonic() - began < 20
