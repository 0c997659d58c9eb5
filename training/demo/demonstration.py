"""`tutelage demo`: the experiment at a size for a coffee break, as a table in the terminal and as one page."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tutelage.agents import connect
from tutelage.training.demo.experiment import Experiment, LoopSettings, Outcome
from tutelage.training.demo.numbers import numbers
from tutelage.training.demo.table import methods_table
from tutelage.training.embedded.heldout import SAMPLING
from tutelage.training.report import story_of, write_page

__all__ = ["DEMO", "run_demo"]

DEMO = LoopSettings(heldout_per_family=100, controls=False)
"""Small enough for eight minutes on two cores."""

NOTES: Mapping[str, str] = {
    "Model": "the embedded model, trained from scratch for this project, at the end on solutions of mixed quality: "
    "it is sampled, and slips more than it must; it plays every role",
    "Tasks": "held out by a hash of the problem; neither the model nor the fine-tuning has met them",
    "magicore": "MAgICoRe; outcome and step scores from exact step checks, which see the problem, not the reference",
    "vote": "majority vote with as many samples as MAgICoRe's bill buys",
    "after_sft": "one shot with the weights fine-tuned on MAgICoRe's verified solutions of training tasks",
    "Tokens": "read and written by all roles, a task; a prompt is counted once for all its samples",
}


def run_demo(
    out: str | Path,
    *,
    model: str = "embedded",
    settings: LoopSettings = DEMO,
    say: Callable[[str], None] = print,
    progress: bool = True,
) -> dict[str, Any]:
    """Run the whole loop and tell it.

    Args:
        out: the folder of its runs, its policy and its page; the same folder continues.
        model: what `connect` takes, over the embedded model's tasks.
        settings: how large.
        say: where the table and the milestones go.
        progress: show bars on standard error.

    Returns:
        The numbers of the table, as plain data, with the page's path.
    """
    folder = Path(out)
    say(f"starting {model}")
    chat = connect(model, sampling=SAMPLING, seed=settings.seed)
    try:
        outcome = Experiment(chat, folder, settings, say, progress=progress).run()
    finally:
        chat.close()
    say("")
    say(methods_table(outcome))
    page = tell(outcome, folder / "report.html")
    say(f"\nThe page: {page}\nThe better policy: {outcome.policy}")
    return {**numbers(outcome), "page": str(page), "policy": str(outcome.policy)}


def tell(outcome: Outcome, path: Path) -> Path:
    """Write the page."""
    with outcome.loop as loop:
        return write_page(
            path,
            "Tutelage: the loop closes",
            comparison=outcome.comparison,
            methods=list(outcome.methods.values()),
            stories=[story_of(loop)],
            notes=NOTES,
        )
