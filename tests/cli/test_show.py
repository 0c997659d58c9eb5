import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_show_reports_a_run(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    code, out, _ = tutelage("show", recorded.path)
    assert code == 0
    assert "exact: 1 of 1 right" in out
    assert json.loads(tutelage("show", recorded.path, "--json")[1])["rollouts"]["failed"] == 1
    assert "runs/b" in sentence(tutelage("show", "runs/b"))


def test_show_tells_the_whole_story_of_a_turn(tutelage: Command, recorded: Any) -> None:
    code, out, err = tutelage("show", recorded.path, recorded.right)
    assert (code, err) == (0, "")
    for told in (
        f"turn {recorded.right}: refiner, node refiner_node, call 3",
        "task sum-0, repeat 0: done, answer 1, exact right (1)",
        "policy p2, model scripted:test",
        "tokens: 2 read, 3 written",
        "What is 0+1?",
        f"solver {recorded.wrong[-10:]}  wrong",
        f"reviewer {recorded.review[-10:]}  says wrong",
        "round 1, answer 1; exact right (1)",
        "says nothing",
    ):
        assert told in out
    assert (
        out.index("says wrong")
        < out.index("\nprompt")
        < out.index("\ncompletion")
        < out.index("says nothing")
    )


def test_show_gives_a_turn_as_data(tutelage: Command, recorded: Any) -> None:
    found = json.loads(tutelage("show", recorded.path, recorded.right, "--json")[1])
    assert found["row_id"] == f"{recorded.id}/{recorded.right}"
    assert found["lineage"] == [recorded.wrong, recorded.review]
    assert (found["turn"]["prompt_tokens"], found["turn"]["completion_tokens"]) == (2, 3)
    assert "logprobs" not in found["turn"]
    assert [each["answer"] for each in found["candidates"]] == ["1"]
    assert len(found["made"]) == 1


@pytest.mark.parametrize("name", ["rollout", "wrong", "candidate"])
def test_show_finds_things_by_the_last_digits_of_their_ids(
    tutelage: Command, recorded: Any, name: str
) -> None:
    id = getattr(recorded, name)
    assert tutelage("show", recorded.path, id[-10:]) == tutelage("show", recorded.path, id)
    shown = recorded.wrong if name == "candidate" else id
    assert shown in tutelage("show", recorded.path, id)[1]


def test_show_tells_a_task_with_all_its_rollouts(tutelage: Command, recorded: Any) -> None:
    out = tutelage("show", recorded.path, "sum-1")[1]
    assert "What is 1+1?" in out
    assert "reference: 2" in out
    assert "abandoned, so it does not count" in out
    found = json.loads(tutelage("show", recorded.path, "sum-0", "--json")[1])
    assert [each["status"] for each in found["rollouts"]] == ["done"]


def test_a_row_of_an_export_leads_to_its_turn(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    row = f"{recorded.id}/{recorded.review}"
    story = tutelage("show", recorded.path, recorded.review)
    assert tutelage("show", row) == tutelage("show", recorded.path, row) == story
    assert tutelage("show", row, "--in", ".") == story
    Path("elsewhere").mkdir()
    assert "--in DIRECTORY" in sentence(tutelage("show", row, "--in", "elsewhere"))
    assert "needs no ID" in sentence(tutelage("show", row, "x"))


def test_tokens_have_their_ids_and_log_probabilities(
    tutelage: Command, sentence: Sentence, recorded: Any
) -> None:
    out = tutelage("show", recorded.path, recorded.wrong, "--tokens")[1]
    assert "no tokenizer of scripted:test is at hand" in out
    assert "7 8" in out
    assert "-0.5000" in out
    found = json.loads(tutelage("show", recorded.path, recorded.wrong, "--tokens", "--json")[1])
    assert found["turn"]["completion_token_ids"] == [1, 2, 3]
    assert found["turn"]["logprobs"] == [-0.5, -0.25, None]
    assert "one turn" in sentence(tutelage("show", recorded.path, "--tokens"))
    assert "is a rollout" in sentence(tutelage("show", recorded.path, recorded.rollout, "--tokens"))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--role", "solver"], 2),
        (["--role", "solver", "--role", "refiner"], 3),
        (["--node", "reviewer_node"], 2),
        (["--policy", "p2"], 1),
        (["--verdict", "wrong"], 1),
        (["--verdict", "none"], 1),
        (["--passed"], 3),
        (["--failed"], 2),
        (["--min-score", "1"], 3),
        (["--max-score", "0.5"], 2),
        (["--text", "ANSWER: 7"], 1),
        (["--task", "sum-0"], 5),
        (["--task", "sum-0", "--limit", "2"], 2),
        (["--limit", "100"], 6),
    ],
)
def test_filters_list_turns(tutelage: Command, recorded: Any, options: list[str], count: int) -> None:
    code, out, err = tutelage("show", recorded.path, *options)
    assert (code, len(out.splitlines()), err) == (0, count + 1, "")
    rows = [json.loads(line) for line in tutelage("show", recorded.path, *options, "--json")[1].splitlines()]
    assert len(rows) == count
    for row, line in zip(rows, out.splitlines()[1:], strict=True):
        assert line.startswith(row["turn_id"][-10:])
    shown = tutelage("show", recorded.path, out.splitlines()[1].split()[0])
    assert shown[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "judge"], "no role 'judge'; it has 'solver', 'reviewer', 'refiner'"),
        (["--task", "sum-9"], "no task 'sum-9'; it has 'sum-0'"),
        (["--policy", "p9"], "no policy 'p9'"),
        (["--passed", "--verifier", "oracle"], "no scores of 'oracle'"),
        (["--graph", "--role", "solver"], "whole rollouts"),
        (["zzz"], "begins or ends with 'zzz'"),
        (["sum"], "stands for several things"),
        (["sum-0", "--role", "solver"], "leave the ID out"),
    ],
)
def test_what_a_run_has_not_is_one_sentence(
    tutelage: Command, sentence: Sentence, recorded: Any, options: list[str], said: str
) -> None:
    assert said in sentence(tutelage("show", recorded.path, *options))


def test_finding_nothing_is_said_and_exit_code_1(tutelage: Command, recorded: Any) -> None:
    code, out, err = tutelage("show", recorded.path, "--error")
    assert (code, out, err) == (1, "", "tutelage: no turn is like this\n")


def test_the_graph_is_a_tree_of_text(tutelage: Command, recorded: Any) -> None:
    lines = tutelage("show", recorded.path, "--graph", "--task", "sum-0")[1].splitlines()
    assert lines[1].startswith("  ├─ solver ")
    assert lines[2].startswith(f"  │  ↓ reviewer {recorded.review[-10:]}  says wrong")
    assert lines[3].startswith(f"  │  ↓ refiner {recorded.right[-10:]} + {recorded.wrong[-10:]}  right")
    assert lines[4].startswith("  │  ↓ reviewer ")
    assert lines[5].startswith("  └─ solver ")
    assert len(tutelage("show", recorded.path, "--graph", "--limit", "1")[1].splitlines()) == 7
    marked = tutelage("show", recorded.path, recorded.review, "--graph")[1].splitlines()
    assert [line for line in marked if "➤" in line] == [lines[2].replace("reviewer", "➤ reviewer")]


def test_the_graph_is_nodes_and_edges_for_programs(tutelage: Command, recorded: Any) -> None:
    lines = tutelage("show", recorded.path, "--graph", "--json")[1].splitlines()
    graph = json.loads(lines[0])
    assert (len(lines), graph["task_id"], len(graph["nodes"])) == (2, "sum-0", 5)
    assert [recorded.review, recorded.right] in graph["edges"]


def test_what_a_model_said_never_reaches_the_terminal_as_it_is(tutelage: Command, recorded: Any) -> None:
    path, turn = recorded.path, recorded.hostile
    for arguments in (
        ["show", path],
        ["show", path, turn],
        ["show", path, turn, "--json"],
        ["show", path, "--graph"],
        ["show", path, "--task", "sum-2"],
        ["show", path, "--task", "sum-2", "--json"],
        ["show", path, "sum-2"],
        ["sql", path, "SELECT role, completion FROM turn WHERE task = 'sum-2'"],
        ["sql", path, "SELECT role, completion FROM turn WHERE task = 'sum-2'", "--json"],
        ["runs"],
        ["runs", "--json"],
    ):
        code, out, err = tutelage(*arguments)
        assert code == 0
        assert not set("\x1b\x07\u202e\udcff\x9b") & set(out + err), arguments
        assert not [line for line in out.splitlines() if line.startswith("turn 0000")], arguments


def test_data_keeps_what_a_model_said_exactly(tutelage: Command, recorded: Any) -> None:
    found = json.loads(tutelage("show", recorded.path, recorded.hostile, "--json")[1])
    assert found["turn"]["completion"].startswith("\x1b[31mred\x1b]0;title\x07 \u202etxt.exe \udcff\x9b2J")
