"""What was said: the record of every turn, its store, and the reading of both.

A run is one directory. `Store.open(directory).start_run(settings)` starts or continues it, `Run.begin` begins
a rollout, the `RolloutRecorder` it gives writes turns, candidates and scores; `Run.open(directory)` reads. A
chat model finds the recorder by itself inside `with recording(recorder):`.
"""

from tutelage.traces.record import Candidate, Message, Rollout, ScoreRow, Status, Subject, TokenCount, Turn
from tutelage.traces.recorder import RolloutRecorder
from tutelage.traces.recording import current_recorder, recording
from tutelage.traces.run import Run
from tutelage.traces.store import Store

__all__ = [
    "Candidate",
    "Message",
    "Rollout",
    "RolloutRecorder",
    "Run",
    "ScoreRow",
    "Status",
    "Store",
    "Subject",
    "TokenCount",
    "Turn",
    "current_recorder",
    "recording",
]
