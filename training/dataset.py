"""Examples as rows of a TRL data set: prompt and completion, conversational, with their lineage.

The prompt is the solver's, filled with the bare problem: what a teacher or a reviewer said on the way is
privileged context, in which the solution was found but is not learnt. Not covered: the other TRL types.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tutelage.agents import Prompt
from tutelage.training.selection import Example

__all__ = ["rows", "write_rows"]


def rows(examples: Iterable[Example], prompt: Prompt | str | Path = "solver") -> list[dict[str, Any]]:
    """Make one conversational prompt-completion row an example (TRL's "prompt-completion" type).

    Args:
        examples: what to learn.
        prompt: the solver's prompt, by name or file; it has the one field `{problem}`.

    Returns:
        Rows with `prompt` and `completion` (one message each) and `lineage` (the example's other fields).

    Raises:
        UserError: the prompt has other fields than `{problem}`.
    """
    template = Prompt.load(prompt).expect({"problem"}, {"problem"})
    return [
        {
            "prompt": [{"role": "user", "content": template.render(problem=example.problem)}],
            "completion": [{"role": "assistant", "content": example.solution}],
            "lineage": example.model_dump(mode="json", exclude={"problem", "solution"}),
        }
        for example in examples
    ]


def write_rows(path: Path, dataset: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, as `datasets.load_dataset("json", …)` reads them."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(dict(row)) + "\n" for row in dataset)
