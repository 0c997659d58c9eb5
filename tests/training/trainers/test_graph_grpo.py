import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_advantages_ratios_and_losses_are_those_of_the_formulas() -> None:
    command = [sys.executable, "-m", "benchmarks", "exactness", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert max(told["max_abs_error"][name] for name in ("loss", "advantage", "ratio")) < 1e-6
    assert told["max_abs_error"]["logprob"] < 1e-4
    assert told["trained_tokens"] > 500
    assert all(abs(each["value"]) > 1e-5 for each in told["by_loss"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of vLLM, which TRL imports
@pytest.mark.parametrize("loss", ["dapo", "grpo", "bnpo", "dr_grpo", "cispo"])
def test_the_loss_does_not_depend_on_how_rows_are_cut_into_passes(loss: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tutelage.agents import embedded_directory
    from tutelage.training.trainers.graph_grpo import GraphGRPOConfig, GraphGRPOTrainer

    class Kept(GraphGRPOTrainer):
        loss: float

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            found = super().training_step(model, inputs, num_items_in_batch)
            self.loss = float(found)
            return found

    rows = [
        {
            "prompt_ids": list(range(10, 14 + at)),
            "completion_ids": list(range(20, 23 + 5 * at)),
            "completion_mask": [1] * (2 + 5 * at) + [0],
            "logprobs": [-3.0] * (3 + 5 * at),
            "advantages": [1.0 - 0.4 * at] * (3 + 5 * at),
        }
        for at in range(5)
    ]
    losses = []
    for tokens in (10, 60, 10_000):
        trainer = Kept(
            source=lambda step: rows,
            args=GraphGRPOConfig(
                output_dir=str(tmp_path / str(tokens)),
                loss_type=loss,
                epsilon_high=5.0 if loss == "cispo" else 0.2,
                entropy_coef=0.1,
                batch_tokens=tokens,
                max_steps=1,
                use_cpu=True,
                bf16=False,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
            ),
            model=AutoModelForCausalLM.from_pretrained(embedded_directory(), dtype=torch.float32),
            processing_class=AutoTokenizer.from_pretrained(embedded_directory()),
        )
        trainer.train()
        losses.append(trainer.loss)
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)
    assert abs(losses[0]) > 1e-4
