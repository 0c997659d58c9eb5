"""Recording what others wrote down: files of conversations, traces and solutions become runs.

`import_run(path, store)` reads OpenAI's chat and fine-tuning JSONL, the `traces.jsonl` of verifiers, and plain
files of questions and solutions. Not covered: judging what was imported (`Run.score`).
"""

from tutelage.traces.importing.formats import (
    ImportFormat,
    guess_format,
    import_chat,
    import_run,
    import_solutions,
    import_verifiers,
)

__all__ = [
    "ImportFormat",
    "guess_format",
    "import_chat",
    "import_run",
    "import_solutions",
    "import_verifiers",
]
