"""Critics in figures: each with its interval, and each against the untrained one on the same cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.storytelling.exam import paired
from tutelage.training import CriticReport

__all__ = ["figures", "paired_cases", "pooled", "shown"]

SHARES = ("balanced", "verdicts", "right_told", "wrong_told", "repaired", "kept", "refined", "leaks")


def pooled(reports: Sequence[CriticReport]) -> CriticReport:
    """The cases of all seeds, told apart by the seed."""
    return CriticReport(
        cases=tuple(
            case.model_copy(update={"task_id": f"{seed}/{case.task_id}"})
            for seed, report in enumerate(reports)
            for case in report.cases
        )
    )


def figures(reports: Mapping[str, CriticReport]) -> dict[str, Any]:
    """By arm, every share, and the paired difference from `before`."""
    return {
        arm: {
            **{name: getattr(report, name).model_dump(mode="json") for name in SHARES},
            "n": len(report.cases),
            **({} if arm == "before" else {"gain": paired_cases(reports["before"], report)}),
        }
        for arm, report in reports.items()
    }


def paired_cases(before: CriticReport, after: CriticReport) -> dict[str, Any]:
    """Two critics on the same cases: true verdicts, repairs of wrong attempts, right ones that stay right, and leaks."""
    others = {(case.task_id, case.repeat): case for case in after.cases}
    pairs = [(case, others[case.task_id, case.repeat]) for case in before.cases]
    wrong = [(one, two) for one, two in pairs if not one.right]
    right = [(one, two) for one, two in pairs if one.right]
    return {
        "verdicts": paired([one.true for one, _ in pairs], [two.true for _, two in pairs]),
        "repaired": paired([one.after for one, _ in wrong], [two.after for _, two in wrong]),
        "kept": paired([one.after for one, _ in right], [two.after for _, two in right]),
        "without_leak": paired([not one.leak for one, _ in wrong], [not two.leak for _, two in wrong]),
    }


def shown(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    seeds = result["seeds"]
    kind = "development" if result["development"] else "held-out"
    lines = [
        "## Is a critic better for being paid rightly? (`python -m benchmarks critic`)",
        "",
        f"The actor's own attempts at {kind} tasks, one right and one wrong of each, laid out as Markdown; "
        f"{result['pooled']['before']['n']} cases of {len(seeds)} seeds. In %, with 95 % intervals; the change of "
        "true verdicts and of repairs in points, paired, with McNemar's exact p. Every critique is refined. Minutes are "
        "of the clock, on two CPU cores.",
        "",
        "| critic | verdicts, balanced | wrong turned right | right stays right | leaks | verdicts | repairs | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm, found in result["pooled"].items():
        gains = [_gain(found, "verdicts"), _gain(found, "repaired")]
        minutes = "" if arm == "before" else f"{seeds[0]['minutes'][arm]}"
        cells = [_cell(found[name]) for name in ("balanced", "repaired", "kept", "leaks")]
        lines.append(f"| {arm} | " + " | ".join([*cells, *gains, minutes]) + " |")
    lines += ["", "By seed, verdicts (balanced) and repairs:", ""]
    for told in seeds:
        parts = [
            f"{arm} {_percent(told[arm]['balanced'])} and {_percent(told[arm]['repaired'])}"
            for arm in result["pooled"]
        ]
        floor = f"exact reviews leak {100 * told['exact_reviews_leak']:.1f}"
        lines.append(f"- seed {told['seed']}: {', '.join(parts)}; {floor}")
    written = {
        arm: [_percent(told["as_written"][arm]["balanced"]) for told in seeds] for arm in result["pooled"]
    }
    lines += ["", "The same attempts as written, verdicts (balanced), by seed: "]
    lines[-1] += "; ".join(f"{arm} {', '.join(values)}" for arm, values in written.items()) + "."
    return "\n".join(lines)


def _percent(share: Mapping[str, Any]) -> str:
    return "none" if share["value"] is None else f"{100 * share['value']:.1f}"


def _cell(share: Mapping[str, Any]) -> str:
    low, high = share["interval"]
    return f"{_percent(share)} [{100 * low:.1f}, {100 * high:.1f}]"


def _gain(found: Mapping[str, Any], name: str) -> str:
    if "gain" not in found:
        return ""
    gain = found["gain"][name]
    low, high = gain["interval"]
    return f"{100 * gain['gain']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}], p = {gain['p']:.1g}"
