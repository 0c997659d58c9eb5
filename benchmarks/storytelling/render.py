"""The story's part of docs/results.md."""

from collections.abc import Mapping
from typing import Any

__all__ = ["render"]

QUESTIONS = {
    "class": "right solution, laid out, not called right",
    "opposite": "wrong solution, laid out, called right",
    "plain_right": "right solution as written, not called right",
    "plain_verdicts": "false verdict on the model's own solution as written",
    "solved": "task not solved in one shot",
    "loop_plain": "task not solved by the loop",
    "loop_laid_out": "task not solved by the loop with the layout",
}


def render(result: Mapping[str, Any]) -> str:
    """All figures, as Markdown."""
    seeds = result["seeds"]
    first = seeds[0]
    lines = [
        "## The story of a false verdict",
        "",
        "From rollouts that go wrong to a model that no longer makes the mistake: see [story.md](story.md). Errors on "
        "held-out tasks before and after training; the change in points of the share that goes well, with its paired "
        f"95 % interval and exact McNemar p. Seeds 0 to {len(seeds) - 1}, two CPU cores, vLLM.",
        "",
        "| error | n | " + " | ".join(f"seed {at}" for at in range(len(seeds))) + " |",
        "|---|---:|" + "---|" * len(seeds),
    ]
    for name, text in QUESTIONS.items():
        cells = " | ".join(change(seed[name]) for seed in seeds)
        lines.append(f"| {text} | {first[name]['n']} | {cells} |")
    families = ", ".join(
        f"{family}: {found['errors_before']} → {found['errors_after']} of {found['n']}"
        for family, found in first["by_family"].items()
    )
    lines += ["", f"The mistake by family (seed 0): {families}."]
    low, high = result["interval"]
    n = result["resamples"]
    lines += [
        "",
        f"{result['rollouts']} spoilt rollouts, run on from the false review {n} times as it was asked and {n} times "
        f"as edited: {result['passed_before']} → {result['passed_after']} of {n * result['rollouts']} end right, "
        f"{100 * result['gain']:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}] (mean over these rollouts).",
        "",
    ]
    lines += [f"- {spoilt(each)}" for seed in seeds for each in seed["caught"]]
    if control := first.get("control"):
        text = change(control["class"])
        lines += ["", f"Control, trained on the plain rows alone: the mistake {text}."]
    rows = "; ".join(
        f"{seed['rows']['corrections']} corrections, {seed['rows']['true']} true reviews of what was laid out, "
        f"{seed['rows']['plain']} plain answers"
        for seed in seeds
    )
    return "\n".join([*lines, "", f"Rows: {rows}."])


def change(found: Mapping[str, Any]) -> str:
    """Errors before and after, and the gain."""
    low, high = found["interval"]
    return (
        f"{found['errors_before']} → {found['errors_after']} "
        f"({100 * found['gain']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}], p = {found['p']:.1g})"
    )


def spoilt(found: Mapping[str, Any]) -> str:
    """One spoilt rollout."""
    low, high = found["interval"]
    return (
        f"`{found['problem']}` {found['passed_before']} → {found['passed_after']} of {found['resamples']} end right: "
        f"{100 * found['gain']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}], Fisher p = {found['gain_p']:.1g}"
    )
