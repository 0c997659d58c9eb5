"""Runs the code blocks of one document in their order: Python in one namespace, `$ tutelage` lines as commands.

    python run_blocks.py BLOCKS.json

Started by test_documentation.py in an empty directory; ends with the first block that fails.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

COMMANDS = ("tutelage", "python")


def commands_of(text: str) -> list[list[str]]:
    """The lines of a console block that start with `$`, continued over a backslash at their end."""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


def main() -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    namespace: dict[str, object] = {"__name__": "__blocks__"}
    for block in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        print(f"{block['where']}: {block['kind']}", file=sys.stderr, flush=True)
        if block["kind"] == "python":
            exec(compile("\n" * block["line"] + block["text"], block["file"], "exec"), namespace)
        else:
            for command in commands_of(block["text"]):
                if command[0] in COMMANDS:
                    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
