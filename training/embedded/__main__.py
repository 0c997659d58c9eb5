"""Retrain the embedded model: `python -m tutelage.training.embedded --out DIR [--work DIR] [--steps N]`."""

import argparse
from pathlib import Path

from tutelage.training.embedded.pretrain import Settings, pretrain


def main() -> None:
    """Parse the arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m tutelage.training.embedded", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/embedded/model"), help="the model directory to write"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("runs/embedded"), help="checkpoints; continued if present"
    )
    parser.add_argument("--steps", type=int, default=Settings().steps, help="training steps of 8,192 tokens")
    parser.add_argument(
        "--no-compile", action="store_true", help="run without torch.compile (no C++ compiler)"
    )
    arguments = parser.parse_args()
    settings = Settings(steps=arguments.steps, compile=not arguments.no_compile)
    pretrain(arguments.work, arguments.out, settings)
    print(arguments.out)


if __name__ == "__main__":
    main()
