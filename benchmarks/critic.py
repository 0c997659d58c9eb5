"""Does a critic that is paid for its verdict and its effect tell right from wrong, help, and keep the answer to itself?

    python -m benchmarks critic [--seeds 3] [--only two_stages,effect_only,sft] [--development] [--quick]

Every seed has engines, attempts and training tasks of its own; actor and refiner are the embedded model as it is, and
only the critic is trained. Attempts are the actor's own, one right and one wrong of each held-out task that it solved
both ways, laid out as Markdown, where the untrained reviewer is weak (`benchmarks/criticising/cases.py`);
`as_written` is the control on what it could do before. Every critique is refined, whatever its verdict. Pooled
intervals take the seeds' cases as independent; they are other attempts at the same tasks. `--out` keeps the runs, and
the same folder continues.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.criticising.arms import ARMS, Lesson
from benchmarks.criticising.cases import exact_leaks, examined, laid_out, taught
from benchmarks.criticising.figures import figures, paired_cases, pooled, shown
from tutelage.agents import connect
from tutelage.errors import UserError
from tutelage.tools import step_checker
from tutelage.training import CriticReport, examine_critic
from tutelage.training.embedded.heldout import SAMPLING
from tutelage.training.policies import local_directory

__all__ = ["configure", "render", "run"]

SEEDS = 3
HELDOUT, TRAINING = 120, 120
"""Tasks a family, before those that always pass or always fail are left out."""
STEPS, TASKS, SAMPLES = 12, 16, 8

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what to run."""
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--only", default=",".join(ARMS), help="arms, by commas (default: all)")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each stage (default: %(default)s)")
    parser.add_argument("--development", action="store_true", help="on development tasks, to choose settings")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-critic"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train every arm on every seed, and examine all critics on the same cases."""
    names = args.only.split(",")
    if unknown := [name for name in names if name not in ARMS]:
        raise UserError(f"--only {','.join(unknown)}: known are {', '.join(ARMS)}")
    folder = args.out / "quick" if args.quick else args.out
    seeds = [
        _of_seed(args, names, folder / f"seed-{seed}", seed)
        for seed in range(1 if args.quick else args.seeds)
    ]
    reports = {arm: pooled([each[0][arm] for each in seeds]) for arm in seeds[0][0]}
    return {
        **_headline(reports),
        "pooled": figures(reports),
        "seeds": [told for _, told in seeds],
        "development": args.development,
    }


def _of_seed(
    args: argparse.Namespace, names: Sequence[str], folder: Path, seed: int
) -> tuple[dict[str, CriticReport], dict[str, Any]]:
    """The reports of a seed by arm, and what is told of it."""
    sizes = (12, 12, 1, 4, 4) if args.quick else (HELDOUT, TRAINING, args.steps, TASKS, SAMPLES)
    with (
        connect(args.model, sampling=SAMPLING, seed=seed) as actor,
        connect(args.model, sampling=SAMPLING, seed=100 + seed) as critic,
    ):
        plain = examined(actor, sizes[0], seed, folder / "attempts", development=args.development)
        tasks = laid_out(taught(actor, sizes[1], seed, folder / "training-attempts"))
        lesson = Lesson(actor, critic, tasks, folder, seed, *sizes[2:])
        exam, base = laid_out(plain), local_directory(critic)
        examine = partial(examine_critic, actor, critic, verifier=step_checker)
        reports = {"before": examine(exam, store=folder / "exam-before")}
        written = {"before": examine(plain, store=folder / "exam-before-as-written")}
        minutes = {}
        for name in names:
            started = monotonic()
            ARMS[name](lesson, folder / name)
            minutes[name] = round((monotonic() - started) / 60, 1)
            reports[name] = examine(exam, store=folder / f"exam-{name}")
            written[name] = examine(plain, store=folder / f"exam-{name}-as-written")
            critic.reload(base)
            say(f"seed {seed}, {name}:\n{reports[name]}")
    leaks = exact_leaks(exam)
    told = {
        "seed": seed,
        "cases": len(exam),
        **figures(reports),
        "as_written": figures(written),
        "exact_reviews_leak": sum(leaks) / max(1, len(leaks)),
        "minutes": minutes,
    }
    return reports, told


def _headline(reports: Mapping[str, CriticReport]) -> dict[str, Any]:
    """The figures that are looked at first; what was not run is missing."""
    before = reports["before"]
    after, effect = reports.get("two_stages"), reports.get("effect_only")
    found: dict[str, Any] = {
        "verdict_before": before.balanced.value,
        "repair_before": before.repaired.value,
        "leaks": {name: report.leaks.value for name, report in reports.items()},
    }
    if after is not None:
        found |= {"verdict_after": after.balanced.value, "repair_after": after.repaired.value}
    if effect is not None:
        found["effect_only_discrimination"] = effect.balanced.value
    if after is not None and effect is not None:
        found["two_stages_over_effect_only"] = paired_cases(effect, after)
    return found


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    return shown(result)
