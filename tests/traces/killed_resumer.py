"""Takes a rollout up again and records turns until it is killed; each line on stdout follows its record.

Run by test_resuming.py.
"""

import os
import sys
import time
from pathlib import Path

from tutelage import Sampling
from tutelage.traces import Store


def main(directory: str, rollout: str) -> None:
    run = Store.open(Path(directory)).start_run({})
    os.write(1, b"ready\n")
    recorder = run.resume(rollout)
    while True:
        turn = recorder.turn(
            role="solver",
            messages=({"role": "user", "content": "What is 6 times 7?"},),
            completion="42",
            sampling=Sampling(),
            model="none",
            policy="none",
            started=time.time(),
            seconds=0.0,
        )
        os.write(1, f"{turn.id}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
