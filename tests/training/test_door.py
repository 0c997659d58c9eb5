import subprocess
import sys

import tutelage.training


def test_the_door_lists_every_name_and_each_opens() -> None:
    assert dir(tutelage.training) == sorted(tutelage.training.__all__)
    assert all(getattr(tutelage.training, name) is not None for name in tutelage.training.__all__)


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'trl', 'vllm', 'datasets', 'matplotlib', 'numpy'}"
    code = f"import sys, tutelage.training; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_using_the_room_without_training_loads_no_trainer() -> None:
    code = (
        "import sys\n"
        "from tutelage.training import compare, distill, evaluate, select, train\n"
        "print(sorted({'torch', 'transformers', 'trl', 'vllm', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
