"""A second way to what trainers compute: texts written by hand, one sequence at a time, in float64, without TRL."""

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tutelage.agents import embedded_directory
from tutelage.training import OBJECTIVES
from tutelage.training.jobs.job import TrainingJob

Rows = list[dict[str, Any]]
HERE = Path(__file__).parent
ASKED = 'Problem: {}\n\nSolve it step by step, one step a line. End with a line "answer: X".'
SUMS = [(12, 5), (47, 38), (9, 30), (61, 7)]


def messages(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def solution(one: int, two: int, slip: int = 0) -> str:
    return f"{one}+{two}={one + two + slip}\nanswer: {one + two + slip}"


def pairs(sums: Sequence[tuple[int, int]] = SUMS) -> Rows:
    """Sums with a right and a wrong solution, which is longer for one of them."""
    return [
        {
            "prompt": messages("user", ASKED.format(f"Compute {one} + {two}.")),
            "chosen": messages("assistant", solution(one, two)),
            "rejected": messages("assistant", ("so\n" if one == 9 else "") + solution(one, two, slip=1)),
        }
        for one, two in sums
    ]


def texts(row: Mapping[str, Any], side: str) -> tuple[str, str]:
    """What the embedded model reads and what it says, as its chat template writes them."""
    return f"<|user|>{row['prompt'][0]['content']}<|end|><|assistant|>", f"{row[side][0]['content']}<|end|>"


class Plain:
    """A model in float64."""

    def __init__(self, directory: Path, kind: str = "CausalLM") -> None:
        transformers = importlib.import_module("transformers")
        self.torch = importlib.import_module("torch")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(embedded_directory())
        loader = getattr(transformers, f"AutoModelFor{kind}")
        self.model = loader.from_pretrained(directory, dtype=self.torch.float64).eval()

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def logits(self, ids: Sequence[int]) -> Any:
        with self.torch.no_grad():
            return self.model(input_ids=self.torch.tensor([list(ids)])).logits[0]

    def likelihood(self, prompt: str, completion: str) -> float:
        """The log-probability of a completion."""
        before, after = self.ids(prompt), self.ids(completion)
        logprobs = self.logits([*before, *after]).log_softmax(-1)
        return float(sum(logprobs[len(before) - 1 + at, token] for at, token in enumerate(after)))


def first_loss(objective: str, rows: Rows, work: Path, **settings: Any) -> dict[str, Any]:
    """The trainer's own loss on all rows as one batch, with shaken weights, which lie in `work/shaken`."""
    chosen = OBJECTIVES[objective].settings.model_validate(
        {"batch_size": len(rows), "threads": 1, **settings}
    )
    job = TrainingJob.of(objective, embedded_directory(), rows, work / "out", chosen, {})
    (work / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-P", str(HERE / "first_loss.py"), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
