"""The tiny trainings whose curves are stored, one an objective, and the small mistakes that must be seen in them.

Fixed rows, the embedded model, one thread, a warm-up and a falling learning rate. What the trainers of `ON_POLICY`
learn from they sample themselves, by torch's generator from the seed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.training.objectives.plain_losses import ASKED, Plain, Rows, messages, pairs, solution, texts

from tutelage.agents import TokenScorer, embedded_directory
from tutelage.tools import make_tasks
from tutelage.training import OBJECTIVES

__all__ = ["MISTAKES", "ON_POLICY", "TRAININGS", "Training", "grpo_batch"]

SHARED = {"threads": 1, "seed": 3, "learning_rate": 3e-4, "warmup": 0.25, "schedule": "cosine"}
PASSES = {**SHARED, "epochs": 4, "batch_size": 4}
SAMPLES = {**PASSES, "epochs": 2, "batch_size": 2, "max_completion_length": 16}
SUMS = [(12, 5), (47, 38), (9, 30), (61, 7), (85, 14), (33, 44), (70, 21), (5, 96)]
TASKS = make_tasks("arithmetic", 2, 4, 5)
STEPS = 6


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained on what."""

    objective: str
    rows: Rows
    settings: Mapping[str, Any]
    batch: Rows | None = None
    """The rows of every step of `grpo`."""

    def changed(self, **settings: Any) -> "Training":
        """The same with other settings."""
        return Training(self.objective, self.rows, {**self.settings, **settings}, self.batch)


def _pairs() -> Rows:
    return pairs(SUMS)


def _sft() -> Rows:
    """Weighted rows of recorded tokens, whose prompt carries no loss."""
    plain, rows = Plain(embedded_directory()), []
    for at, row in enumerate(_pairs()):
        before, after = map(plain.ids, texts(row, "rejected"))
        labels = [-100] * len(before) + after
        rows.append({"input_ids": [*before, *after], "labels": labels, "weight": 1.0 + at % 3})
    return rows


def _answers() -> Rows:
    return [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for at, row in enumerate(_pairs())
        for side in (("chosen", "rejected") if at % 3 else ("chosen",))
    ]


def _steps() -> Rows:
    return [
        {
            "prompt": messages("user", ASKED.format(f"Compute {one} + {two}.")),
            "completions": [f"add {two} to {one}", f"answer: {one + two + slip}"],
            "labels": [True, not slip],
        }
        for one, two in SUMS
        for slip in (0, 3)
    ]


def _helped() -> Rows:
    return [
        {
            "prompt": messages("user", ASKED.format(f"Compute {one} + {two}.")),
            "teacher_prompt": messages("user", f"{one} + {two} is {one + two + 1}. Say so in one line."),
            "completion": messages("assistant", solution(one, two, slip=1)),
        }
        for one, two in SUMS
    ]


def _told() -> Rows:
    return [
        {
            "prompt": messages("user", ASKED.format(task.problem)),
            "privileged_context": f"Solution:\n{task.solution}",
            "task": task.model_dump(mode="json"),
        }
        for task in TASKS
    ]


def grpo_batch() -> Rows:
    """Right and wrong answers as rows that were sampled by the base, with advantages."""
    plain = Plain(embedded_directory())
    rows: Rows = []
    for row in _pairs()[:4]:
        for side, advantage in (("chosen", 0.8), ("rejected", -1.1)):
            before, after = map(plain.ids, texts(row, side))
            mask = [1] * len(after)
            mask[0] = 0
            rows.append(
                {
                    "prompt_ids": before,
                    "completion_ids": after,
                    "completion_mask": mask,
                    "advantages": [advantage] * len(after),
                }
            )
    found = TokenScorer(embedded_directory(), device="cpu").logprobs_of(
        [(row["prompt_ids"], row["completion_ids"]) for row in rows]
    )
    return [{**row, "logprobs": values} for row, values in zip(rows, found, strict=True)]


def _grpo() -> Training:
    tasks = [task.model_dump(mode="json") for task in TASKS]
    settings = {
        **SHARED,
        "steps": STEPS,
        "iterations": 2,
        "loss": "dapo",
        "epsilon": 0.1,
        "checkpoint_every": None,
    }
    return Training("grpo", tasks, settings, grpo_batch())


TRAININGS: Mapping[str, Callable[[], Training]] = {
    "sft": lambda: Training("sft", _sft(), PASSES),
    "dpo": lambda: Training("dpo", _pairs(), {**PASSES, "learning_rate": 1e-4}),
    "kto": lambda: Training("kto", _answers(), {**PASSES, "learning_rate": 1e-4}),
    "reward": lambda: Training("reward", _pairs(), PASSES),
    "prm": lambda: Training("prm", _steps(), {**PASSES, "epochs": 2}),
    "soft_bootstrapping": lambda: Training("soft_bootstrapping", _helped(), PASSES),
    "distillation": lambda: Training("distillation", _told(), SAMPLES),
    "sdft": lambda: Training("sdft", _told(), {**SAMPLES, "samples": 2, "top_k": 20}),
    "sdpo": lambda: Training("sdpo", _told(), {**SAMPLES, "samples": 4, "max_completion_length": 60}),
    "grpo": _grpo,
}
ON_POLICY = ("distillation", "sdft", "sdpo")
assert set(TRAININGS) == set(OBJECTIVES)


def _mask(training: Training) -> Training:
    """One more token is learnt: the last of one row's prompt, or the first of an answer."""
    if training.batch is not None:
        first, *others = training.batch
        batch = [{**first, "completion_mask": [1] * len(first["completion_mask"])}, *others]
        return Training(training.objective, training.rows, training.settings, batch)
    first, *others = json.loads(json.dumps(training.rows))
    at = next(place for place, label in enumerate(first["labels"]) if label != -100) - 1
    first["labels"][at] = first["input_ids"][at]
    return Training(training.objective, [first, *others], training.settings)


def _weight(training: Training) -> Training:
    """One row weighs a tenth more."""
    if training.batch is not None:
        first, *others = training.batch
        batch = [{**first, "advantages": [1.1 * value for value in first["advantages"]]}, *others]
        return Training(training.objective, training.rows, training.settings, batch)
    first, *others = training.rows
    return Training(
        training.objective, [{**first, "weight": 1.1 * first["weight"]}, *others], training.settings
    )


MISTAKES: Mapping[str, tuple[str, Callable[[Training], Training]]] = {
    "sft, one more token": ("sft", _mask),
    "sft, a row's weight": ("sft", _weight),
    "sft, linear schedule": ("sft", lambda t: t.changed(schedule="linear")),
    "sft, learning rate": ("sft", lambda t: t.changed(learning_rate=3.1e-4)),
    "dpo, beta": ("dpo", lambda t: t.changed(beta=0.11)),
    "dpo, learning rate": ("dpo", lambda t: t.changed(learning_rate=1.05e-4)),
    "kto, beta": ("kto", lambda t: t.changed(beta=0.11)),
    "prm, learning rate": ("prm", lambda t: t.changed(learning_rate=3.1e-4)),
    "reward, learning rate": ("reward", lambda t: t.changed(learning_rate=3.1e-4)),
    "soft_bootstrapping, learning rate": ("soft_bootstrapping", lambda t: t.changed(learning_rate=3.1e-4)),
    "grpo, one more token": ("grpo", _mask),
    "grpo, a row's advantage": ("grpo", _weight),
    "grpo, clipping": ("grpo", lambda t: t.changed(epsilon=0.2)),
    "grpo, loss": ("grpo", lambda t: t.changed(loss="grpo")),
}
"""By name: of which training, and what is wrong."""
