"""How the benchmark improves: graph, tasks and settings of the rounds, and of the small rounds that are killed.

Settings are chosen on development tasks (`--development`). Not covered: how it is measured (`benchmarks.improve`).
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tutelage.agents import ChatModel, Solver
from tutelage.graphs import Scale, magicore, self_refine, verifier_scorer
from tutelage.tools import family_answer, step_checker
from tutelage.tools.families import make_tasks
from tutelage.training import Improvement, ImproveSettings, improve
from tutelage.training.embedded.heldout import MIDDLING, SAMPLING, development_tasks, training_tasks

__all__ = ["Size", "improved", "small"]

CALIBRATION = 20
"""Training tasks a family on which MAgICoRe's scale is measured."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much a seed is."""

    rounds: int = 4
    tasks: int = 150
    """Training tasks a round and family."""
    development: int = 100
    """Development tasks a family, which decide."""
    probe: int = 90


def improved(
    model: ChatModel, folder: Path, seed: int, size: Size, changes: Mapping[str, Any]
) -> Improvement:
    """Improve by MAgICoRe with exact step checks; the same folder goes on."""
    scorer = verifier_scorer(step_checker)
    scale = _scale(model, folder, seed)
    graph = magicore(
        model, 4, scorer=scorer, scale=scale, rounds=2, temperature=1.0, top_p=1.0, verifier=family_answer
    )
    settings = ImproveSettings(
        rounds=size.rounds,
        tasks=size.tasks * len(MIDDLING),
        probe=size.probe,
        patience=size.rounds,
        training={"epochs": 3, "batch_size": 32},
        seed=seed,
    )
    return improve(
        graph,
        model,
        training_tasks(size.tasks * size.rounds, seed),
        folder,
        verifier=step_checker,
        development=development_tasks(size.development, seed + 1),
        settings=settings.model_copy(update=dict(changes)),
        progress=False,
    )


def small(model: ChatModel, folder: Path) -> Improvement:
    """Two small rounds, for kills."""
    return improve(
        self_refine(model, rounds=1),
        model,
        make_tasks("arithmetic", 2, 24, seed=1),
        folder,
        verifier=step_checker,
        development=make_tasks("arithmetic", 2, 8, seed=1, split="dev"),
        settings=ImproveSettings(
            rounds=2,
            tasks=8,
            probe=4,
            training={"epochs": 2, "batch_size": 4, "threads": 1, "checkpoint_every": 3},
        ),
        progress=False,
    )


def _scale(model: ChatModel, folder: Path, seed: int) -> Scale:
    """The spread of the first samples' exact scores, measured once a folder."""
    kept = folder / "scale.json"
    if not kept.exists():
        tasks = training_tasks(CALIBRATION, seed)
        measuring = Scale.measure(Solver(model, sampling=SAMPLING), tasks, verifier_scorer(step_checker))
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asdict(asyncio.run(measuring))), encoding="utf-8")
    return Scale(**json.loads(kept.read_text(encoding="utf-8")))
