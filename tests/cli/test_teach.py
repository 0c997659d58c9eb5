import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def lines(answer: Answer) -> list[dict[str, Any]]:
    assert answer[0] == 0, answer
    return [json.loads(line) for line in answer[1].splitlines()]


def exported(tutelage: Command, path: str, to: str) -> list[dict[str, Any]]:
    return lines(tutelage("export", path, "--to", to, "--taught", "--out", "-"))


def test_a_turn_is_accepted_and_rejected_by_the_end_of_its_id(tutelage: Command, recorded: Any) -> None:
    code, out, _ = tutelage("teach", recorded.path, recorded.right[-10:], "--accept")
    assert (code, out) == (0, f"refiner {recorded.right[-10:]} is right (person; rows: sft, kto)\n")
    assert [row["turn_id"] for row in exported(tutelage, recorded.path, "sft")] == [recorded.right]
    (told,) = lines(
        tutelage("teach", recorded.path, recorded.wrong, "--reject", "--who", "teacher", "--json")
    )
    assert (told["kind"], told["turn_id"], told["who"]) == ("reject", recorded.wrong, "teacher")
    assert [row["label"] for row in exported(tutelage, recorded.path, "kto")] == [False, True]


def test_a_correction_is_given_as_text_or_as_a_file(tutelage: Command, recorded: Any) -> None:
    code, out, _ = tutelage("teach", recorded.path, recorded.wrong, "--correct", "0+1=1\nanswer: 1")
    assert code == 0
    assert "is corrected by" in out and "0+1=1↵answer: 1" in out
    (row,) = exported(tutelage, recorded.path, "sft")
    assert (row["author"], row["parent_turn_id"]) == ("person", recorded.wrong)
    code, out, _ = tutelage("show", row["row_id"])
    assert code == 0 and "person" in out
    Path("right.txt").write_text("answer: 01\n", "utf-8")
    tutelage("teach", recorded.path, recorded.wrong, "--correct", "@right.txt")
    (row,) = exported(tutelage, recorded.path, "sft")
    assert row["completion"] == [{"role": "assistant", "content": "answer: 01"}]
    assert len(exported(tutelage, recorded.path, "dpo")) == 1


def test_steps_are_labelled_together_or_not_at_all(
    tutelage: Command, sentence: Sentence, recorded: Any
) -> None:
    def step(*options: str) -> Answer:
        return tutelage("teach", recorded.path, recorded.wrong, *(f"--step={each}" for each in options))

    assert "no step 2" in sentence(step("1:wrong", "2:right"))
    assert tutelage("teach", recorded.path)[0] == 1
    assert "step 1 is wrong (person; rows: prm)" in step("1:wrong")[1]
    (row,) = exported(tutelage, recorded.path, "prm")
    assert (row["completions"], row["labels"]) == (["answer: 7"], [False])
    assert step("1:none") == (0, "nothing is said of it any more\n", "")


def test_answers_are_ranked_and_branches_compared(
    tutelage: Command, sentence: Sentence, recorded: Any
) -> None:
    (first,) = [
        row["id"]
        for row in lines(tutelage("sql", recorded.path, "SELECT id FROM turn WHERE sample = 1", "--json"))
    ]
    assert "is better than" in tutelage("teach", recorded.path, first, recorded.wrong, "--rank")[1]
    (pair,) = exported(tutelage, recorded.path, "dpo")
    assert (pair["turn_id"], pair["rejected_turn_id"]) == (first, recorded.wrong)
    same = ["--better", recorded.rollout, "--worse", recorded.rollout]
    assert "says nothing that" in sentence(tutelage("teach", recorded.path, *same))


def test_lessons_are_listed_and_forgotten(tutelage: Command, recorded: Any) -> None:
    assert tutelage("teach", recorded.path) == (1, "", "")
    tutelage("teach", recorded.path, recorded.right, "--accept")
    tutelage("teach", recorded.path, recorded.wrong, "--reject")
    assert [each["kind"] for each in lines(tutelage("teach", recorded.path, "--json"))] == [
        "accept",
        "reject",
    ]
    (one,) = lines(tutelage("teach", recorded.path, recorded.wrong, "--json"))
    assert one["turn_id"] == recorded.wrong
    assert tutelage("teach", recorded.path, recorded.wrong, "--forget")[0] == 0
    assert len(lines(tutelage("teach", recorded.path, "--json"))) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--accept", "--reject"], "one thing at a time, not --accept and --reject"),
        (["--accept"], "--accept needs one TURN, not 0"),
        (["WRONG", "RIGHT", "--correct", "x"], "--correct needs one TURN, not 2"),
        (["WRONG", "--step", "one:right"], "give N:right, N:wrong or N:none"),
        (["WRONG", "--correct", "@none.txt"], "cannot be read as UTF-8 text"),
        (["WRONG", "--correct", " "], "is empty"),
        (["--better", "ROLLOUT"], "--better and --worse take a rollout each"),
        (["ROLLOUT", "--accept"], "is a rollout, and a turn is asked for"),
        (["sum-0", "--accept"], "is a task, and a turn is asked for"),
    ],
)
def test_what_cannot_be_taught_is_one_sentence(
    tutelage: Command, sentence: Sentence, recorded: Any, options: list[str], said: str
) -> None:
    names = {"WRONG": recorded.wrong, "RIGHT": recorded.right, "ROLLOUT": recorded.rollout}
    assert said in sentence(tutelage("teach", recorded.path, *(names.get(each, each) for each in options)))


def test_hostile_text_of_a_correction_is_printed_harmlessly(tutelage: Command, recorded: Any) -> None:
    code, out, _ = tutelage("teach", recorded.path, recorded.wrong, "--correct", "\x1b[31mred \u202e")
    assert code == 0
    assert "\x1b" not in out and "⟨U+001B⟩" in out
    assert "\x1b" not in tutelage("teach", recorded.path, "--json")[1]
