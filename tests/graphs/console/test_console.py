import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.graphs.console import Console, ConsoleSettings, Reply
from tutelage.graphs.console.command import Command
from tutelage.graphs.console.commands import COMMANDS
from tutelage.graphs.console.vocabulary import Vocabulary

Run = Callable[..., Reply]


def place(console: Console) -> tuple[str, str, int]:
    stop = console.session.stop
    assert stop is not None
    return stop.when, stop.visit.node, stop.visit.number


def test_it_begins_before_the_first_node(console: Console) -> None:
    assert place(console) == ("before", "solver", 1)
    assert console.stand().text == "> before solver  visit 1, main: start"


def test_step_goes_to_every_event_and_next_to_every_node(console: Console, run: Run) -> None:
    run("s")
    assert place(console) == ("prompt", "solver", 1)
    run("s")
    assert place(console) == ("after", "solver", 1)
    run("n")
    assert place(console) == ("before", "reviewer", 2)
    run("n")
    assert place(console) == ("before", "refiner", 3)


def test_an_empty_line_repeats_what_steps_or_lists_and_nothing_else(console: Console, run: Run) -> None:
    run("s", "")
    assert place(console) == ("after", "solver", 1)
    run("set answer = '7'")
    assert run("") == Reply()
    assert place(console) == ("after", "solver", 1)


def test_until_and_continue_go_to_a_node_and_to_the_end(console: Console, run: Run) -> None:
    run("unt refiner")
    assert place(console) == ("before", "refiner", 3)
    assert run("c").text == "the end of branch main: answer 0, wrong (0)"
    assert run("c").refused


def test_several_commands_stand_on_a_line_and_comments_do_nothing(console: Console, run: Run) -> None:
    reply = run("# nothing", "n ;; n ;; p answer")
    assert place(console) == ("before", "refiner", 3)
    assert reply.data == "0"


def test_what_follows_a_refused_command_on_its_line_is_left_out(console: Console, run: Run) -> None:
    assert run("b nowhere ;; n").refused
    assert place(console) == ("before", "solver", 1)


def test_a_misspelt_node_names_the_nearest(run: Run) -> None:
    reply = run("b revewer")
    assert reply.refused
    assert "no node 'revewer'" in reply.text
    assert "'reviewer'" in reply.text


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("b reviewer", ("before", "reviewer", 2)),
        ("b after reviewer, verdict == 'wrong'", ("after", "reviewer", 2)),
        ("b role:refiner", ("prompt", "refiner", 3)),
        ("b verdict:wrong", ("after", "reviewer", 2)),
        ("b when round > 0", ("after", "refiner", 3)),
        ("b tokens > 1", ("after", "solver", 1)),
        ("tbreak refiner", ("before", "refiner", 3)),
    ],
)
def test_a_breakpoint_stops_where_it_says(
    console: Console, run: Run, text: str, where: tuple[str, str, int]
) -> None:
    run(text, "c")
    assert place(console) == where


def test_breakpoints_are_listed_ignored_disabled_conditioned_and_cleared(console: Console, run: Run) -> None:
    run("b reviewer", "ignore 1 1", "c")
    assert place(console) == ("before", "reviewer", 4)
    assert "hit 2 times" in run("b").text
    assert run("condition 1 round > 5").text.endswith("when round > 5  (hit 2 times)")
    assert "disabled" in run("disable 1").text
    assert "disabled" not in run("enable 1").text
    assert run("cl 1", "b").text == "there are no breakpoints"
    assert run("cl 1").refused


def test_commands_of_a_breakpoint_run_at_each_hit(console: Console, run: Run) -> None:
    assert console.prompt == "(tutelage) "
    run("b reviewer", "commands 1")
    assert console.prompt == "(commands 1) "
    run("silent", "p round", "c", "end")
    assert run("c").text == "0\n1\n2\nthe end of branch main: answer 0, wrong (0)"


def test_displays_are_shown_at_every_stop_with_the_value_before(run: Run) -> None:
    run("display round", "unt refiner")
    assert run("n").text.endswith("display 1: round = 1   [was 0]")
    run("undisplay 1")
    assert "display" not in run("n").text


def test_expressions_see_the_state_and_refuse_what_reaches_out(run: Run) -> None:
    assert run("n", "p len(candidates) + round").data == 1
    assert run("p answer == state['answer']").data is True
    for text in ("p __import__('os')", "p answer.__class__", "p nothing", "p 1 +", "p"):
        assert run(text).refused


def test_the_state_and_what_changed_can_be_looked_at(run: Run) -> None:
    run("s", "s")
    assert "answer: None → '0'" in run("changes").text
    assert "answer = '0'" in run("state").text
    assert run("state solution").text == "  0=0\n  answer: 0"
    assert run("state solutoin").text.startswith(
        "the state has no field 'solutoin'; did you mean 'solution'? ("
    )
    assert "problem = " in run("a").text


def test_setting_a_field_decides_where_the_router_goes(console: Console, run: Run) -> None:
    run("b after reviewer", "c", "set verdict = 'right'")
    assert run("c").text.startswith("the end of branch main")


def test_a_place_in_a_field_can_be_set(run: Run) -> None:
    run("n", "set candidates[0]['text'] = 'answer: 4'")
    assert run("p candidates[0]['text']").data == "answer: 4"
    for text in ("set candidates[9]['text'] = 1", "set nothing[0] = 1", "set answer", "set answer = wrong"):
        assert run(text).refused


def test_the_prompt_can_be_read_edited_and_answered(console: Console, run: Run) -> None:
    run("b role:refiner", "c")
    whole = run("prompt").text
    assert "refiner will be asked" in whole and "Rewrite the solution" in whole
    run("edit prompt Rewrite the solution and be careful.", "sampling temperature=0.5")
    request = console.session.stop and console.session.stop.request
    assert request and request.messages[-1]["content"] == "Rewrite the solution and be careful."
    assert request.sampling["temperature"] == 0.5
    run("s")
    assert run("p answer").data == "35"


def test_a_person_answers_in_the_models_stead(console: Console, run: Run) -> None:
    run("b role:refiner", "c", "say 17*2=34", "s")
    assert run("p solution").data == "17*2=34"
    turn = console.session.visits()[-1].turns[-1]
    assert console.session.run_record.turn(turn).author == "person"


def test_lines_up_to_a_word_are_one_text(console: Console, run: Run) -> None:
    run("b role:refiner", "c", "say <<END", "17+18=35", "answer: 35")
    assert console.prompt == "> "
    run("END", "s")
    assert run("p solution").data == "17+18=35\nanswer: 35"


def test_free_text_keeps_its_semicolons(run: Run) -> None:
    run("b role:refiner", "c", "say a;; b", "s")
    assert run("p solution").data == "a;; b"


def test_rewriting_changes_every_later_prompt_of_a_role(run: Run) -> None:
    run('rewrite refiner "Rewrite the solution" "Be careful. Rewrite the solution"')
    assert run("c").text == "the end of branch main: answer 35, right (1)"
    assert run("rewrite refiner only").refused


def test_a_fork_leaves_the_branch_as_it_was(console: Console, run: Run) -> None:
    run("b after reviewer", "c", "fork other")
    assert console.session.branch == "other"
    run("cl", "set verdict = 'right'", "c", "switch main")
    assert place(console) == ("after", "reviewer", 2)
    assert run("p verdict").data == "wrong"
    names = {each["name"]: each["status"] for each in run("branches").data}
    assert names == {"main": "stopped", "other": "done"}


def test_going_back_to_a_visit_is_a_branch(console: Console, run: Run) -> None:
    run("c", "goto 2")
    assert place(console) == ("before", "reviewer", 2)
    assert console.session.branch != "main"
    for text in ("goto", "goto 99", "goto 2 beside", "fork a b"):
        assert run(text).refused


def test_branches_are_renamed_and_dropped(run: Run) -> None:
    run("n", "fork", "rename good", "switch main", "drop good")
    assert "good" not in run("branches").text
    assert "good (dropped)" in run("branches all").text
    assert run("drop nothing").refused


def test_a_difference_shows_fields_and_words(run: Run) -> None:
    run("b role:refiner", "c", "fork careful", "cl", "edit prompt Rewrite the solution, careful", "c")
    run("switch main", "c", "switch careful")
    text = run("diff main").text
    assert "answer: 0 → 35" in text
    assert "{+" in text and "[-" in text


def test_resampling_gives_a_spread_and_compares_with_the_one_before(console: Console, run: Run) -> None:
    run("b role:refiner", "c", "cl")
    before = run("resample 4 at 3")
    assert "0 of 4 right" in before.text
    after = run("resample 4 at 3 prompt Rewrite the solution, careful")
    assert "4 of 4 right" in after.text
    assert "against the resampling before: +100.0 points" in after.text
    assert after.data["answers"] == [["35", 4]]
    for text in ("resample", "resample none", "resample 2 at 99", "resample 2 temperature=hot"):
        assert run(text).refused


def test_lessons_are_taught_and_listed(console: Console, run: Run) -> None:
    run("b after refiner", "c")
    wrong = console.session.visits()[0].turns[0]
    assert run(f"reject {wrong[-10:]}").data["kind"] == "reject"
    assert run("label 1 right").data["steps"] == [[1, True]]
    assert run("correct 17+18=35\nanswer: 35").data["kind"] == "correct"
    assert run("accept nothing").refused
    listed = run("lessons")
    assert {each["kind"] for each in listed.data} >= {"reject", "correct"}
    assert "--taught" in listed.text
    run(f"forget {wrong[-10:]}")
    assert "reject" not in {each["kind"] for each in run("lessons").data}


def test_why_tells_the_router_what_it_read_and_its_code(run: Run) -> None:
    text = run("unt refiner", "why").text
    assert "it went to refiner" in text
    assert "verdict = 'wrong'" in text


def test_the_graph_is_drawn_with_where_one_is(run: Run) -> None:
    text = run("b refiner", "c", "l").text
    assert "B refiner" in text
    assert "path: solver → reviewer → refiner" in text
    assert any(each.startswith("→") and "refiner" in each for each in text.splitlines())


def test_costs_history_tokens_and_parents_are_shown(run: Run) -> None:
    run("c")
    assert run("costs").data[0]["role"] == "solver"
    assert len(run("hist").data) == 6
    assert run("tokens").data["turn_id"]
    assert "refiner" in run("parents").text
    assert not run("surprise 3").refused


def test_what_a_model_says_never_reaches_a_terminal_as_it_is(run: Run) -> None:
    run("c")
    for text in (
        "state",
        "state review",
        "pp review",
        "p review",
        "changes 2",
        "prompt",
        "tokens",
        "parents",
        "hist",
    ):
        reply = run(text)
        assert not any(
            unicodedata.category(each) in ("Cc", "Cf", "Cs") for each in reply.text.replace("\n", "")
        ), text
    assert "⟨U+001B⟩" in run("state review").text


def test_replies_are_plain_data(run: Run) -> None:
    for text in (
        "n",
        "state",
        "hist",
        "l",
        "branches",
        "costs",
        "h",
        "h b",
        "why",
        "a",
        "lessons",
        "changes",
        "b",
    ):
        reply = run(text)
        assert Reply.from_json(json.loads(json.dumps(reply.to_json()))) == reply


def test_aliases_and_files_of_lines(run: Run, tmp_path: Path) -> None:
    run("alias wrong b after %1, verdict == 'wrong'", "wrong reviewer")
    assert "after reviewer when verdict == 'wrong'" in run("b").text
    run("unalias wrong")
    assert run("wrong reviewer").refused
    file = tmp_path / "lines"
    file.write_text("# comment\np 1 + 1\nb nowhere\np 3\n")
    reply = run(f"source {file}")
    assert reply.refused
    assert reply.text.startswith("2\n") and f"{file}, line 3" in reply.text
    file.write_text(f"source {file}\n")
    assert "call each other" in run(f"source {file}").text
    assert run(f"source {tmp_path / 'none'}").text.endswith("no such file or directory")


def test_a_session_is_saved_as_one_page_and_nothing_is_written_over(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run("c", f"save {page}")
    assert "<!doctype html" in page.read_text("utf-8").lower()
    assert "there is such a file already" in run(f"save {page}").text
    assert run(f"save {tmp_path / 'page.txt'}").refused


@pytest.mark.parametrize("command", ["save", "source"])
@pytest.mark.parametrize(
    "name", ["nowhere/x.html", "file/x.html", f"{'x' * 300}.html", "a\0b.html", "~nobody-at-all/x.html"]
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    run: Run, tmp_path: Path, command: str, name: str
) -> None:
    (tmp_path / "file").write_text("")
    reply = run(f"{command} {name if name[0] == '~' else tmp_path / name}")
    assert reply.refused and len(reply.lines) == 1, reply.text
    assert not re.search("Traceback|Error|inside", reply.text)
    assert [each.name for each in tmp_path.iterdir() if each.name not in ("file", "session")] == []


def test_a_directory_is_no_file_of_lines_and_no_page(run: Run, tmp_path: Path) -> None:
    (tmp_path / "dir.html").mkdir()
    assert run(f"source {tmp_path}").text.endswith("is a directory")
    assert "there is such a file already" in run(f"save {tmp_path / 'dir.html'}").text


def test_a_number_beyond_all_counts_is_refused(run: Run) -> None:
    for line in (f"clear {'9' * 5000}", f"resample {'9' * 5000}", f"b tokens > {'9' * 5000}"):
        reply = run(line)
        assert reply.refused and len(reply.lines) == 1 and len(reply.text) < 250


def test_a_console_without_files_reads_and_writes_none(console: Console, tmp_path: Path) -> None:
    remote = Console(console.session, ConsoleSettings(files=False))
    assert remote.execute(f"source {tmp_path}").refused
    assert remote.execute(f"save {tmp_path}/a.html").refused
    assert remote.complete(f"source {tmp_path}/") == []


def test_quitting_says_how_to_open_it_again(run: Run, console: Console) -> None:
    reply = run("q")
    assert reply.ended
    assert reply.text == f"kept in {console.session.path}; open it again with: tutelage debug HERE"


def test_completion_knows_commands_nodes_fields_branches_and_files(
    console: Console, run: Run, tmp_path: Path
) -> None:
    run("b role:refiner", "c")
    (tmp_path / "some lines").write_text("")
    assert console.complete("res") == ["resample"]
    assert console.complete("b re") == ["refiner", "reviewer"]
    assert console.complete("p verd") == ["verdict"]
    assert "role:solver" in console.complete("b role:s")
    assert console.complete("switch m") == ["main"]
    assert console.complete("help ti") == []
    assert console.complete(f"source {tmp_path}/so") == [f"{tmp_path}/some lines"]
    assert console.complete("nothing x") == []


def test_a_fault_inside_a_command_is_told_and_leaves_the_session_as_it_was(
    console: Console, run: Run
) -> None:
    def fault(console: Console, rest: str) -> Reply:
        raise RuntimeError("\x1b[2Jboom")

    broken = Command(("broken",), "broken", "Breaks.", "console", fault)
    console.vocabulary = Vocabulary((*COMMANDS, broken))
    reply = run("broken")
    assert reply.refused
    assert "RuntimeError: ⟨U+001B⟩[2Jboom; the session is as it was" in reply.text
    assert not run("s").refused
