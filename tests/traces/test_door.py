import subprocess
import sys

import pytest

import tutelage.traces


def test_the_door_is_this_and_no_more() -> None:
    assert tutelage.traces.__all__ == [
        "Candidate",
        "Message",
        "RecordedCall",
        "Rollout",
        "RolloutRecorder",
        "Run",
        "Sample",
        "ScoreRow",
        "Status",
        "Store",
        "Subject",
        "TokenCount",
        "Turn",
        "current_recorder",
        "import_run",
        "merge_runs",
        "recording",
        "upgrade_run",
    ]
    assert all(hasattr(tutelage.traces, name) for name in tutelage.traces.__all__)


@pytest.mark.slow
def test_the_door_imports_nothing_heavy() -> None:
    script = (
        "import sys, tutelage.traces\n"
        "print([n for n in ('torch', 'numpy', 'vllm', 'langgraph', 'langchain_core') if n in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
