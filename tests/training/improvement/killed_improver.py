"""Small rounds in a process of its own, `killed_improver.py TASKS FOLDER...`, which says what came of each folder."""

import json
import sys
from pathlib import Path

from tutelage.agents import connect, embedded_directory
from tutelage.errors import UserError
from tutelage.graphs import one_shot
from tutelage.tools import make_tasks, step_checker
from tutelage.training import ImproveSettings, improve
from tutelage.types import Sampling


def main(tasks: int, folders: list[Path]) -> None:
    training = {"epochs": 2, "batch_size": 2, "threads": 1}
    settings = ImproveSettings(rounds=1, tasks=tasks, repeats=3, probe=2, training=training)
    with connect("embedded+transformers", sampling=Sampling(max_tokens=60), dtype="float64") as model:
        for folder in folders:
            if not folder.exists():
                model.reload(embedded_directory())
            try:
                found = improve(
                    one_shot(model, verifier=step_checker),
                    model,
                    make_tasks("arithmetic", 1, 8, seed=1),
                    folder,
                    verifier=step_checker,
                    development=make_tasks("arithmetic", 1, 3, seed=1, split="dev"),
                    settings=settings,
                    concurrency=2,
                    progress=False,
                )
            except UserError as error:
                print(json.dumps({"error": str(error)}), flush=True)
                continue
            versions = [
                each.model_dump(mode="json", include={"policy", "parents", "accuracy", "truth", "rows"})
                for each in found.versions
            ]
            told = {"versions": versions, "current": found.current.policy, "speaks": model.policy}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
