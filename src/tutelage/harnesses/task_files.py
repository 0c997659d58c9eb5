"""Our tasks as tasks of lm-evaluation-harness and of Inspect, with our verifier as their scorer.

A folder of three files: `NAME.jsonl`, a task a line; `NAME.yaml`, which lm-eval finds with `--include_path`; `NAME.py`,
which `inspect eval` takes. The prompt is the solver's, so that a model is asked what `evaluate` asks it; answers are
greedy where nobody says otherwise. Graphs of ours are given the task itself. Not covered: few-shot examples.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from tutelage.agents import Prompt
from tutelage.errors import UserError
from tutelage.tools.naming import verifier_named
from tutelage.types import Sampling, Task

__all__ = ["write_task_files"]

YAML = """\
# Written by `tutelage tasks`. Run: tutelage-lm-eval run --model tutelage --model_args spec=embedded \\
#   --tasks {name} --include_path {folder} --apply_chat_template
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{target}}}}"
process_results: !function tutelage.harnesses.verdicts.lm_eval_results
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: {longest}
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
"""
INSPECT = '''\
"""Written by `tutelage tasks`. Run: inspect eval {name}.py --model tutelage/embedded"""

from pathlib import Path

from inspect_ai import Task, task

from tutelage.harnesses.inspect_task import inspect_task


@task
def {name}() -> Task:
    """{count} tasks, judged by {verifier}."""
    return inspect_task(Path(__file__).with_suffix(".jsonl"))
'''
LONGEST = Sampling().max_tokens


def write_task_files(
    tasks: Sequence[Task], folder: str | Path, name: str, verifier: str | None = None
) -> list[Path]:
    """Write tasks for both harnesses.

    Args:
        tasks: the tasks.
        folder: where; what is there of this name is replaced.
        name: what the harnesses call them: letters, digits and `_`.
        verifier: who judges, as `--verifier` has it; `None`: the families' own check, else `math_answer`.

    Returns:
        The files.

    Raises:
        UserError: there are no tasks, the name is none, or the verifier is unknown or does not decide.
    """
    if not tasks or not re.fullmatch(r"[A-Za-z]\w*", name):
        raise UserError(f"give at least one task, and a name of letters, digits and _, not {name!r}")
    judge = verifier_named(verifier, tasks)
    if judge.score(tasks[0], "").passed is None:
        raise UserError(f"verifier {judge.name!r} does not say whether an answer is right; give another")
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    rows = [_row(task, verifier or judge.name) for task in tasks]
    texts = {
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "yaml": YAML.format(
            name=name, folder=place, file=json.dumps(str(place / f"{name}.jsonl")), longest=LONGEST
        ),
        "py": INSPECT.format(name=name, count=len(tasks), verifier=judge.name),
    }
    files = [place / f"{name}.{kind}" for kind in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    return files


def _row(task: Task, verifier: str) -> dict[str, str]:
    """A line: columns of text only, since the readers of JSON in harnesses want one type a column."""
    return {
        "id": task.id,
        "prompt": Prompt.load("solver").render(problem=task.problem),
        "target": task.reference or "",
        "tutelage_task": task.model_dump_json(),
        "tutelage_verifier": verifier,
    }
