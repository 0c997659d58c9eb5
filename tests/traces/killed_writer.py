"""Records `count` tasks into a directory, leaving out what is finished, and says what it has recorded.

Run by test_kill.py, which kills it at random moments. Each line on stdout follows its record.
"""

import os
import sys
import time
from pathlib import Path

from tutelage import Sampling, Score, Task
from tutelage.traces import Store

TURNS = 6


def main(directory: str, count: int) -> None:
    run = Store.open(Path(directory)).start_run({"count": count})
    os.write(1, b"ready\n")
    finished = run.finished()
    for number in range(count):
        task = Task(id=f"t{number}", problem=f"What is {number} + 1?")
        if (task.id, 0) in finished:
            continue
        recorder = run.begin(task)
        for turn in range(TURNS):
            said = recorder.turn(
                role="solver",
                messages=({"role": "user", "content": task.problem},),
                completion=f"{number} {turn}",
                completion_token_ids=tuple(range(turn + 1)),
                sampling=Sampling(),
                model="none",
                policy="none",
                started=time.time(),
                seconds=0.0,
            )
            os.write(1, f"turn {said.id}\n".encode())
        recorder.score(Score(name="exact", value=1.0, passed=True))
        recorder.finish(str(number + 1))
        os.write(1, f"done {recorder.rollout.id}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
