import json
from collections.abc import Callable
from pathlib import Path

MODEL = f"{Path(__file__).parent.parent / 'speaking_model.py'}:model"
TASKS = "arithmetic:1:6:3"

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_evaluate_takes_a_run_or_a_model(tutelage: Command, sentence: Sentence) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    of_run = json.loads(tutelage("evaluate", "runs/a", "--json")[1])
    of_model = json.loads(tutelage("evaluate", MODEL, TASKS, "--quiet", "--json")[1])
    assert of_run["accuracy"] == of_model["accuracy"] == 0
    assert of_run["tasks"] == of_model["tasks"] == 6
    assert "family_answer" in tutelage("evaluate", "runs/a")[1]
    assert "TASKS" in sentence(tutelage("evaluate", MODEL))


def test_compare_pairs_two_runs_by_task(tutelage: Command, sentence: Sentence) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        tutelage("run", f"arithmetic:1:6:{seed}", "--model", MODEL, "--store", f"runs/{name}", "--quiet")
    numbers = json.loads(tutelage("compare", "runs/a", "runs/b", "--json")[1])
    assert (numbers["difference"], numbers["p_value"], numbers["tasks"]) == (0, 1, 6)
    assert "p-value" in tutelage("compare", "runs/a", "runs/b")[1]
    assert "no task in common" in sentence(tutelage("compare", "runs/a", "runs/c"))


def test_distill_says_what_a_run_lacks(tutelage: Command, sentence: Sentence) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    code, out, err = tutelage("distill", "runs/a", "--quiet")
    assert (code, out) == (2, "")
    assert "nothing to learn" in err
    assert "known are" in sentence(tutelage("distill", "runs/a", "--train", "speed=9"))
    assert "epochs" in sentence(tutelage("distill", "runs/a", "--train", "epochs=0"))
