from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq
import pytest

from tutelage.errors import UserError
from tutelage.traces.export import export


class Teacher:
    """Says of each token that it, and the one after it, were likeliest."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[int], Sequence[int]]] = []

    def top_k_of(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], k: int) -> list[Any]:
        self.asked += pairs
        return [
            ([[id + at for at in range(k)] for id in said], [[-1.0 - at for at in range(k)] for _ in said])
            for _, said in pairs
        ]


def test_rows_hold_the_teachers_likeliest_tokens_at_every_completion_token(
    looping: Any, tmp_path: Any
) -> None:
    data = export(looping.run, "distill", teacher=Teacher(), top_k=2)
    rows = list(data)
    assert len(rows) == 9
    for row in rows:
        turn = looping.run.turn(row["turn_id"])
        assert row["input_ids"] == [*row["prompt_ids"], *row["completion_ids"]]
        assert row["completion_ids"] == list(turn.completion_token_ids)
        assert row["completion_mask"] == [0] * len(row["prompt_ids"]) + [1] * len(row["completion_ids"])
        assert row["teacher_ids"] == [[id, id + 1] for id in row["completion_ids"]]
        assert row["teacher_logprobs"] == [[-1.0, -2.0]] * len(row["completion_ids"])
    assert pq.read_table(data.parquet(tmp_path / "rows.parquet")).to_pylist() == rows
    assert data.tokens is not None and data.tokens.lost == 0


def test_a_teacher_can_be_a_function_and_read_more_than_the_student(looping: Any) -> None:
    teacher = Teacher()
    options = {"roles": "refiner", "context": "root", "teacher_context": "recorded"}
    rows = list(export(looping.run, "distill", teacher=lambda pairs: teacher.top_k_of(pairs, 3), **options))
    for row, (prompt, said) in zip(rows, teacher.asked, strict=True):
        turn = looping.run.turn(row["turn_id"])
        assert (list(prompt), list(said)) == (list(turn.prompt_token_ids), row["completion_ids"])
        assert row["prompt_ids"] == toy_ids(looping, f"What is {row['task_id']}?")
        assert len(row["teacher_ids"][0]) == 3


def toy_ids(toy: Any, text: str) -> list[int]:
    ids: list[int] = toy.rendered([{"role": "user", "content": text}])
    return ids


def test_a_teacher_is_asked_about_kept_rows_only(looping: Any) -> None:
    teacher = Teacher()
    assert len(list(export(looping.run, "distill", teacher=teacher, per_task=1))) == len(teacher.asked) == 3


def test_a_teacher_that_answers_otherwise_is_told(looping: Any) -> None:
    with pytest.raises(UserError, match="distill needs teacher="):
        export(looping.run, "distill")
    with pytest.raises(UserError, match="0 answers for 9 completions"):
        list(export(looping.run, "distill", teacher=lambda pairs: []))
    with pytest.raises(UserError, match="1 and 1 lists for"):
        list(export(looping.run, "distill", teacher=lambda pairs: [([[1]], [[-1.0]])] * len(pairs)))
