"""What the trainers' libraries read from the environment when they are imported."""

import os

__all__ = ["quiet"]


def quiet() -> None:
    """Ask for no network, no noise and one thread, before torch, datasets, transformers or TRL are imported.

    Sequences are short: several threads would mostly wait for each other where others use the machine, too.
    """
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
        TRANSFORMERS_VERBOSITY="error",
        TOKENIZERS_PARALLELISM="true",
        OMP_NUM_THREADS="1",
        TRL_EXPERIMENTAL_SILENCE="1",
    )
