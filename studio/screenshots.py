"""Take the pictures of docs/studio: a run of the embedded model, and a session on a rollout of it that went wrong.

`python studio/screenshots.py [RUN]` takes some minutes; with a recorded run of `self_refine` fewer. Not covered:
whether the page works (`tests/graphs/studio/page`).
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tutelage.agents import ChatModel, connect
from tutelage.graphs import rollout, self_refine
from tutelage.graphs.studio import studio
from tutelage.tools import family_answer
from tutelage.tools.families import make_tasks
from tutelage.traces import Run

OUT = Path(__file__).resolve().parents[1] / "docs" / "studio"
CHROMIUM = "/usr/bin/chromium"
PATIENCE = 300_000
"""Milliseconds for a resampling on a slow machine."""
BOTH = ("light", "dark")

Do = Callable[[Page], object]


def record(model: ChatModel, path: Path) -> None:
    """Record a run."""
    tasks = make_tasks("arithmetic", 4, 60, 3)
    rollout(self_refine(model, 3), tasks, verifier=family_answer, store=path, progress=False).close()


def chosen(path: Path) -> tuple[str, str, str, str]:
    """Give the run's id, its longest rollout, that one's turn of most surprise, and another rollout."""
    with Run.open(path) as run:
        turns = {each.id: list(run.turns(each.id)) for each in run.rollouts()}
        longest, other = sorted(turns, key=lambda id: -len(turns[id]))[:2]
        surprising = min(turns[longest], key=lambda turn: min(turn.logprobs or (0.0,)))
        return run.id, longest, surprising.id, other


def shot(browser: Browser, url: str, name: str, theme: str, do: Do | None = None, width: int = 1440) -> None:
    """Take one picture."""
    context = browser.new_context(
        viewport={"width": width, "height": width * 5 // 8},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_timeout(1500)
    if do is not None:
        do(page)
        page.wait_for_timeout(800)
    page.screenshot(path=OUT / f"{name}-{theme}.png")
    context.close()


def keys(*pressed: str) -> Do:
    """Press keys one after the other."""

    def do(page: Page) -> None:
        for key in pressed:
            page.keyboard.press(key)
            page.wait_for_timeout(500)

    return do


def to_false_step(page: Page) -> None:
    """Stop where a verdict says wrong."""
    page.locator(".stop").wait_for()
    page.get_by_label("Condition").fill("verdict == 'wrong'")
    page.get_by_role("button", name="Add the breakpoint").click()
    page.locator(".breaks li").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Continue").click()
    page.locator(".stop-why", has_text="breakpoint").wait_for(timeout=PATIENCE)


def resampled(page: Page) -> None:
    """Resample from the first visit, twice, the second time cooler; then fork there, up to the prompt."""
    for name, temperature in (("as it was", ""), ("cooler", "0.5")):
        form = page.get_by_role("region", name="Resample")
        form.get_by_label("runs").fill("12")
        form.get_by_label("from").select_option("1")
        form.get_by_label("temperature").fill(temperature)
        form.get_by_label("name").fill(name)
        form.get_by_role("button", name="Resample").click()
        page.locator(".spread", has_text=name).wait_for(timeout=PATIENCE)
    page.locator(".visit").first.hover()
    page.get_by_role("button", name="Fork before visit 1", exact=True).click()
    page.locator(".stop-where", has_text="Before").wait_for(timeout=PATIENCE)
    page.get_by_role("group", name="Go on").get_by_role("button", name="Step").click()
    page.locator(".prompt-panel").wait_for(timeout=PATIENCE)
    page.get_by_role("region", name="Resample").scroll_into_view_if_needed()


def pictures(browser: Browser, url: str, run: str, longest: str, turn: str, other: str) -> None:
    """Take all pictures."""
    base = f"{url}#/run/{run}"
    for theme in BOTH:
        shot(browser, base, "overview", theme)
        shot(browser, f"{base}/rollouts?filter=rounds>0&sort=-turns", "rollouts", theme)
        shot(browser, f"{base}/rollout/{longest}/turn/{turn}", "rollout", theme, keys("c", "s"), 1600)
    shot(browser, f"{base}/compare/{longest}/{other}", "compare", "light")
    shot(browser, base, "help", "light", keys("?"))

    def begin(page: Page) -> None:
        page.get_by_role("button", name="Debug this").click()
        to_false_step(page)

    shot(browser, f"{base}/rollout/{longest}", "session", "light", begin, 1600)
    shot(browser, f"{url}#/session", "session", "dark", width=1600)
    shot(browser, f"{url}#/session", "resample", "light", resampled, 1600)
    shot(browser, f"{url}#/session", "resample", "dark", keys("e"), 1600)


def main() -> int:
    """Take them."""
    OUT.mkdir(parents=True, exist_ok=True)
    given = [Path(each).resolve() for each in sys.argv[1:2]]
    with TemporaryDirectory() as scratch, chdir(scratch), ThreadPoolExecutor() as apart:
        path = Path("runs/arithmetic")
        model = connect("embedded+transformers")
        if given:
            copytree(given[0], path)
        else:
            apart.submit(record, model, path).result()
        ids = chosen(path)
        with (
            studio(path, port=0, graph=self_refine(model, 3), verifier=family_answer) as opened,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            pictures(browser, opened.url, *ids)
            browser.close()
        model.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
