import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tutelage.agents import open_model_directory
from tutelage.training import train
from tutelage.training.objectives.soft_bootstrapping import SOFT_BOOTSTRAPPING, SoftBootstrappingSettings

pytestmark = pytest.mark.slow

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]
END = 1
SETTINGS = SoftBootstrappingSettings(threads=1, batch_size=3)


def said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def bare(one: int) -> str:
    return (
        f'Problem: Add {one} and 4.\n\nSolve it step by step, one step a line. End with a line "answer: X".'
    )


def privileged(one: int) -> str:
    wrong, right = f"{one}+4={one + 5}\nanswer: {one + 5}", f"{one}+4={one + 4}\nanswer: {one + 4}"
    return (
        f"Problem: Add {one} and 4.\n\nSolution:\n{wrong}\n\nReference:\n{right}\n\n"
        'Correct the solution. End with a line "answer: X".'
    )


def solution(one: int) -> str:
    return f"{one}+4={one + 4}\n" * (one % 3) + f"answer: {one + 4}"


ONES = (7, 12, 35)
ROWS: Rows = [
    {
        "prompt": said("user", bare(one)),
        "teacher_prompt": said("user", privileged(one)),
        "completion": said("assistant", solution(one)),
    }
    for one in ONES
]


def coarse(logprobs: Floats, best: NDArray[np.int64], tail: bool) -> Floats:
    chosen = np.take_along_axis(logprobs, best, axis=1)
    if not tail:
        return np.asarray(chosen - np.log(np.exp(chosen).sum(axis=1, keepdims=True)))
    others = np.exp(logprobs)
    np.put_along_axis(others, best, 0.0, axis=1)
    return np.concatenate([chosen, np.log(others.sum(axis=1, keepdims=True))], axis=1)


def divergences(student: Floats, teacher: Floats, k: int, tail: bool) -> list[float]:
    best = np.argsort(-teacher, axis=1)[:, :k]
    ours, theirs = coarse(student, best, tail), coarse(teacher, best, tail)
    found: list[float] = (np.exp(theirs) * (theirs - ours)).sum(axis=1).tolist()
    return found


@pytest.fixture(scope="module")
def pairs(cut: Callable[[str], list[int]]) -> list[tuple[list[int], list[int], list[int]]]:
    """Of each row the ids of the bare prompt, of the privileged one and of the completion."""
    asked = [[cut(f"<|user|>{text(one)}<|end|><|assistant|>") for text in (bare, privileged)] for one in ONES]
    return [(bare, seen, [*cut(solution(one)), END]) for (bare, seen), one in zip(asked, ONES, strict=True)]


@pytest.fixture(scope="module")
def recorded(other: Path, pairs: Any, distributions: Any) -> Rows:
    """What another model thinks of the completions; every second token is not to be learnt."""
    rows = []
    for prompt, _, completion in pairs:
        teacher = distributions(other, prompt, completion)
        best = np.argsort(-teacher, axis=1)[:, :6]
        rows.append(
            {
                "prompt_ids": prompt,
                "completion_ids": completion,
                "completion_mask": [0] * len(prompt) + [at % 2 for at in range(len(completion))],
                "teacher_ids": best.tolist(),
                "teacher_logprobs": np.take_along_axis(teacher, best, axis=1).tolist(),
            }
        )
    return rows


CASES: dict[str, dict[str, Any]] = {
    "with the rest": {"top_k": 8, "temperature": 2.0},
    "without the rest": {"top_k": 8, "temperature": 2.0, "add_tail": False},
    "not tempered": {"top_k": 5, "temperature": 1.0},
}
RECORDED: dict[str, dict[str, Any]] = {
    "recorded": {},
    "recorded and tempered": {"temperature": 3.0, "add_tail": False},
}


@pytest.fixture(scope="module")
def told(first_steps: Any, recorded: Rows) -> dict[str, dict[str, Any]]:
    jobs = {
        name: ("soft_bootstrapping", ROWS, SETTINGS.model_copy(update=more)) for name, more in CASES.items()
    }
    jobs["all"] = ("soft_bootstrapping", ROWS, SETTINGS.model_copy(update={"top_k": 10**6}))
    for name, more in RECORDED.items():
        jobs[name] = ("soft_bootstrapping", recorded, SETTINGS.model_copy(update=more))
    steps: dict[str, dict[str, Any]] = first_steps(jobs)
    return steps


@pytest.mark.parametrize("case", CASES)
def test_the_first_loss_is_the_divergence_from_the_privileged_base(
    base: Path, pairs: Any, distributions: Any, told: Any, case: str
) -> None:
    k, heat, tail = CASES[case]["top_k"], CASES[case]["temperature"], CASES[case].get("add_tail", True)
    found: list[float] = []
    for prompt, seen, completion in pairs:
        student = distributions(base, prompt, completion, heat)
        found += divergences(student, distributions(base, seen, completion, heat), k, tail)
    assert told[case]["loss"] == pytest.approx(heat**2 * np.mean(found), rel=1e-4)
    assert (told[case]["counts"]["trained"], told[case]["counts"]["learnt_tokens"]) == (3, len(found))


def test_the_default_is_the_authors_temperature_and_all_of_a_small_vocabulary_is_their_whole_loss(
    base: Path, pairs: Any, distributions: Any, told: Any
) -> None:
    found: list[float] = []
    for prompt, seen, completion in pairs:
        ours, theirs = (distributions(base, each, completion, 2.0) for each in (prompt, seen))
        found += (np.exp(theirs) * (theirs - ours)).sum(axis=1).tolist()
    assert told["all"]["loss"] == pytest.approx(4 * np.mean(found), rel=1e-4)
    assert told["all"]["report"] == {"temperature": 2.0}


def test_gradient_reaches_the_learnt_tokens_only(pairs: Any, told: Any) -> None:
    def places(step: int, first: int) -> dict[tuple[int, ...], list[int]]:
        return {
            (*prompt, *said): [*range(len(prompt) - 1 + first, len(prompt) + len(said) - 1, step)]
            for prompt, _, said in pairs
        }

    assert {tuple(row["ids"]): row["moved"] for row in told["all"]["rows"]} == places(1, 0)
    assert {tuple(row["ids"]): row["moved"] for row in told["recorded"]["rows"]} == places(2, 1)


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_log_probabilities_are_matched_where_the_mask_is(
    base: Path, other: Path, pairs: Any, distributions: Any, told: Any, case: str
) -> None:
    heat, tail = RECORDED[case].get("temperature", 1.0), RECORDED[case].get("add_tail", True)
    found: list[float] = []
    for prompt, _, completion in pairs:
        ours, theirs = (distributions(each, prompt, completion, heat) for each in (base, other))
        found += divergences(ours, theirs, 6, tail)[1::2]
    assert told[case]["loss"] == pytest.approx(heat**2 * np.mean(found), rel=1e-4)
    assert told[case]["counts"]["learnt_tokens"] == len(found)


def test_the_divergence_falls_and_the_directory_opens(
    base: Path, pairs: Any, distributions: Any, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 20.0, "learning_rate": 3e-4})
    out = train("soft_bootstrapping", base, ROWS, tmp_path / "out", settings, progress=False)

    def whole(student: Path) -> float:
        found: list[float] = []
        for prompt, seen, completion in pairs:
            ours, theirs = distributions(student, prompt, completion), distributions(base, seen, completion)
            found += (np.exp(theirs) * (theirs - ours)).sum(axis=1).tolist()
        return float(np.mean(found))

    assert whole(out) < 0.5 * whole(base)
    origin = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert (origin["objective"], origin["temperature"], origin["updates"]) == ("soft_bootstrapping", 2.0, 20)
    assert origin["policy"] == open_model_directory(out).policy()


def test_what_does_not_go_together_is_one_clear_error(recorded: Rows, refusal: Any) -> None:
    def refused(rows: Rows, **more: Any) -> str:
        return str(refusal(SOFT_BOOTSTRAPPING, rows, SETTINGS.model_copy(update=more)))

    assert "are of temperature 1" in refused(recorded, temperature=2.0)
    assert "one kind of rows" in refused([*recorded, ROWS[0]])
    strange = [{**row, "teacher_ids": [[10**6] * 6 for _ in row["teacher_ids"]]} for row in recorded]
    assert "same tokenizer" in refused(strange)
    narrow = {name: [each[:2] for each in recorded[0][name]] for name in ("teacher_ids", "teacher_logprobs")}
    assert "rows have 2, 6 teacher_ids a token" in refused([{**recorded[0], **narrow}, *recorded[1:]])
    assert "for every completion token" in refused([{**recorded[0], "completion_ids": [5]}])
    template = [{**row, "teacher_prompt_ids": [5, 6, 7]} for row in ROWS]
    assert "does not give the recorded teacher_prompt_ids" in refused(template)
    assert "not one of 3 rows fits into 9 tokens" in refused(ROWS, max_length=9)
