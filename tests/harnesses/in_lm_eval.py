"""What lm-eval itself makes of our model class and our tasks: `python in_lm_eval.py FOLDER NAME`."""

import json
import sys

from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model
from lm_eval.tasks import TaskManager

from tutelage.agents import embedded_directory, open_model_directory
from tutelage.harnesses.lm_eval_command import register

SPEC = "embedded+transformers"
PAIRS = [("12+30=", "42"), ("Problem: ", "3*4"), ("", "answer: 7"), ("7" * 5000, "7"), ("a\nb ", "= 3")]


def evaluated(folder: str, name: str, **arguments: object) -> dict[str, object]:
    lm = get_model("tutelage").create_from_arg_obj({"spec": SPEC, **arguments})
    manager = TaskManager(include_path=folder, include_defaults=False)
    found = simple_evaluate(
        model=lm, tasks=[name], task_manager=manager, apply_chat_template=True, bootstrap_iters=0
    )
    lm.close()
    samples = found["samples"][name]
    return {
        "accuracy": found["results"][name]["acc,none"],
        "answers": {each["doc"]["id"]: each["resps"][0][0] for each in samples},
        "right": {each["doc"]["id"]: each["acc"] for each in samples},
    }


def likelihoods(model: str, **arguments: object) -> dict[str, object]:
    lm = get_model(model).create_from_arg_obj(arguments)
    texts = [("12+30=42\n" * 300,), ("answer: 7",)]
    return {
        "pairs": lm.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in PAIRS]),
        "rolling": lm.loglikelihood_rolling(
            [Instance("loglikelihood_rolling", {}, text, 0) for text in texts]
        ),
    }


def refused(folder: str, **arguments: object) -> str:
    try:
        get_model("tutelage").create_from_arg_obj({"spec": SPEC, **arguments})
    except ValueError as error:
        return str(error)
    return ""


def main(folder: str, name: str) -> None:
    register()
    own = likelihoods("tutelage", spec=SPEC)
    base = open_model_directory(embedded_directory())
    # Theirs does not count the last token, which is never read.
    longest = (base.context_length or 0) - 1
    theirs = likelihoods(
        "hf", pretrained=str(base.path), device="cpu", dtype="float32", batch_size=1, max_length=longest
    )
    told = {
        "model": evaluated(folder, name, store="runs/model"),
        "graph": evaluated(folder, name, graph="self_refine", rounds=1, temperature=0.0, store="runs/graph"),
        "own": own,
        "theirs": theirs,
        "refused": {
            "store": refused(folder, store="runs/model"),
            "dial": refused(folder, rounds=2),
            "option": refused(folder, rondes=2),
        },
    }
    print(json.dumps(told))


main(*sys.argv[1:])
