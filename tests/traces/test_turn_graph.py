from itertools import islice

from tests.traces.conftest import Say

from tutelage import Task
from tutelage.traces import Run


def test_a_rollout_is_a_graph_whose_branches_lead_from_root_to_leaf(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    root = say(recorder, "a")
    left, right = say(recorder, "b", parents=[root.id]), say(recorder, "c", parents=[root.id])
    last = say(recorder, "d", parents=[left.id, right.id])
    alone = say(recorder, "e")
    graph = run.graph(recorder.rollout.id)
    assert list(graph.edges) == [
        (root.id, left.id),
        (root.id, right.id),
        (left.id, last.id),
        (right.id, last.id),
    ]
    assert graph.nodes[last.id]["turn"] == last
    paths = [[turn.completion for turn in branch] for branch in run.branches(recorder.rollout.id)]
    assert paths == [["a", "b", "d"], ["a", "c", "d"], ["e"]]
    assert alone.parents == ()


def test_a_prompt_that_quotes_an_earlier_turn_has_it_as_parent(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    user = {"role": "user", "content": "6 * 7?"}
    first = say(recorder, "41", messages=[user])
    again = [user, {"role": "assistant", "content": "41"}, {"role": "user", "content": "Sure?"}]
    second = say(recorder, "42", messages=again)
    assert second.parents == (first.id,)
    assert run.turn(second.id).parents == (first.id,)
    assert say(recorder, "43", messages=again, parents=[second.id]).parents == (second.id,)


def test_a_call_of_a_tool_is_found_by_its_id(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    first = say(recorder, "", tool_calls=[call])
    other = say(recorder, "", tool_calls=[{**call, "id": "call_2"}])
    asked = {"role": "assistant", "content": "", "tool_calls": [call]}
    answer = {"role": "tool", "tool_call_id": "call_1", "content": "3"}
    assert say(recorder, "3", messages=[asked, answer]).parents == (first.id,)
    assert run.turn(first.id).tool_calls == (call,) and other.parents == ()


def test_branches_that_say_the_same_are_told_apart_by_their_place(run: Run, task: Task, say: Say) -> None:
    def asked(*contents: str) -> list[dict[str, str]]:
        roles = ("user", "assistant")
        return [{"role": roles[at % 2], "content": each} for at, each in enumerate(contents)]

    recorder = run.begin(task)
    left, right = say(recorder, "ok", messages=asked("a")), say(recorder, "ok", messages=asked("b"))
    assert say(recorder, "on", messages=asked("a", "ok", "go on")).parents == (left.id,)
    assert say(recorder, "on", messages=asked("b", "ok", "go on")).parents == (right.id,)
    assert say(recorder, "lost", messages=asked("c", "ok", "go on")).parents == ()


def test_a_failed_call_said_nothing(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    say(recorder, "", error="down")
    quoting = [{"role": "assistant", "content": ""}, {"role": "assistant", "content": [{"type": "text"}]}]
    assert say(recorder, "on", messages=quoting).parents == ()


def test_a_loop_with_two_parents_each_gives_as_many_branches_as_are_asked_for(
    run: Run, task: Task, say: Say
) -> None:
    recorder = run.begin(task)
    before = [say(recorder, "solution"), say(recorder, "review")]
    for number in range(40):
        parents = [turn.id for turn in before]
        before = [say(recorder, f"{number} {side}", parents=parents) for side in "ab"]
    some = list(islice(run.branches(recorder.rollout.id), 3))
    assert [len(branch) for branch in some] == [41, 41, 41] and len({b[0].id for b in some}) <= 2
