"""How quickly a run becomes a data set, and whether memory grows with the run; in child processes."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.storing.texts import Speech
from tutelage.traces import RecordedCall, Run, Sample, Store
from tutelage.types import Sampling, Score, Task

__all__ = ["exporting"]

SAMPLES = 8
FORMATS: dict[str, dict[str, Any]] = {
    "sft": {"form": "prompt_completion", "passed": None, "deduplicate": False},
    "sft, deduplicated": {"form": "prompt_completion", "passed": None},
    "grpo": {"form": "groups"},
    "kto": {},
}
PEAK = """import resource, sys, json, time
import pyarrow.parquet
from tutelage.traces import Run
with Run.open(sys.argv[1]) as run:
    started = time.perf_counter()
    export = run.export(sys.argv[2], **json.loads(sys.argv[3]))
    export.parquet(sys.argv[4])
    seconds = time.perf_counter() - started
    kept = export.counts.kept
print(json.dumps({"rows": kept, "seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def exporting(folder: Path, turns: int) -> dict[str, Any]:
    """Export runs of `turns` and of a quarter of them to Parquet.

    Returns:
        A format to `rows_per_s` of the large run, `turns_per_s`, and `memory_ratio`: peak memory of the large
        run's export to the small one's.
    """
    small, large = folder / "small", folder / "large"
    _make(small, turns // 4)
    _make(large, turns)
    found = {}
    for name, options in FORMATS.items():
        little, much = (_export(path, name.partition(",")[0], options) for path in (small, large))
        found[name] = {
            "rows": much["rows"],
            "rows_per_s": round(much["rows"] / much["seconds"]),
            "turns_per_s": round(turns / much["seconds"]),
            "memory_ratio": round(much["peak"] / little["peak"], 3),
        }
    return found


def _make(directory: Path, turns: int) -> None:
    """A run of tasks with eight judged solutions each."""
    speech = Speech(3)
    with Store.open(directory).start_run({}) as run:
        for number in range(turns // SAMPLES):
            prompt = speech.say(40)
            recorder = run.begin(Task(id=str(number), problem=prompt.text))
            said = [speech.say(30) for _ in range(SAMPLES)]
            ids = recorder.call(
                RecordedCall(
                    role="solver",
                    node="solver",
                    messages=({"role": "user", "content": prompt.text},),
                    sampling=Sampling(),
                    model="fake",
                    policy="fake",
                    started=time.time(),
                    seconds=0.1,
                    prompt_token_ids=prompt.ids,
                    completions=[Sample(each.text, "stop", each.ids, each.logprobs) for each in said],
                    samples=SAMPLES,
                )
            )
            with recorder.together():
                for index, (turn, each) in enumerate(zip(ids, said, strict=True)):
                    made = recorder.candidate(each.text, turn_id=turn)
                    score = Score(name="exact", value=index % 2, passed=bool(index % 2))
                    recorder.score(score, subject="candidate", subject_id=made.id)
                recorder.score(Score(name="exact", value=1, passed=True))
                recorder.finish()


def _export(run: Path, name: str, options: dict[str, Any]) -> dict[str, Any]:
    target = run.with_suffix(f".{name}.parquet")
    arguments = [sys.executable, "-c", PEAK, str(run), name, json.dumps(options), str(target)]
    found = subprocess.run(arguments, check=True, capture_output=True, text=True)
    Run.open(run).close()
    result: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return result
