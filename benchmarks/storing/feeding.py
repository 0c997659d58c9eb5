"""How many turns a second the record takes from an engine that costs nothing."""

import asyncio
import gc
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.storing.texts import Said, Speech
from tutelage.traces import RecordedCall, RolloutRecorder, Sample, Store
from tutelage.types import Sampling, Task

__all__ = ["feeding"]

AT_ONCE = 256
PROMPT_WORDS, ANSWER_WORDS = 60, 40
SAMPLING = Sampling()


def feeding(folder: Path, turns: int, samples: int, repeats: int) -> dict[str, Any]:
    """Record `turns` turns from 256 rollouts at once, `samples` to a call, each on disk before the next.

    Returns:
        `turns_per_s` (median of the repeats), all of them, and bytes a turn on disk.
    """
    speech = Speech(samples)
    prompts = [speech.say(PROMPT_WORDS) for _ in range(turns // samples)]
    answers = [speech.say(ANSWER_WORDS) for _ in range(turns)]
    rates, size = [], 0
    for repeat in range(repeats):
        directory = folder / f"feeding-{samples}-{repeat}"
        rates.append(_rate(directory, prompts, answers, samples))
        size = sum(path.stat().st_size for path in directory.iterdir())
    return {
        "samples": samples,
        "turns_per_s": round(statistics.median(rates)),
        "all": [round(rate) for rate in rates],
        "bytes_a_turn": round(size / turns),
    }


def _rate(directory: Path, prompts: Sequence[Said], answers: Sequence[Said], samples: int) -> float:
    with Store.open(directory).start_run({}) as run:
        recorders = [run.begin(Task(id=str(number), problem="")) for number in range(AT_ONCE)]
        gc.collect()
        gc.freeze()  # what the engine will say is not the record's to look through
        started = time.perf_counter()
        asyncio.run(_feed(recorders, prompts, answers, samples))
        rate = len(answers) / (time.perf_counter() - started)
        (found,) = run._store.database.rows("SELECT count(*) FROM turns")[0]
        assert found == len(answers), "every turn is on record"
    return rate


async def _feed(
    recorders: Sequence[RolloutRecorder], prompts: Sequence[Said], answers: Sequence[Said], samples: int
) -> None:
    async def one(start: int) -> None:
        for number in range(start, len(prompts), AT_ONCE):
            said = answers[number * samples : (number + 1) * samples]
            await recorders[start].acall(_call(prompts[number], said))

    await asyncio.gather(*(one(start) for start in range(AT_ONCE)))


def _call(prompt: Said, said: Sequence[Said]) -> RecordedCall:
    return RecordedCall(
        role="solver",
        node="solver",
        messages=({"role": "user", "content": prompt.text},),
        sampling=SAMPLING,
        model="fake",
        policy="fake",
        started=1.0,
        seconds=0.1,
        prompt_token_ids=prompt.ids,
        completions=[Sample(each.text, "stop", each.ids, each.logprobs) for each in said],
        samples=len(said),
    )
