"""Runs the code blocks of one document in their order: Python in one namespace, `$ tutelage` lines as commands.

Commands share this process, which imports what they need once; tests/cli/test_process.py runs some by themselves.

    python run_blocks.py BLOCKS.json

Started by test_documentation.py in an empty directory; ends with the first block that fails.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from tutelage.cli import main as tutelage


def commands_of(text: str) -> list[list[str]]:
    """The lines of a console block that start with `$`, continued over a backslash at their end."""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


def run(command: list[str]) -> None:
    if command[0] == "python":
        subprocess.run([sys.executable, *command[1:]], check=True)
    elif command[0] == "tutelage":
        try:
            tutelage(command[1:])
        except SystemExit as ended:
            assert not ended.code, command


def main() -> None:
    namespace: dict[str, object] = {"__name__": "__blocks__"}
    for block in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        print(f"{block['where']}: {block['kind']}", file=sys.stderr, flush=True)
        if block["kind"] == "python":
            exec(compile("\n" * block["line"] + block["text"], block["file"], "exec"), namespace)
        else:
            for command in commands_of(block["text"]):
                run(command)


if __name__ == "__main__":
    main()
