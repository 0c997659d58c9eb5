"""The first steps of jobs' trainers, told as JSON: `first_step.py JOB…`. A process of its own, for its threads."""

import json
import sys
from pathlib import Path
from typing import Any

from tutelage.training.jobs.job import TrainingJob
from tutelage.training.jobs.worker import build


def main(work: Path, job: TrainingJob) -> None:
    built = build(work, job)
    trainer: Any = built.trainer
    trainer.current_gradient_accumulation_steps = 1
    model = trainer.model.train()
    inputs = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    states: list[Any] = []

    def keep(module: Any, given: Any, output: Any) -> None:
        output.last_hidden_state.retain_grad()
        states.append(output.last_hidden_state)

    model.base_model.register_forward_hook(keep)
    labels = inputs.get("labels")
    learnt = None if labels is None else (labels != -100).sum()
    loss = trainer.compute_loss(model, inputs, num_items_in_batch=learnt)
    loss.backward()
    moved = (states[-1].grad.abs().sum(-1) > 0).tolist()
    rows = [_row(inputs, at, moved[at]) for at in range(len(moved))]
    told = {"loss": loss.item(), "rows": rows, "counts": dict(built.counts), "report": dict(built.report())}
    (work / "told.json").write_text(json.dumps(told), encoding="utf-8")


def _row(inputs: Any, at: int, moved: list[bool]) -> dict[str, Any]:
    if "labels" in inputs:
        real = inputs["attention_mask"][at].bool()
        ids = inputs["input_ids"][at][real].tolist()
        return {"ids": ids, "moved": _places(moved, real)}
    prompt, completion = (
        inputs[f"{name}_ids"][at][inputs[f"{name}_mask"][at].bool()].tolist()
        for name in ("prompt", "completion")
    )
    real = [*inputs["prompt_mask"][at].bool().tolist(), *inputs["completion_mask"][at].bool().tolist()]
    row = {"prompt": prompt, "completion": completion, "moved": _places(moved, real)}
    for name in ("self_distillation_mask", "rewards"):
        if name in inputs:
            row[name] = inputs[name][at].item()
    return row


def _places(moved: list[bool], real: Any) -> list[int]:
    """Which tokens, padding left aside, a gradient reaches."""
    return [
        place for place, on in enumerate(on for on, known in zip(moved, real, strict=True) if known) if on
    ]


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        main(file.parent, TrainingJob.model_validate_json(file.read_bytes()))
