"""The child processes of trainings: one a job, all answered together.

Not covered: what lies in a job's directory (`tutelage.training.jobs.launching`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tutelage.errors import EngineError, UserError
from tutelage.training.jobs.feed import Answers, Asker, Made, Question, serve

__all__ = ["run_workers"]


def run_workers(folders: Mapping[str, Path], *, progress: bool, answers: Answers | None) -> None:
    """Do jobs to their end.

    Args:
        folders: their directories, by name.
        progress: show a progress bar on stderr; of several jobs the first one's.
        answers: makes the rows that they ask for; `None`: they ask for none.

    Raises:
        UserError: a worker refuses its job.
        EngineError: one died; the others are ended.
    """
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(folder, quiet=not progress or at > 0, fed=answers is not None))
            for at, (name, folder) in enumerate(folders.items())
        }
        serve(
            {name: worker.asker for name, worker in workers.items()},
            answers or _unasked,
            lambda name: workers[name].finish(),
        )


class Worker:
    """A child process; left early, it is ended."""

    def __init__(self, folder: Path, *, quiet: bool, fed: bool) -> None:
        """Start it on a job's directory."""
        command = [sys.executable, "-P", "-m", "tutelage.training.jobs.worker"]
        command += ["--job", str(folder / "job.json"), "--parent", str(os.getpid())]
        paths = [path for path in sys.path if path and Path(path).is_dir()]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        questions, asks = os.pipe()
        hears, answers = os.pipe()
        command += [*(["--quiet"] if quiet else []), *(["--feed", str(asks), str(hears)] if fed else [])]
        self.asker = Asker(questions, answers)
        self._folder = folder
        self._child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, pass_fds=(asks, hears)
        )
        os.close(asks)
        os.close(hears)

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for its end, which is made after an error."""
        if kind is not None:
            self._child.terminate()
        with self._child, self.asker:
            pass

    def finish(self) -> None:
        """Wait for its end, which is near.

        Raises:
            UserError: it refuses its job.
            EngineError: it died.
        """
        code = self._child.wait()
        if code == 0:
            return
        told = self._folder / "error.json"
        if told.is_file():
            raise UserError(json.loads(told.read_text(encoding="utf-8"))["error"])
        killed = " (killed, most often for want of memory: try a smaller batch_size)" if code == -9 else ""
        raise EngineError(
            f"the training ended with code {code}{killed}; its messages are above, its files in {str(self._folder)!r}"
        )


def _unasked(asked: Mapping[str, Question]) -> Mapping[str, Made]:
    raise AssertionError(f"nobody makes rows for {asked}")
