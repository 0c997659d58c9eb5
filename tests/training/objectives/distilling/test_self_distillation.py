import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tutelage.agents import open_model_directory
from tutelage.tools import family_answer, make_tasks
from tutelage.training import train
from tutelage.training.objectives.sdft import SDFT, SdftSettings
from tutelage.training.objectives.sdpo import SDPO, SdpoSettings
from tutelage.types import Task

pytestmark = pytest.mark.slow

ASK = 'Problem: {}\n\nSolve it step by step, one step a line. End with a line "answer: X".'
TASKS = make_tasks("arithmetic", 2, 3, 5)
SDFT_SETTINGS = SdftSettings(threads=1, batch_size=3, max_completion_length=10, samples=2, top_k=20)
SDPO_SETTINGS = SdpoSettings(threads=1, batch_size=3, max_completion_length=60, samples=4)
ROWS: list[dict[str, Any]] = [
    {
        "prompt": [{"role": "user", "content": ASK.format(task.problem)}],
        "privileged_context": f"Solution:\n{task.solution}",
        "task": task.model_dump(mode="json"),
    }
    for task in TASKS
]


def asked(text: str) -> str:
    return f"<|user|>{text}<|end|><|assistant|>"


@pytest.fixture
def row_of(cut: Any) -> dict[tuple[int, ...], dict[str, Any]]:
    """Rows by the ids of their prompt."""
    return {tuple(cut(asked(row["prompt"][0]["content"]))): row for row in ROWS}


def normalised(logprobs: Any, best: Any) -> Any:
    chosen = np.take_along_axis(logprobs, best, axis=1)
    return chosen - np.log(np.exp(chosen).sum(axis=1, keepdims=True))


def completion_places(row: dict[str, Any]) -> list[int]:
    start = len(row["prompt"]) - 1
    return list(range(start, start + len(row["completion"])))


@pytest.fixture(scope="module")
def steps(first_steps: Any) -> dict[str, dict[str, Any]]:
    bare = [{**row, "privileged_context": None} for row in ROWS]
    found: dict[str, dict[str, Any]] = first_steps(
        {
            "sdft": ("sdft", ROWS, SDFT_SETTINGS),
            "told": ("sdpo", ROWS, SDPO_SETTINGS),
            "bare": ("sdpo", bare, SDPO_SETTINGS),
        }
    )
    return found


def test_the_first_loss_of_sdft_is_the_divergence_from_the_base_that_was_told_more(
    base: Path, cut: Any, row_of: Any, distributions: Any, steps: Any
) -> None:
    told = steps["sdft"]
    losses = []
    for row in told["rows"]:
        given = row_of[tuple(row["prompt"])]
        seen = cut(asked(f"{given['prompt'][0]['content']}\n\n{given['privileged_context']}"))
        ours = distributions(base, row["prompt"], row["completion"], 1.0)
        best = np.argsort(-ours, axis=1)[:, :20]
        student = normalised(ours, best)
        teacher = normalised(distributions(base, seen, row["completion"], 1.0), best)
        mixed = np.log((np.exp(student) + np.exp(teacher)) / 2)
        sides = np.exp(teacher) * (teacher - mixed) + np.exp(student) * (student - mixed)
        losses.append(sides.sum(axis=1).mean() / 2)
        assert row["moved"] == completion_places(row)
    assert len(losses) == 6
    assert told["loss"] == pytest.approx(np.mean(losses), rel=1e-4)


def retold(row: dict[str, Any], group: list[dict[str, Any]], decode: Any) -> str:
    """What SDPO's teacher reads, in TRL's words."""
    success = next((other for other in group if other is not row and other["right"]), None)
    given = row["given"]
    solution = "" if success is None else f"\nCorrect solution:\n\n{decode(success['completion'])}\n\n"
    feedback = given["privileged_context"]
    said = (
        f"\nThe following is feedback from your unsuccessful earlier attempt:\n\n{feedback}\n\n"
        if feedback
        else ""
    )
    return asked(
        f"{given['prompt'][0]['content']}{solution}{said}\n\nCorrectly solve the original question.\n"
    )


@pytest.mark.parametrize("feedback", [True, False])
def test_the_first_loss_of_sdpo_is_told_by_what_the_verifier_passed(
    base: Path, cut: Any, row_of: Any, distributions: Any, steps: Any, feedback: bool
) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    told = steps["told" if feedback else "bare"]
    rows: list[dict[str, Any]] = told["rows"]
    for row in rows:
        own = row_of[tuple(row["prompt"])]
        row["given"] = own if feedback else {**own, "privileged_context": None}
        text = tokenizer.decode(row["completion"], skip_special_tokens=True)
        row["right"] = family_answer.score(Task.model_validate(own["task"]), text).passed
    losses = []
    for at, row in enumerate(rows):
        group = rows[at - at % 4 : at - at % 4 + 4]
        taught = feedback or any(each["right"] for each in group if each is not row)
        assert (bool(row["rewards"]), bool(row["self_distillation_mask"])) == (row["right"], taught)
        assert set(row["moved"]) <= set(completion_places(row)) and bool(row["moved"]) == taught
        seen = cut(retold(row, group, lambda ids: tokenizer.decode(ids, skip_special_tokens=True)))
        ids = np.array(row["completion"])[:, None]
        ours, theirs = (
            np.take_along_axis(distributions(base, prompt, row["completion"], 1.0), ids, axis=1)[:, 0]
            for prompt in (row["prompt"], seen)
        )
        losses.append(float(((ours - theirs) * ours).mean()) if taught else 0.0)
    assert any(row["right"] for row in rows) and len(losses) == 12
    assert told["loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert told["report"] == {"verifier": "family_answer"}


def test_what_the_teacher_knows_is_learnt_and_the_seed_decides_the_samples(
    base: Path, cut: Any, distributions: Any, tmp_path: Path
) -> None:
    settings = SDFT_SETTINGS.model_copy(update={"epochs": 12.0, "learning_rate": 5e-4})
    outs = [train("sdft", base, ROWS, tmp_path / name, settings, progress=False) for name in ("out", "again")]
    bare = ROWS[0]["prompt"][0]["content"]
    prompt, seen = cut(asked(bare)), cut(asked(f"{bare}\n\n{ROWS[0]['privileged_context']}"))
    completion = cut(TASKS[0].solution or "")[:10]

    def distance(student: Path) -> float:
        ours, theirs = distributions(student, prompt, completion), distributions(base, seen, completion)
        return float((np.exp(theirs) * (theirs - ours)).sum(axis=1).mean())

    assert distance(outs[0]) < 0.7 * distance(base)
    assert len({open_model_directory(out).policy() for out in outs}) == 1


def test_sdpo_makes_a_directory_that_says_who_judged(base: Path, tmp_path: Path) -> None:
    settings = SDPO_SETTINGS.model_copy(update={"verifier": "exact", "epochs": 1.0})
    out = train("sdpo", base, ROWS, tmp_path / "out", settings, progress=False)
    origin = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert (origin["verifier"], origin["updates"]) == ("exact", 1)
    assert origin["policy"] == open_model_directory(out).policy() != open_model_directory(base).policy()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"verifier": "exactt"}, "did you mean 'exact'"),
        ({"verifier": "json:loads"}, "is no verifier"),
        ({"checkpoint_every": 1}, "give teacher='base'"),
        ({"alpha": 0.5}, "give top_k"),
        ({"max_completion_length": 500}, "not one of 3 prompts leaves room"),
    ],
)
def test_what_sdpo_cannot_do_is_refused(refusal: Any, change: dict[str, Any], told: str) -> None:
    assert told in refusal(SDPO, ROWS, SDPO_SETTINGS.model_copy(update=change))


def test_rows_that_cannot_be_told_more_are_refused(refusal: Any) -> None:
    begun = [{**ROWS[0], "prompt": [*ROWS[0]["prompt"], {"role": "assistant", "content": "Well"}]}]
    assert "it must end with a text of the role 'user'" in refusal(SDFT, begun, SDFT_SETTINGS)
    lacking = SDFT_SETTINGS.model_copy(update={"teacher_prompt_template": "{prompt}"})
    assert "lacks the field {privileged_context}" in refusal(SDFT, ROWS, lacking)
    assert "its column 'task' is no task" in refusal(SDPO, [{**ROWS[0], "task": {"id": "x"}}], SDPO_SETTINGS)
