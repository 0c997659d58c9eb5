import json
from collections.abc import Callable
from pathlib import Path

MODEL = f"{Path(__file__).parent.parent / 'speaking_model.py'}:model"
TASKS = "arithmetic:1:6:3"
CAREFUL = """
from tutelage.agents import scripted
from tutelage.tools.families import make_tasks

KNOWN = make_tasks("arithmetic", 1, 6, 3)


def say(messages, sample):
    prompt = messages[-1]["content"]
    task = next(each for each in KNOWN if each.problem in prompt)
    if "Check every step" in prompt:
        return "verdict: right" if task.solution in prompt else "verdict: wrong at step 1"
    return task.solution if "Rewrite" in prompt or KNOWN.index(task) % 2 else "answer: 0"


model = scripted(say, name="careful")
"""

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def written(folder: str) -> list[str]:
    return sorted(each.name for each in Path(folder).iterdir() if each.is_file())


def test_a_graph_is_written_as_table_page_and_data_and_goes_on(tutelage: Command) -> None:
    Path("careful.py").write_text(CAREFUL, "utf-8")
    call = ("evaluate", "self_refine", TASKS, "--model", "careful.py:model", "--dial", "rounds=1", "--quiet")
    code, out, _ = tutelage(*call, "--out", "found")
    assert code == 0
    assert "one shot, greedy" in out and "majority vote of" in out and "wrong becomes right" in out
    assert written("found") == ["evaluation.json", "page.html", "table.md"]
    numbers = json.loads(tutelage(*call, "--out", "found", "--json")[1])
    assert (numbers["accuracy"], numbers["tasks"]) == (1.0, 6)
    against = next(each for each in numbers["figures"] if each["name"] == "one shot")
    assert against["difference"]["value"] == 0.5


def test_a_stored_evaluation_takes_further_arms_without_an_engine(
    tutelage: Command, sentence: Sentence
) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    tutelage("evaluate", "runs/a", "--out", "a", "--quiet")
    found = tutelage("evaluate", "a", "--arm", "entropy-only=runs/a", "--out", "b", "--json")
    rows = json.loads(found[1])["figures"]
    assert any(row["name"].startswith("entropy only: ") and row["note"] == "entropy only" for row in rows)
    assert "entropy only" in Path("b/page.html").read_text("utf-8")
    assert "KIND" in sentence(tutelage("evaluate", "a", "--arm", "nothing"))
    assert sentence(tutelage("evaluate", "a", "--arm", "control=nowhere"))


def test_stored_evaluations_are_compared_across_runs(tutelage: Command, sentence: Sentence) -> None:
    for name, tasks in (("a", TASKS), ("b", TASKS), ("c", TASKS), ("d", "arithmetic:1:6:9")):
        tutelage("evaluate", MODEL, tasks, "--out", name, "--quiet")
    code, out, _ = tutelage("compare", "a", "b", "c")
    assert code == 0 and out.count("difference ") == 2 and "Holm" in out
    assert "no task in common" in sentence(tutelage("compare", "a", "d"))
    assert "two sides" in sentence(tutelage("compare", "a"))


def test_ids_that_name_other_problems_are_not_paired(tutelage: Command, sentence: Sentence) -> None:
    for name in ("one", "other"):
        line = json.dumps({"id": "1", "problem": f"What is {name}?", "reference": "1"})
        Path(f"{name}.jsonl").write_text(line + "\n", "utf-8")
        tutelage("evaluate", MODEL, f"{name}.jsonl", "--out", name, "--quiet")
    assert "another problem" in sentence(tutelage("compare", "one", "other"))


def test_what_cannot_be_asked_is_one_sentence(tutelage: Command, sentence: Sentence) -> None:
    assert "TASKS" in sentence(tutelage("evaluate", "self_refine"))
    assert "known are" in sentence(tutelage("evaluate", "self_refine", TASKS, "--dial", "round=1"))
    assert "whole number" in sentence(tutelage("evaluate", "self_refine", TASKS, "--dial", "rounds=x"))
    assert "for graphs" in sentence(tutelage("evaluate", MODEL, TASKS, "--out", "x", "--dial", "rounds=1"))
    assert "--before" in sentence(tutelage("evaluate", MODEL, TASKS, "--forgetting"))
