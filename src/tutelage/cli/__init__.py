"""The command `tutelage`: the rooms from a terminal. Results also as `--json`.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 nothing came of it,
2 something to mend (one sentence, no traceback), 130 interrupted. What a command needs is imported when it
runs, so that `--help` is quick. No room imports this package.
"""

from tutelage.cli.entry import main

__all__ = ["main"]
