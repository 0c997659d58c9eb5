"""The model's own solutions, right and wrong, sampled while it learns: what its reviewer has to judge."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from tutelage.agents.roles.prompt import Prompt
from tutelage.tools.families import FAMILIES, family_of
from tutelage.training.embedded.corpus import DIFFICULTIES, Attempt, Attempts, Example, draw
from tutelage.training.embedded.tokenizer import chat
from tutelage.types import Task

__all__ = ["read_attempts", "sample_attempts"]

BATCH = 256
MAX_TOKENS = 160


def sample_attempts(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, per_cell: int, seed: int, path: Path
) -> None:
    """Sample a solution for `per_cell` tasks of each family and difficulty at temperature 1, and write them down."""
    rng = Random(f"attempts/{seed}")
    tasks = [
        draw(family, difficulty, rng)
        for family in FAMILIES.values()
        for difficulty in DIFFICULTIES
        for _ in range(per_cell)
    ]
    tasks.sort(key=lambda task: len(task.solution or ""))
    torch.manual_seed(seed)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        for start in range(0, len(tasks), BATCH):
            for task, solution in solved(model, tokenizer, tasks[start : start + BATCH]):
                right = family_of(task).check(task, solution).right
                file.write(
                    json.dumps({"task": task.model_dump(), "solution": solution, "right": right}) + "\n"
                )
    partial.rename(path)


@torch.inference_mode()
def solved(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: list[Task]
) -> Iterator[tuple[Task, str]]:
    """One sampled solution a task, all in one batch; those cut off are left out."""
    solver = Prompt.load("solver")
    given = [chat(Example(solver.render(problem=task.problem), ""))[0] for task in tasks]
    inputs = tokenizer(
        given, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt"
    )
    outputs = model.generate(  # type: ignore[misc]
        **inputs.to(model.device), do_sample=True, temperature=1.0, top_k=0, max_new_tokens=MAX_TOKENS
    )
    ends = tokenizer.eos_token_id
    for task, row in zip(tasks, outputs[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
        if ends in row:
            yield task, str(tokenizer.decode(row[: row.index(ends)], skip_special_tokens=True))


def read_attempts(path: Path) -> Attempts:
    """The attempts of a file, by family and by whether they are right."""
    found: dict[tuple[str, bool], list[Attempt]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            task = Task.model_validate(row["task"])
            found.setdefault((task.family, row["right"]), []).append(
                Attempt(task, row["solution"], row["right"])
            )
    return found
