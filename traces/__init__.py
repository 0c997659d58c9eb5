"""What was said: the record of every turn, its store, and the reading of both.

A run is one directory. `Store.open(directory).start_run(settings)` starts or continues it, `Run.begin` begins
a rollout, the `RolloutRecorder` it gives writes turns, candidates and scores; `Run.open(directory)` reads. A
chat model finds the recorder by itself inside `with recording(recorder):`.
"""

from tutelage.traces.calls import RecordedCall, Sample
from tutelage.traces.importing import import_run
from tutelage.traces.merging import merge_runs
from tutelage.traces.record import Candidate, Message, Rollout, ScoreRow, Status, Subject, TokenCount, Turn
from tutelage.traces.recorder import RolloutRecorder
from tutelage.traces.recording import current_recorder, recording
from tutelage.traces.run import Run
from tutelage.traces.store import Store
from tutelage.traces.upgrading import upgrade_run

__all__ = [
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
