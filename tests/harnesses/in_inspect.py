"""What Inspect itself makes of our provider and our tasks: `python in_inspect.py TASK.py`."""

import json
import sys
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig

MODEL = "tutelage/embedded+transformers"


def ran(task: Any, **options: Any) -> EvalLog:
    given = {"display": "none", "log_dir": "logs", "log_format": "json", **options}
    (log,) = eval(task, model=MODEL, **given)
    assert log.status == "success", log.error
    return log


def told(log: EvalLog) -> dict[str, Any]:
    assert log.results is not None and log.samples is not None
    usage = next(iter(log.stats.model_usage.values()))
    return {
        "accuracy": log.results.scores[0].metrics["accuracy"].value,
        "answers": {str(each.id): each.output.completion for each in log.samples},
        "reasons": [each.output.stop_reason for each in log.samples],
        "usage": [usage.input_tokens, usage.output_tokens, usage.total_tokens],
    }


def asked(prompt: str, **config: Any) -> dict[str, Any]:
    (sample,) = ran(Task(dataset=[Sample(input=prompt)], config=GenerateConfig(**config))).samples or []
    output = sample.output
    return {
        "choices": [each.message.text for each in output.choices],
        "reason": output.stop_reason,
        "logprobs": [
            [[each.token, each.logprob] for each in choice.logprobs.content] if choice.logprobs else None
            for choice in output.choices
        ],
        "usage": [output.usage.input_tokens, output.usage.output_tokens] if output.usage else None,
    }


def refused(**config: Any) -> str:
    task = Task(dataset=[Sample(input="1+1=")], config=GenerateConfig(**config))
    (log,) = eval(task, model=MODEL, display="none", log_dir="logs", log_format="json")
    assert log.error is not None
    return str(log.error.message)


def main(file: str) -> None:
    prompt = json.loads(Path(file).with_suffix(".jsonl").read_text("utf-8").splitlines()[0])["prompt"]
    refining = {"graph": "self_refine", "rounds": 1, "temperature": 0.0, "store": "runs/graph"}
    found = {
        "model": told(ran(file, model_args={"store": "runs/model"})),
        "graph": told(ran(file, model_args=refining)),
        "asked": asked(prompt, temperature=0.0, logprobs=True),
        "several": asked(prompt, temperature=1.0, num_choices=3),
        "short": asked(prompt, temperature=0.0, max_tokens=3),
        "long": asked("7" * 5000),
        "refused": refused(top_k=5),
    }
    print(json.dumps(found))


main(*sys.argv[1:])
