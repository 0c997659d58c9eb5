"""The page of an appraisal: one HTML file about one claim, its baselines, its controls and its doubts.

Like the page of a comparison it asks for no network and runs no script, and all foreign text is escaped. Not covered:
single rollouts (`story_of`).
"""

from typing import TYPE_CHECKING

from tutelage.training.report.appraisal_sections import (
    accuracy_section,
    claim_lead,
    critique_section,
    curves_section,
    differences_section,
    doubts_section,
    flow_section,
    parts_section,
)
from tutelage.training.report.page import assembled
from tutelage.training.report.sections import families_section, notes_section, points
from tutelage.training.report.text import shown

if TYPE_CHECKING:
    from tutelage.training.appraisal import Appraisal

__all__ = ["appraisal_page"]


def appraisal_page(appraisal: "Appraisal", title: str) -> str:
    """Make the page.

    Args:
        appraisal: what to show; sections without data are left out.
        title: its heading.

    Returns:
        HTML, to be written as UTF-8.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    parts = [
        claim_lead(appraisal),
        doubts_section(appraisal.missing),
        accuracy_section(appraisal),
        differences_section(appraisal),
        curves_section(appraisal),
        flow_section(appraisal.subject.flow),
        parts_section(appraisal),
        critique_section(appraisal),
        _forgetting(appraisal),
        notes_section({**_statistics(appraisal), **appraisal.notes}),
    ]
    return assembled(title, parts)


def _forgetting(appraisal: "Appraisal") -> str:
    forgetting = appraisal.forgetting
    if forgetting is None:
        return ""
    trained = f"Trained on {shown(', '.join(forgetting.trained))}. " if forgetting.trained else ""
    total = forgetting.comparison
    low, high = total.interval
    note = (
        f"{trained}These families were not trained on. Over all of them "
        f"{points(total.difference)} points (95&nbsp;% interval {points(low)} to {points(high)})."
    )
    return families_section(total, "What was forgotten", note, least=1)


def _statistics(appraisal: "Appraisal") -> dict[str, str]:
    tests = sorted({each.test for each in appraisal.comparisons})
    methods = sorted({each.interval_method for each in appraisal.comparisons})
    told = {"Intervals": "95 %. Shares: Wilson, or a bootstrap over tasks where a task counts several times."}
    if tests:
        told["Differences"] = f"On the same tasks; interval: {', '.join(methods)}."
        told["Tests"] = f"{', '.join(tests)}, two-sided; p corrected by Holm within a table."
        told["Equal tokens"] = (
            "Votes and best-of-k have as many samples as the subject's tokens buy, rounded up; "
            "a prompt is counted once for all its samples."
        )
    if appraisal.subject.failed:
        told["Failed rollouts"] = f"{appraisal.subject.failed}, counted as wrong"
    return told
