import subprocess
import sys

import pytest

import tutelage.graphs


def test_the_door_is_sorted_and_opens() -> None:
    names = tutelage.graphs.__all__
    assert names == sorted(names)
    assert all(getattr(tutelage.graphs, name) is not None for name in names)


@pytest.mark.slow
def test_the_door_opens_without_the_heavy_packages() -> None:
    heavy = "torch", "transformers", "vllm", "trl", "datasets", "matplotlib"
    code = f"import sys, tutelage.graphs; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
