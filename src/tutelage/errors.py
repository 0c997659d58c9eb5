"""Every error of the project, as a tree. The type says who must act.

    TutelageError
    ├── UserError            the caller: an argument, a file, a setting (also a ValueError)
    │   ├── TaskFileError        a task file that is empty or malformed, with its line number
    │   ├── ModelDirectoryError  a model directory that is missing or broken
    │   ├── ContextTooLong       a prompt that does not fit the model's context
    │   ├── ReplayDivergence     a graph that asks something else than what was recorded
    │   └── StoreError           a store that cannot be opened, written or understood
    ├── EngineError          the machine or the server behind a chat model (also a RuntimeError)
    │   └── ServerError          a server that is down or speaks something else
    └── MissingDependency    the environment: a package that is not installed (also an ImportError)

What a model *says* is never an error: text that cannot be parsed is recorded as such and the batch goes on.
The command line turns every `TutelageError` into one sentence and exit code 2.
"""

__all__ = [
    "ContextTooLong",
    "EngineError",
    "MissingDependency",
    "ModelDirectoryError",
    "ReplayDivergence",
    "ServerError",
    "StoreError",
    "TaskFileError",
    "TutelageError",
    "UserError",
]


class TutelageError(Exception):
    """The root: catch this to catch everything the project raises on purpose."""


class UserError(TutelageError, ValueError):
    """Something the caller passed in is wrong; the message says what, where and how to mend it."""


class TaskFileError(UserError):
    """A file of tasks cannot be read as tasks."""


class ModelDirectoryError(UserError):
    """A directory does not hold a model that can be loaded."""


class ContextTooLong(UserError):
    """A prompt and the tokens asked for do not fit into the model's context."""


class ReplayDivergence(UserError):
    """A replayed graph left the record; who changed the graph acts: undo the change, or record anew.

    The message is of several lines: what was asked against what was recorded.
    """


class StoreError(UserError):
    """A store cannot be opened, is full, or was written by a newer version."""


class EngineError(TutelageError, RuntimeError):
    """The engine died or could not start; the rollouts in flight are lost, the finished ones are not."""


class ServerError(EngineError):
    """A server cannot be reached, refuses, or does not speak the OpenAI protocol."""


class MissingDependency(TutelageError, ImportError):
    """A package that this feature needs is not installed; the message gives the command."""
