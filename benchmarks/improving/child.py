"""`python -m benchmarks.improving.child FOLDER`: small rounds in a process of its own, to be killed.

It says `ready` when the engine is, and at the end the policy.
"""

import sys
from pathlib import Path

from benchmarks.improving.recipe import small
from tutelage.agents import connect
from tutelage.types import Sampling


def main(folder: str) -> None:
    """Improve, or go on."""
    sampling = Sampling(max_tokens=120)
    with connect("embedded+transformers", sampling=sampling, dtype="float64") as model:
        print("ready", flush=True)
        print(small(model, Path(folder)).versions[-1].policy, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
