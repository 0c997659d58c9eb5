"""The experiment's table for the terminal."""

from tutelage.training.demo.experiment import Outcome
from tutelage.training.tables import p_text, percent

__all__ = ["methods_table"]


def methods_table(outcome: Outcome) -> str:
    """Accuracy with its 95 % interval and tokens a task, a line a method; the gain below."""
    lines = [f"{'method':<15}{'accuracy':>9}   {'95 % interval':<17}{'tokens a task':>14}"]
    for name, found in outcome.methods.items():
        interval = " to ".join(map(percent, found.interval))
        tokens = "?" if found.tokens_per_attempt is None else f"{found.tokens_per_attempt:,.0f}"
        lines.append(f"{name:<15}{percent(found.accuracy):>9}   {interval:<17}{tokens:>14}")
    comparison = outcome.comparison
    lines.append(
        f"\none shot after fine-tuning: {100 * comparison.difference:+.1f} points on the same {comparison.n} tasks, "
        f"{comparison.wrong_to_right} wrong→right, {comparison.right_to_wrong} right→wrong, "
        f"McNemar p {p_text(comparison.p_value)}"
    )
    return "\n".join(lines)
