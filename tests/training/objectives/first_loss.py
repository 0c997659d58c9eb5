"""Builds the trainer of a job, shakes its weights, and tells its loss on the first batch: `first_loss.py JOB_DIR`.

A process of its own, since a trainer sets its process's threads. The shaken weights go to `JOB_DIR/shaken`, the rows as
the trainer has them into the answer.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tutelage.training.jobs.job import TrainingJob
from tutelage.training.jobs.worker import build

work = Path(sys.argv[1])
built = build(work, TrainingJob.model_validate_json((work / "job.json").read_bytes()))

import torch  # noqa: E402 (after the worker has set the environment)

trainer: Any = built.trainer
generator = torch.Generator().manual_seed(1)
with torch.no_grad():
    for weights in trainer.model.parameters():
        weights.mul_(1 + 0.15 * torch.randn(weights.shape, generator=generator))
trainer.model.save_pretrained(work / "shaken")
batch = next(iter(trainer.get_train_dataloader()))
trainer.model.train()
with torch.no_grad():
    loss = trainer.compute_loss(trainer.model, dict(batch)).item()
print(json.dumps({"loss": loss, "rows": trainer.train_dataset.to_list(), "counts": dict(built.counts)}))
