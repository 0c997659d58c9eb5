"""Run by Harbor's environment: hold each line of a file against Harbor's models of ATIF.

    python harbor_check.py DOCUMENTS.jsonl

Prints a JSON list: for each line `null`, or why it is refused.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from pydantic import ValidationError

Trajectory = import_module("harbor.models.trajectories").Trajectory


def refusal(line: str) -> str | None:
    try:
        trajectory = Trajectory.model_validate_json(line)
    except ValidationError as error:
        return str(error)
    same = bool(trajectory.to_json_dict() == json.loads(line))
    return None if same else "what was read is not what was written"


with Path(sys.argv[1]).open(encoding="utf-8") as lines:
    print(json.dumps([refusal(line) for line in lines]))
