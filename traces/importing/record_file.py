"""Recording what an importer reads: line after line, continued where an earlier import stopped.

A run is the import of one file. What is on record is passed over, so the same import twice doubles nothing; a
line that cannot be understood ends the import with one error, what stands before it stays, and the same call
goes on there once the line is mended. Lines may be appended to a file and imported later. A file
whose imported lines give other tasks than before is refused before anything is written; a change of an answer
alone is not noticed. Memory does not grow with what the lines say, only by about 0.2 kB a rollout, to know which
task it repeats.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.traces.importing.imported import ImportedRollout, ImportedTurn
from tutelage.traces.importing.lines import Line, read_lines
from tutelage.traces.recorder import RolloutRecorder
from tutelage.traces.run import Run
from tutelage.traces.store import Store

__all__ = ["Importer", "record_file"]

Importer = Callable[[Line], Iterator[ImportedRollout]]
"""Understands one line; raises `UserError` where it cannot."""


def record_file(
    path: str | Path, store: str | Path | Store, importer: Importer, settings: Mapping[str, JsonValue]
) -> Run:
    """Record every rollout of a file, or those that are not on record yet.

    Args:
        path: The file.
        store: The run's directory, or an open store, which is taken over.
        importer: What understands its lines.
        settings: Beside the file's name, what decides how it is read.

    Returns:
        The run; another process may write it.

    Raises:
        UserError: A line cannot be understood, the file has changed, or the directory holds something else.
        StoreError: The run cannot be written.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"{file}: there is no such file to import")
    opened = store if isinstance(store, Store) else Store.open(store)
    try:
        run = opened.start_run({"import": {"file": file.name, **settings}})
        _record(run, file, importer)
    except BaseException:
        opened.close()
        raise
    run.release()
    return run


def _record(run: Run, file: Path, importer: Importer) -> None:
    before = run.finished()
    there = len(before)
    repeats: Counter[str] = Counter()
    for line, rollout in _rollouts(file, importer):
        key = (rollout.task.id, repeats[rollout.task.id])
        repeats[rollout.task.id] += 1
        if not before:
            _write(run, line, rollout, key[1])
        elif key in before:
            before.remove(key)
        else:
            raise line.error(
                f"it is not the line that was imported into {str(run.path)!r}, where {there} rollouts of this "
                "file are on record; import the changed file into another directory"
            )
    if before:
        raise UserError(
            f"{file}: it gives {repeats.total()} rollouts, but {there} were imported from it into "
            f"{str(run.path)!r}; import the changed file into another directory"
        )


def _rollouts(file: Path, importer: Importer) -> Iterator[tuple[Line, ImportedRollout]]:
    """Read the rollouts of a file; an error also says how far the import got."""
    read = 0
    try:
        for line in read_lines(file):
            for rollout in list(importer(line)):
                yield line, rollout
                read += 1
    except UserError as error:
        if read == 0:
            raise
        raise UserError(
            f"{error} (the {read} rollouts before it are on record; mend the line and import again to go on)"
        ) from error


def _write(run: Run, line: Line, rollout: ImportedRollout, repeat: int) -> None:
    try:
        recorder = run.begin(rollout.task, repeat)
    except UserError as error:
        raise line.error(str(error)) from error
    try:
        _write_rows(recorder, rollout)
    except UserError as error:
        recorder.abandon(str(error))
        raise line.error(str(error)) from error


def _write_rows(recorder: RolloutRecorder, rollout: ImportedRollout) -> None:
    turns: list[str] = []
    for turn in rollout.turns:
        turns.append(_write_turn(recorder, turn, [turns[at] for at in turn.parents]))
    with recorder.together():
        candidates = [
            recorder.candidate(
                each.text, answer=each.answer, turn_id=None if each.turn is None else turns[each.turn]
            ).id
            for each in rollout.candidates
        ]
        for given in rollout.scores:
            if given.turn is not None:
                recorder.score(given.score, subject="turn", subject_id=turns[given.turn])
            elif given.candidate is not None:
                recorder.score(given.score, subject="candidate", subject_id=candidates[given.candidate])
            else:
                recorder.score(given.score)
        if rollout.error is None:
            recorder.finish(rollout.answer, rollout.output)
        else:
            recorder.fail(rollout.error)


def _write_turn(recorder: RolloutRecorder, turn: ImportedTurn, parents: list[str]) -> str:
    return recorder.turn(
        role=turn.role,
        messages=turn.messages,
        completion=turn.completion,
        sampling=turn.sampling,
        model=turn.model,
        policy=turn.policy,
        started=time.time() if turn.started is None else turn.started,
        seconds=turn.seconds,
        parents=parents,
        tools=turn.tools,
        tool_calls=turn.tool_calls,
        author=turn.author,
        finish_reason=turn.finish_reason,
        prompt_token_ids=turn.prompt_token_ids,
        completion_token_ids=turn.completion_token_ids,
        logprobs=turn.logprobs,
        error=turn.error,
        metadata=turn.metadata,
    ).id
