import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tutelage.agents import ChatModel, connect, scripted
from tutelage.graphs import debug, rollout, self_refine
from tutelage.graphs.studio import studio
from tutelage.graphs.studio.serving import Studio
from tutelage.tools import exact, family_answer
from tutelage.tools.families import make_tasks
from tutelage.traces import Run, Store
from tutelage.types import Sampling, Score, Task

CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=20_000)

HOSTILE = (
    "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    "</script><b id=made>bold</b>\nabc\u202edef\u2066\u200b\x1b[31mred\x07\x00 &amp; ${1} {{2}}"
)
LARGE = 10_000_000


def say(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
    """A solver that adds one too much unless told to be careful, a reviewer that sees it, a refiner that mends it."""
    prompt = str(messages[-1]["content"])
    if "Rewrite the solution" in prompt:
        return "2+3=5\nanswer: 5"
    if "Check every step" in prompt:
        return "1: no\nverdict: wrong at step 1" if "answer: 6" in prompt else "1: ok\nverdict: right"
    return "2+3=5\nanswer: 5" if "carefully" in prompt else "2+3=6\nanswer: 6"


def adding() -> ChatModel:
    return scripted(say)


ADD = Task(id="add", problem="Compute 2 + 3.", reference="5")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file only: while it is open, Playwright's loop runs in this thread, and no other can."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which nothing may go wrong unseen: no error of script or policy, no request that leaves the machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, permissions=["clipboard-write"])
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on(
        "console", lambda message: wrong.append(message.text) if _counts(message.type, message.text) else None
    )
    opened.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    opened.on("request", lambda request: wrong.append(request.url) if not _local(request.url) else None)
    yield opened
    context.close()
    assert wrong == []


def _counts(kind: str, text: str) -> bool:
    return kind == "error" and not re.search(r"status of 4\d\d|ERR_CONNECTION_REFUSED", text)


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "file:"))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tasks, refined by the embedded model, greedily."""
    path = tmp_path_factory.mktemp("runs") / "greedy"
    greedy = Sampling(temperature=0.0, max_tokens=96, logprobs=True)

    def record() -> None:
        model = connect("embedded+transformers", sampling=greedy)
        try:
            tasks = make_tasks("arithmetic", 4, 12, 3)
            rollout(self_refine(model, 2), tasks, verifier=family_answer, store=path, progress=False).close()
        finally:
            model.close()

    with ThreadPoolExecutor() as apart:  # Playwright keeps a loop running in this thread
        apart.submit(record).result()
    return path


def write(path: Path, texts: Sequence[str], *, count: int = 1) -> Path:
    """A run of `count` rollouts, each of which says these texts one after the other."""
    with Store.open(path) as store, store.start_run({"graph": "by hand"}) as run:
        for number in range(count):
            recorder = run.begin(Task(id=f"task-{number}", problem="What is it?", reference="1"), 0)
            before: list[str] = []
            for text in texts:
                turn = recorder.turn(
                    role="solver",
                    node="solver",
                    messages=({"role": "user", "content": "What is it?"},),
                    completion=text,
                    sampling=Sampling(),
                    model="scripted",
                    policy="none",
                    started=time.time(),
                    seconds=0.01,
                    parents=before,
                )
                before = [turn.id]
            recorder.score(Score(name="exact", value=float(number % 2), passed=number % 2 == 1))
            recorder.finish(answer=str(number % 7))
    return path


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One rollout of a hostile turn and one of ten million characters."""
    lines = "".join(
        f"line {number} says something that goes on for a while\n" for number in range(LARGE // 49)
    )
    return write(tmp_path_factory.mktemp("runs") / "large", [HOSTILE, lines])


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("runs") / "many", ["1"], count=1200)


@pytest.fixture
def serve() -> Iterator[Callable[..., Studio]]:
    opened: list[Studio] = []

    def make(*shown: Any, **settings: Any) -> Studio:
        opened.append(studio(*shown, port=0, **settings))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def greedy(recorded: Path, serve: Callable[..., Studio]) -> tuple[str, str]:
    """Where the recorded run is shown, and what the run is called there."""
    with Run.open(recorded) as run:
        return serve(recorded).url, run.id


@pytest.fixture
def debugged(page: Page, serve: Callable[..., Studio], tmp_path: Path) -> Iterator[Page]:
    """A session on the sum that goes wrong at first, open on its page."""
    with debug(self_refine(adding(), 2), ADD, verifier=exact, store=tmp_path / "session") as session:
        opened = serve(session)
        page.goto(f"{opened.url}#/session")
        page.wait_for_selector(".stop")
        yield page
        page.goto("about:blank")
        opened.close()
