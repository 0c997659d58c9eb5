import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tutelage import Sampling, Score, Task
from tutelage.errors import StoreError, UserError
from tutelage.graphs.debugging.teaching import (
    Lessons,
    accept,
    correct,
    forget,
    label_step,
    label_steps,
    lessons,
    rank,
    reject,
    teach,
)
from tutelage.traces import RolloutRecorder, Run, Store, Turn, merge_runs
from tutelage.traces.export import FORMATS
from tutelage.traces.lesson_writing import LessonWriter
from tutelage.training import Evaluation, select

SETTINGS = {"verifier": {"kind": "Exact", "name": "exact"}}
TASK = Task(id="t1", problem="What is 6 times 7?", reference="42", family="products")
HOSTILE = "\ud83d alone, \0, \x1b[31mred, \u2028 é😀\n\nanswer: 42"


def say(recorder: RolloutRecorder, role: str, prompt: str, completion: str, **fields: Any) -> Turn:
    known: dict[str, Any] = {
        "node": role,
        "sampling": Sampling(),
        "model": "vllm:DIR",
        "policy": "p1",
        "started": 1_750_000_000.0,
        "seconds": 0.5,
        "prompt_token_ids": [ord(letter) for letter in prompt],
        "completion_token_ids": [*(ord(letter) for letter in completion), 2],
        "logprobs": [-0.5] * (len(completion) + 1),
    }
    return recorder.turn(
        role=role, messages=[{"role": "user", "content": prompt}], completion=completion, **known | fields
    )


def solve(run: Run, *answers: str, task: Task = TASK, repeat: int = 0, review: str = "") -> list[Turn]:
    """Samples of a solver, a review of the first, all judged; the rollout is done."""
    recorder = run.begin(task, repeat)
    call = recorder.next_call()
    turns = [
        say(recorder, "solver", task.problem, answer, call=call, sample=at, samples=len(answers))
        for at, answer in enumerate(answers)
    ]
    for turn in turns:
        made = recorder.candidate(turn.completion, turn_id=turn.id)
        passed = turn.completion.endswith("42")
        score = Score(name="exact", value=passed, passed=passed, steps=(1.0,) * turn.completion.count("\n"))
        recorder.score(score, subject="candidate", subject_id=made.id)
    if review:
        turns.append(say(recorder, "reviewer", f"Check {answers[0]}", review, parents=[turns[0].id]))
    passed = answers[-1].endswith("42")
    recorder.score(Score(name="exact", value=passed, passed=passed))
    recorder.finish(answers[-1], {"solution": answers[-1]})
    return turns


def rows(run: Run, to: str, **options: Any) -> list[dict[str, Any]]:
    return list(run.export(to, taught=True, **options))


def text(messages: list[dict[str, str]]) -> str:
    (message,) = messages
    return message["content"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "first"


@pytest.fixture
def run(directory: Path) -> Iterator[Run]:
    with Store.open(directory).start_run(SETTINGS) as run:
        yield run


def test_an_accepted_answer_is_a_row_to_imitate_and_a_thumb_up(run: Run) -> None:
    first, _ = solve(run, "answer: 41", "answer: 42")
    lesson = accept(run, first.id)
    assert (lesson.kind, lesson.turn_id, lesson.who, lesson.rows) == (
        "accept",
        first.id,
        "person",
        ("sft", "kto"),
    )
    assert (lesson.task_id, lesson.rollout_id, lesson.role) == ("t1", first.rollout_id, "solver")
    (row,) = rows(run, "sft")
    assert row["row_id"] == f"{run.id}/{first.id}"
    assert (text(row["prompt"]), text(row["completion"])) == (TASK.problem, "answer: 41")
    told = {key: row[key] for key in ("author", "lesson", "taught_by", "parent_turn_id", "context")}
    assert told == {
        "author": "policy",
        "lesson": "accept",
        "taught_by": "person",
        "parent_turn_id": None,
        "context": "recorded",
    }
    assert [row["label"] for row in rows(run, "kto")] == [True]


def test_the_latest_label_of_a_turn_counts_and_can_be_taken_back(run: Run) -> None:
    first, other = solve(run, "answer: 41", "answer: 42")
    accept(run, first.id)
    accept(run, other.id)
    lesson = reject(run, first.id, who="teacher")
    assert [each.kind for each in lessons(run)] == ["accept", "reject"]
    assert (lesson.who, lesson.rows) == ("teacher", ("kto",))
    assert {row["turn_id"]: row["label"] for row in rows(run, "kto")} == {first.id: False, other.id: True}
    assert [row["turn_id"] for row in rows(run, "sft")] == [other.id]
    forget(run, first.id)
    assert [row["turn_id"] for row in rows(run, "kto")] == [other.id]
    assert [each.turn_id for each in lessons(run)] == [other.id]


def test_a_label_counts_though_the_clock_was_set_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (turn,) = solve(run, "answer: 41")
    accept(run, turn.id)
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    reject(run, turn.id)
    assert [each.kind for each in lessons(run)] == ["reject"]
    assert [row["label"] for row in rows(run, "kto")] == [False]


def test_a_correction_is_a_turn_by_a_person_on_the_same_prompt(run: Run) -> None:
    first, review = solve(run, "answer: 41", review="verdict: right")
    made = correct(run, review.id, "verdict: wrong at step 1")
    assert made == run.turn(made.id)
    assert (made.author, made.metadata, made.logprobs) == ("person", {"corrects": review.id}, None)
    assert (made.messages, made.parents, made.role, made.node) == (
        review.messages,
        (first.id,),
        "reviewer",
        "reviewer",
    )
    assert (made.prompt_token_ids, made.completion_token_ids) == (review.prompt_token_ids, None)
    rollout = run.rollout(made.rollout_id)
    assert (rollout.status, rollout.task, rollout.output) == (
        "abandoned",
        TASK,
        {"rollout": review.rollout_id, "corrects": review.id},
    )


def test_a_correction_is_a_row_a_pair_and_two_thumbs_with_its_lineage(run: Run) -> None:
    (turn,) = solve(run, "answer: 41")
    made = correct(run, turn.id, "6*7=42\nanswer: 42")
    (row,) = rows(run, "sft")
    assert (text(row["prompt"]), text(row["completion"])) == (TASK.problem, made.completion)
    assert (row["author"], row["lesson"], row["parent_turn_id"]) == ("person", "correct", turn.id)
    assert row["row_id"] == f"{run.id}/{made.id}"
    (pair,) = rows(run, "dpo")
    assert (text(pair["chosen"]), text(pair["rejected"])) == (made.completion, "answer: 41")
    assert (pair["author"], pair["rejected_author"], pair["pair"]) == ("person", "policy", "correct")
    assert (pair["turn_id"], pair["rejected_turn_id"], pair["context"]) == (made.id, turn.id, "recorded")
    assert pair["rejected_rollout_id"] == turn.rollout_id != pair["rollout_id"]
    assert rows(run, "reward") == [pair]
    assert {row["turn_id"]: row["label"] for row in rows(run, "kto")} == {turn.id: False, made.id: True}
    (lesson,) = lessons(run)
    assert (lesson.kind, lesson.turn_id, lesson.text, lesson.others) == (
        "correct",
        turn.id,
        made.completion,
        (made.id,),
    )
    assert lesson.rows == ("sft", "kto", "dpo", "reward")
    assert lesson.rollout_id == turn.rollout_id


def test_a_later_correction_takes_the_place_of_an_earlier_one_and_can_be_taken_back(run: Run) -> None:
    (turn,) = solve(run, "answer: 41")
    first = correct(run, turn.id, "answer: 43")
    second = correct(run, first.id, "answer: 42")
    assert second.metadata == {"corrects": turn.id}
    assert [row["turn_id"] for row in rows(run, "sft")] == [second.id]
    assert [row["turn_id"] for row in rows(run, "dpo")] == [second.id]
    assert len(lessons(run)) == 1
    forget(run, second.id)
    assert not lessons(run) and not rows(run, "kto") and not rows(run, "dpo")
    correct(run, turn.id, "answer: 42")
    forget(run, turn.id)
    assert not lessons(run) and not rows(run, "kto")


def test_an_answer_accepted_before_is_wrong_once_it_is_corrected(run: Run) -> None:
    (turn,) = solve(run, "answer: 41")
    accept(run, turn.id)
    made = correct(run, turn.id, "answer: 42")
    assert [row["turn_id"] for row in rows(run, "sft")] == [made.id]


def test_an_error_can_be_corrected_and_neither_accepted_nor_paired(run: Run) -> None:
    recorder = run.begin(TASK)
    turn = say(recorder, "solver", TASK.problem, "", error="too long")
    recorder.fail("too long")
    with pytest.raises(UserError, match="holds an error and no answer; correct it"):
        accept(run, turn.id)
    made = correct(run, turn.id, "answer: 42")
    assert [row["turn_id"] for row in rows(run, "sft")] == [made.id]
    assert rows(run, "dpo") == []
    assert lessons(run)[0].rollout_id == turn.rollout_id


@pytest.mark.parametrize(
    ("given", "said"),
    [(" \n", "is empty"), ("answer: 41", "is what it says; accept it")],
)
def test_a_correction_says_something_else(run: Run, given: str, said: str) -> None:
    (turn,) = solve(run, "answer: 41")
    with pytest.raises(UserError, match=said):
        correct(run, turn.id, given)
    assert lessons(run) == [] and run.rollouts("abandoned") == []


def test_what_a_person_writes_comes_back_exactly(run: Run) -> None:
    (turn,) = solve(run, "answer: 41")
    made = correct(run, turn.id, HOSTILE)
    assert run.turn(made.id).completion == lessons(run)[0].text == HOSTILE
    assert text(rows(run, "sft")[0]["completion"]) == HOSTILE


def exported(run: Run) -> dict[str, str]:
    """Every export that this run gives, as text."""
    found = {}
    for to in FORMATS:
        if to not in ("distill",):
            export = run.export(to)
            found[to] = json.dumps(list(export)) + export.report()
    return found


def test_lessons_change_no_number_and_no_other_export(run: Run) -> None:
    first, second, _ = solve(run, "2*3\nanswer: 41", "6*7\nanswer: 42", review="verdict: wrong")
    say(run.begin(TASK, 1), "solver", TASK.problem, "unfinished")

    def numbers() -> list[Any]:
        evaluation = Evaluation.of(run)
        return [
            run.summary(),
            run.report(),
            run.rollouts(),
            run.turns(),
            run.candidates(),
            run.tokens(),
            run.finished(),
            (evaluation.n, evaluation.accuracy, evaluation.interval, evaluation.tokens),
            select(run).examples,
            exported(run),
        ]

    before = numbers()
    accept(run, second.id)
    correct(run, first.id, "answer: 42")
    rank(run, [second.id, first.id])
    label_step(run, first.id, 1, False)
    assert numbers() == before


def test_a_taught_run_goes_on_where_it_stood(run: Run, directory: Path) -> None:
    (turn,) = solve(run, "answer: 41")
    correct(run, turn.id, "answer: 42")
    run.close()
    with Store.open(directory).start_run(SETTINGS) as again:
        assert again.finished() == {("t1", 0)}
        solve(again, "answer: 40", repeat=1)
        assert len(again.rollouts()) == 2
        assert len(lessons(again)) == 1


def test_ranked_answers_are_pairs_of_neighbours_or_of_all(run: Run) -> None:
    a, b, c = solve(run, "answer: 1", "answer: 2", "answer: 42")
    lesson = rank(run, [c.id, a.id, b.id])
    assert (lesson.kind, lesson.turn_id, lesson.others) == ("rank", c.id, (a.id, b.id))
    assert lesson.rows == ("dpo", "reward")

    def pairs(**options: Any) -> list[tuple[str, str]]:
        return [(row["turn_id"], row["rejected_turn_id"]) for row in rows(run, "dpo", **options)]

    assert pairs() == [(a.id, b.id), (c.id, a.id)]
    assert set(pairs(reuse=True)) == {(c.id, a.id), (c.id, b.id), (a.id, b.id)}
    assert {row["lesson"] for row in rows(run, "dpo")} == {"rank"}
    rank(run, [b.id, a.id])
    assert set(pairs(reuse=True)) == {(c.id, a.id), (c.id, b.id), (b.id, a.id)}
    forget(run, b.id)
    assert pairs(reuse=True) == [(c.id, a.id)]
    assert rows(run, "sft") == []


def test_answers_of_other_rollouts_and_corrections_are_ranked_too(run: Run) -> None:
    (a,) = solve(run, "answer: 1")
    (b,) = solve(run, "answer: 2", repeat=1)
    made = correct(run, a.id, "answer: 42")
    rank(run, [made.id, b.id, a.id])
    pairs = {(row["turn_id"], row["rejected_turn_id"]): row["pair"] for row in rows(run, "dpo", reuse=True)}
    assert pairs == {(made.id, b.id): "rank", (made.id, a.id): "rank", (b.id, a.id): "rank"}


def test_only_different_answers_to_one_prompt_are_ranked(run: Run) -> None:
    a, b, review = solve(run, "answer: 1", "answer: 2", review="verdict: right")
    (same,) = solve(run, "answer: 1", repeat=1)
    (foreign,) = solve(run, "answer: 3", task=TASK.model_copy(update={"id": "t2"}))
    for turns, said in (
        ([a], "at least two"),
        ([a, a], "at least two"),
        ([a, review], "do not answer the same prompt"),
        ([a, same], "all say the same"),
        ([a, foreign], "of several tasks"),
    ):
        with pytest.raises(UserError, match=said):
            rank(run, [turn.id for turn in turns])
    assert lessons(run) == []
    rank(run, [b.id, a.id, same.id])
    assert len(rows(run, "dpo", reuse=True)) == 1


def test_labelled_steps_are_a_row_up_to_the_last_label(run: Run) -> None:
    (turn,) = solve(run, "a\n\nb\nc\nd")
    lesson = label_step(run, turn.id, 3, False)
    assert lesson is not None
    assert (lesson.kind, lesson.steps, lesson.rows) == ("step", ((3, False),), ("prm",))

    def labelled(**options: Any) -> tuple[list[str], list[bool | float]]:
        (row,) = rows(run, "prm", **options)
        assert row["lesson"] == "step"
        return row["completions"], row["labels"]

    assert labelled() == (["a", "b", "c"], [True, True, False])
    label_step(run, turn.id, 2, False, who="teacher")
    assert labelled(labels="float") == (["a", "b", "c"], [1.0, 0.0, 0.0])
    assert labelled(after_error="cut") == (["a", "b"], [True, False])
    label_step(run, turn.id, 3, None)
    label_step(run, turn.id, 4, True)
    assert labelled() == (["a", "b"], [True, False])
    assert label_steps(run, turn.id, {2: None, 4: None}) is None
    assert rows(run, "prm") == []
    for step in (0, 5):
        with pytest.raises(UserError, match=f"has 4 steps .* no step {step}"):
            label_step(run, turn.id, step, True)


def branch(run: Run, repeat: int, review: str, prompt: str = "Check 41", more: str = "") -> list[Turn]:
    recorder = run.begin(TASK, repeat)
    turns = [say(recorder, "solver", TASK.problem, "answer: 41")]
    turns.append(say(recorder, "reviewer", prompt, review, parents=[turns[0].id]))
    if more:
        turns.append(say(recorder, "refiner", "Mend", more, parents=[each.id for each in turns]))
    recorder.finish("41")
    return turns


def test_a_better_branch_is_a_pair_where_they_part_and_its_later_answers_are_right(run: Run) -> None:
    _, wrong = branch(run, 0, "verdict: right")
    _, right, refined = branch(run, 1, "verdict: wrong", more="answer: 42")
    found = teach(run, right.rollout_id, wrong.rollout_id)
    assert [(each.kind, each.turn_id, each.others) for each in found] == [
        ("teach", right.id, (wrong.id,)),
        ("teach", refined.id, ()),
    ]
    assert [row["turn_id"] for row in rows(run, "sft")] == [right.id, refined.id]
    (pair,) = rows(run, "dpo")
    assert (pair["turn_id"], pair["rejected_turn_id"], pair["context"]) == (right.id, wrong.id, "recorded")
    assert (pair["pair"], pair["lesson"]) == ("teach", "teach")


def test_an_answer_to_an_edited_prompt_is_learnt_on_the_original_one(run: Run) -> None:
    _, wrong = branch(run, 0, "verdict: right")
    _, right = branch(run, 1, "verdict: wrong", prompt="Check 41. Hint: 6 times 7 is even")
    (lesson,) = teach(run, right.rollout_id, wrong.rollout_id)
    assert (lesson.prompt_turn_id, lesson.rows) == (wrong.id, ("sft", "kto", "dpo", "reward"))
    for to in ("sft", "dpo", "kto"):
        (row,) = rows(run, to)
        assert (text(row["prompt"]), row["context"], row["parent_turn_id"]) == (
            "Check 41",
            "original",
            wrong.id,
        )
        assert row["turn_id"] == right.id
    (row,) = rows(run, "sft", form="tokens")
    prompt = [ord(letter) for letter in "Check 41"]
    assert row["input_ids"][: len(prompt)] == prompt
    assert sum(row["completion_mask"]) == len(right.completion_token_ids or ())
    (row,) = rows(run, "sft", context="task")
    assert (text(row["prompt"]), row["context"]) == (TASK.problem, "task")


def test_a_fork_is_compared_with_the_branch_that_it_left(run: Run) -> None:
    solved, wrong = branch(run, 0, "verdict: right")
    recorder = run.begin(TASK, 1)
    right = say(recorder, "reviewer", "Check 41 again", "verdict: wrong", parents=[solved.id])
    recorder.abandon("held by a person")
    again = run.begin(TASK, 2)
    refined = say(again, "refiner", "Mend", "answer: 42", parents=[solved.id, right.id])
    again.finish("42")
    found = teach(run, again.rollout.id, wrong.rollout_id)
    assert [(each.turn_id, each.others, each.prompt_turn_id) for each in found] == [
        (right.id, (wrong.id,), wrong.id),
        (refined.id, (), None),
    ]
    assert [row["turn_id"] for row in rows(run, "sft")] == [right.id, refined.id]


def test_a_branch_that_went_where_the_other_never_did_is_imitated_without_a_pair(run: Run) -> None:
    _, review = branch(run, 0, "verdict: right")
    *_, refined = branch(run, 1, "verdict: right", more="answer: 42")
    (lesson,) = teach(run, refined.rollout_id, review.rollout_id)
    assert (lesson.turn_id, lesson.others, lesson.rows) == (refined.id, (), ("sft", "kto"))
    assert rows(run, "dpo") == []


def test_only_the_trained_roles_are_taught_by_a_branch(run: Run) -> None:
    _, wrong = branch(run, 0, "verdict: right")
    _, right, refined = branch(run, 1, "verdict: wrong", more="answer: 42")
    (lesson,) = teach(run, right.rollout_id, wrong.rollout_id, roles=["refiner"])
    assert (lesson.turn_id, lesson.others) == (refined.id, ())
    with pytest.raises(UserError, match="does not say, by judge"):
        teach(run, right.rollout_id, wrong.rollout_id, roles=["judge"])
    with pytest.raises(UserError, match="says nothing that"):
        teach(run, wrong.rollout_id, wrong.rollout_id)
    (foreign,) = solve(run, "answer: 3", task=TASK.model_copy(update={"id": "t2"}))
    with pytest.raises(UserError, match="of several tasks"):
        teach(run, foreign.rollout_id, wrong.rollout_id)


def test_what_was_said_of_a_turn_counts_whatever_became_of_its_rollout(run: Run) -> None:
    turns = []
    for repeat, end in enumerate((RolloutRecorder.fail, RolloutRecorder.abandon, None)):
        recorder = run.begin(TASK, repeat)
        turns.append(say(recorder, "solver", f"ask {repeat}", "answer: 42"))
        if end is not None:
            end(recorder, "x")
        accept(run, turns[-1].id)
    assert [row["turn_id"] for row in rows(run, "sft")] == [turn.id for turn in turns]


def test_tokens_that_a_person_wrote_are_marked(run: Run) -> None:
    turn, right = solve(run, "answer: 41", "answer: 42")
    accept(run, right.id)
    made = correct(run, turn.id, "ab", tokenizer=lambda text: [*map(ord, text), 2])
    assert made.completion_token_ids == (97, 98, 2)
    found = {row["turn_id"]: row for row in rows(run, "sft", form="tokens")}
    prompt = len(TASK.problem)
    assert found[made.id]["human_mask"] == found[made.id]["completion_mask"] == [0] * prompt + [1, 1, 1]
    assert found[made.id]["labels"][prompt:] == [97, 98, 2]
    assert sum(found[right.id]["human_mask"]) == 0


def test_the_report_says_where_rows_come_from(run: Run) -> None:
    turn, right = solve(run, "answer: 41", "answer: 42")
    accept(run, right.id, who="teacher")
    correct(run, turn.id, "6*7=42\nanswer: 42")
    export = run.export("sft", taught=True)
    list(export)
    lines = export.report().splitlines()
    assert lines[0] == "kept 2 of 3 turns, because 1 were rejected"
    assert set(lines[1:]) == {
        "1 rows were accepted by teacher",
        "1 rows come of corrections by person",
        "1 rows hold an answer that no model sampled: written by person",
    }


def test_lessons_survive_a_merge_and_a_copy(run: Run, tmp_path: Path) -> None:
    turn, right = solve(run, "answer: 41", "answer: 42")
    correct(run, turn.id, "6*7=42\nanswer: 42")
    rank(run, [right.id, turn.id])
    with Run.open(run.copy(tmp_path / "one.sqlite")) as copied:
        assert lessons(copied) == lessons(run)
    run.close()
    with merge_runs([tmp_path / "runs" / "first"], tmp_path / "all") as merged:
        assert len(lessons(merged)) == 2
        assert len(rows(merged, "dpo")) == 2
    with Lessons(tmp_path / "runs" / "first") as more:
        more.reject(right.id)
    with merge_runs([tmp_path / "runs" / "first"], tmp_path / "all") as merged:
        assert [each.kind for each in lessons(merged)] == ["correct", "rank", "reject"]


def test_a_recorded_run_is_opened_for_teaching_unless_another_process_writes_it(
    run: Run, directory: Path, tmp_path: Path
) -> None:
    turn, right = solve(run, "answer: 41", "answer: 42")
    with pytest.raises(StoreError, match="is being written"):
        Lessons(directory)
    run.close()
    with Lessons(directory) as taught:
        taught.accept(right.id)
        made = taught.correct(turn.id, "answer: 42!")
        taught.rank([made.id, right.id])
        taught.label_step(turn.id, 1, False)
        assert [each.kind for each in taught.lessons()] == ["accept", "correct", "rank", "step"]
        taught.forget(made.id)
        assert [each.kind for each in taught.lessons()] == ["accept", "step"]
    with Run.open(directory) as read:
        assert len(lessons(read)) == 2
        with pytest.raises(StoreError, match="open for reading only"):
            accept(read, turn.id)
    with pytest.raises(StoreError, match="no run is recorded"):
        Lessons(tmp_path / "none")


def test_what_cannot_be_taught_is_told_in_a_sentence(run: Run) -> None:
    (turn,) = solve(run, "answer: 41")
    with pytest.raises(UserError, match="nothing was taught in run 'first'; teach something first"):
        run.export("sft", taught=True)
    made = correct(run, turn.id, "answer: 42")
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: accept(run, "0" * 32), "has no turn"),
        (lambda: accept(run, made.id), "is a correction, which counts as right; forget"),
        (lambda: accept(run, turn.id, who="dog"), "by person or teacher"),  # type: ignore[arg-type]
        (lambda: run.export("grpo", taught=True), "'grpo' cannot be made of what was taught; sft, dpo"),
        (lambda: run.export("sft", taught=True, verifier="exact"), "leave out the verifier"),
        (lambda: run.export("dpo", taught=True, pairs="fork"), "leave out the verifier and how pairs"),
        (lambda: run.export("reward", taught=True, with_margin=True), "leave out with_margin"),
    ]
    for call, said in calls:
        with pytest.raises(UserError, match=said):
            call()


def test_a_lesson_that_cannot_be_written_whole_leaves_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (turn,) = solve(run, "answer: 41")
    whole = LessonWriter.label

    def broken(self: Any, turn_id: str, *rest: Any) -> None:
        whole(self, turn_id, *rest)
        if turn_id == turn.id:
            raise StoreError("the disk is full")

    monkeypatch.setattr(LessonWriter, "label", broken)
    with pytest.raises(StoreError):
        correct(run, turn.id, "answer: 42")
    assert not lessons(run) and not run.rollouts("abandoned") and not run.scores(subject="turn")


def rows_read(run: Run, action: Callable[[], object]) -> int:
    """How many rows of the record an action reads."""
    read: list[None] = []

    def counted(cursor: object, row: tuple[Any, ...]) -> tuple[Any, ...]:
        read.append(None)
        return row

    connection = run._store.database._connection
    connection.row_factory = counted
    try:
        action()
    finally:
        connection.row_factory = None
    return len(read)


def test_a_lesson_reads_no_more_after_hundreds_of_others(run: Run) -> None:
    first, *others = (solve(run, "answer: 41", "answer: 42", repeat=at) for at in range(60))

    def reads() -> list[int]:
        one, other = first
        return [
            rows_read(run, lambda: accept(run, one.id)),
            rows_read(run, lambda: reject(run, one.id)),
            rows_read(run, lambda: rank(run, [other.id, one.id])),
            rows_read(run, lambda: label_step(run, one.id, 1, True)),
            rows_read(run, lambda: correct(run, one.id, "answer: 6 * 7")),
            rows_read(run, lambda: forget(run, one.id)),
        ]

    reads()
    # What was said of a turn before stays on record, and is read when something new is said of the same turn.
    again = [later - before for before, later in zip(*(reads() for _ in range(2)), strict=True)]
    before = reads()
    for one, other in others:
        accept(run, other.id)
        rank(run, [other.id, one.id])
        correct(run, one.id, "answer: 7 * 6")
    assert len(lessons(run)) >= 3 * len(others)
    assert [later - known for later, known in zip(reads(), before, strict=True)] == again
