import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pexpect
import pyte
import pytest

pytestmark = pytest.mark.slow

SPEAKER = Path(__file__).parent.parent / "speaking_model.py"
PROMPT = "(tutelage) "
PATIENCE = 60.0
GRAPH = """
import time
from typing import TypedDict
from langgraph.graph import END, START, StateGraph

class Counting(TypedDict, total=False):
    problem: str
    count: int
    said: str

def count(state):
    time.sleep(0.05)
    return {"count": state.get("count", 0) + 1, "said": HOSTILE}

HOSTILE = "\\x1b]0;owned\\x07\\x1b[2J\\x1b[31mred \\u202etxt\\x9b1m"
graph = StateGraph(Counting)
graph.add_node("count", count)
graph.add_edge(START, "count")
graph.add_conditional_edges("count", lambda state: END if state["count"] >= 100000 else "count", ["count", END])
"""


class Screen(pyte.Screen):
    """A screen that answers what is asked of a terminal."""

    def __init__(self, answer: Callable[[str], None]) -> None:
        super().__init__(110, 36)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Terminal:
    """A person's terminal: a pseudo-terminal whose output a terminal emulator draws."""

    def __init__(self, arguments: list[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.raw = ""
        self.screen = Screen(self.type)
        self._stream = pyte.Stream(self.screen)
        command = ["-P", "-m", "tutelage", "debug", *arguments]
        self.child = pexpect.spawn(
            sys.executable,
            command,
            cwd=str(cwd),
            env={**os.environ, "TERM": "xterm-256color", "HOME": str(cwd), **env},
            dimensions=(36, 110),
            encoding="utf-8",
            codec_errors="surrogateescape",
            timeout=PATIENCE,
        )

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def say(self, line: str, expect: str) -> str:
        """Type a line, Enter, and wait for what it shows."""
        self.type(f"{line}\r")
        return self.see(expect)

    def see(self, text: str) -> str:
        """Wait until a text stands on the screen."""
        return self.until(lambda: text in self.text, text)

    def until(self, holds: Callable[[], bool], what: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"{what!r} was not seen:\n{self.text}"
            self._take(0.2)
        return self.text

    def end(self) -> int:
        """Wait for the end and give the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.child.isalive() and time.monotonic() < deadline:
            self._take(0.2)
        self._take(0.2)
        self.child.close()
        assert self.child.exitstatus is not None, self.text
        return int(self.child.exitstatus)

    def _take(self, seconds: float) -> None:
        try:
            new = self.child.read_nonblocking(1 << 16, seconds)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            time.sleep(0.01)
            return
        self.raw += new
        self._stream.feed(new)


Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `tutelage debug` in a terminal; whatever still runs at the end is ended."""
    started: list[Terminal] = []

    def begin(*arguments: str, **env: str) -> Terminal:
        (tmp_path / "counting.py").write_text(GRAPH)
        given = arguments or ("arithmetic:1:3:3", "--graph", "self_refine")
        terminal = Terminal([*given, "--model", f"{SPEAKER}:model"], tmp_path, env)
        started.append(terminal)
        return terminal

    yield begin
    for each in started:
        if each.child.isalive():
            each.child.kill(signal.SIGKILL)
            each.child.wait()
        each.child.close()


def test_a_person_steps_completes_repeats_and_leaves(start: Start) -> None:
    terminal = start("arithmetic:1:3:3", "--graph", "self_refine", "--store", "kept")
    terminal.see("> before solver  visit 1, main: start")
    terminal.see(" main | before solver, visit 1 | tokens: 0 read, 0 written")
    terminal.say("s", "> at a model call of solver")
    terminal.type("\r")
    terminal.see("> after solver")
    terminal.type("b rev\t")
    terminal.see(f"{PROMPT}b reviewer")
    terminal.type("\r")
    terminal.see("breakpoint 1: before reviewer")
    terminal.say("c", "> before reviewer")
    terminal.say("swich", "did you mean 'switch'?")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert "kept in kept; open it again with: tutelage debug kept" in terminal.text
    assert "Traceback" not in terminal.raw


def test_ctrl_c_pauses_a_running_graph_and_comes_back_to_the_prompt(start: Start) -> None:
    terminal = start("count to many", "--graph", "counting.py:graph", "--store", "kept")
    terminal.see("> before count")
    terminal.say("c", "(running; Ctrl-C pauses it)")
    terminal.type("\x03")
    terminal.see("(pausing at the next event)")
    terminal.see(": pause")
    terminal.say("p count > 10", "True")
    terminal.type("half a line\x03")
    terminal.say("p 40 + 2", "42")
    terminal.say("q", "open it again with")
    assert terminal.end() == 0
    again = start("kept")
    again.see(", main: pause")
    again.say("p count > 10", "True")


def test_ctrl_c_ends_a_resampling_early_and_the_branch_is_held_where_it_was(start: Start) -> None:
    terminal = start("count to many", "--graph", "counting.py:graph", "--store", "kept")
    terminal.see("> before count")
    terminal.say("resample 2", "(running; Ctrl-C pauses it)")
    terminal.type("\x03")
    terminal.see("stopped early: 0 of 2 samples ended and count; the others are dropped")
    terminal.say("s", "> after count")


def test_what_a_node_wrote_does_not_reach_the_terminal(start: Start) -> None:
    terminal = start("count to many", "--graph", "counting.py:graph")
    terminal.see("> before count")
    terminal.say("n ;; state said", "⟨U+001B⟩]0;owned⟨U+0007⟩")
    terminal.say("display said", "display 1")
    terminal.say("pp said ;; changes ;; p state", "⟨U+202E⟩txt")
    assert "\x1b]0;owned" not in terminal.raw
    assert "\u202e" not in terminal.raw
    assert "\x9b" not in terminal.raw
    assert terminal.screen.title == ""


def test_an_editor_opens_on_the_prompt(start: Start, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/Solve it step by step/Think twice/" "$1"\n')
    editor.chmod(0o755)
    terminal = start(EDITOR=str(editor), VISUAL=str(editor))
    terminal.see("> before solver")
    terminal.say("s ;; edit", "Think twice")
    terminal.say("prompt", "Think twice, one step a line.")
    terminal.type("say one\x1b\rtwo\r")
    terminal.see("this will be the answer")
    terminal.say("s ;; state solution", "  two")


def test_lines_are_remembered_and_the_start_up_file_is_read(start: Start, tmp_path: Path) -> None:
    (tmp_path / ".tutelagerc").write_text("alias wrong b verdict:wrong\ndisplay answer\n")
    terminal = start()
    terminal.see("display 1: answer = ")
    terminal.say("wrong", "breakpoint 1: after verdict:wrong")
    terminal.say("q", "kept in")
    assert terminal.end() == 0
    again = start()
    again.see("display 1: answer = ")
    again.type("\x1b[A\x1b[A")
    again.see(f"{PROMPT}wrong")
    history = tmp_path / ".local" / "state" / "tutelage" / "debug-history"
    assert history.stat().st_mode & 0o777 == 0o600


def test_no_color_is_honoured(start: Start) -> None:
    terminal = start(NO_COLOR="1")
    terminal.see("> before solver")
    terminal.say("h", "help COMMAND tells more")
    assert not re.search(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38)[0-9;]*m", terminal.raw)


def test_colours_are_used_where_they_may_be(start: Start) -> None:
    terminal = start()
    terminal.see("> before solver")
    assert re.search(r"\x1b\[36m\x1b\[1mbefore|\x1b\[36;1mbefore|\x1b\[1m\x1b\[36mbefore", terminal.raw)


def test_a_dumb_terminal_gets_plain_lines(start: Start) -> None:
    terminal = start(TERM="dumb")
    terminal.see("> before solver")
    terminal.say("n", "> before reviewer")
    terminal.say("q", "kept in")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.raw
