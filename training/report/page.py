"""The page: one HTML file with everything in it.

It asks for no network and runs no script; a content security policy in its head makes browsers hold it to
that. All foreign text is escaped. Not covered: pages about a claim and all its arms (`appraisal_page`).
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from tutelage import __version__
from tutelage.errors import UserError
from tutelage.training.report.sections import (
    comparison_section,
    families_section,
    lead,
    methods_section,
    notes_section,
)
from tutelage.training.report.story import Story
from tutelage.training.report.storytelling import story_section
from tutelage.training.report.text import shown

if TYPE_CHECKING:
    from tutelage.training.comparison import Comparison
    from tutelage.training.evaluation import Evaluation

__all__ = ["assembled", "page", "write_page"]


def page(
    title: str,
    *,
    comparison: "Comparison | None" = None,
    methods: Sequence["Evaluation"] = (),
    stories: Sequence[Story] = (),
    notes: Mapping[str, str] | None = None,
) -> str:
    """Make the page.

    Args:
        title: its heading.
        comparison: before and after; its second side stands out among the methods, by name.
        methods: evaluations to show side by side; `None` of them: the two sides of the comparison.
        stories: rollouts to tell, from `story_of`.
        notes: how it was measured, term by term.

    Returns:
        HTML, to be written as UTF-8.

    Raises:
        UserError: there is nothing to show.
        MissingDependency: matplotlib is not installed.
    """
    if comparison is None and not methods and not stories:
        raise UserError("a page needs a comparison, methods or stories to show")
    parts = [lead(comparison)] if comparison else []
    sides = list(methods) or ([comparison.before, comparison.after] if comparison else [])
    if sides:
        parts.append(methods_section(sides, comparison.after.name if comparison else None))
    if comparison:
        parts += [comparison_section(comparison), families_section(comparison)]
    parts += [story_section(story) for story in stories]
    parts.append(notes_section({**_measured(comparison), **(notes or {})}))
    return assembled(title, parts)


def assembled(title: str, parts: Sequence[str]) -> str:
    """A whole page of parts that are HTML already."""
    template = Template((files("tutelage.training.report") / "template.html").read_text(encoding="utf-8"))
    body = "\n".join(part for part in parts if part)
    return template.substitute(title=shown(title), plain_title=_plain(title), body=body, version=__version__)


def write_page(
    path: str | Path,
    title: str,
    *,
    comparison: "Comparison | None" = None,
    methods: Sequence["Evaluation"] = (),
    stories: Sequence[Story] = (),
    notes: Mapping[str, str] | None = None,
) -> Path:
    """Write the page to a file; the arguments and errors are those of `page`."""
    text = page(title, comparison=comparison, methods=methods, stories=stories, notes=notes)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def _measured(comparison: "Comparison | None") -> dict[str, str]:
    if comparison is None:
        return {}
    failed = comparison.before.failed + comparison.after.failed
    found = {
        "Judged by": comparison.before.verifier,
        "Intervals": "95 %. Accuracy: Wilson, or a bootstrap over tasks where a task has several attempts. "
        f"Difference: {comparison.interval_method}.",
        "Test": f"{comparison.test}, two-sided, on the same tasks.",
    }
    return {**found, "Failed rollouts": f"{failed}, counted as wrong"} if failed else found


def _plain(title: str) -> str:
    return shown(title).removeprefix("<bdi>").removesuffix("</bdi>")
