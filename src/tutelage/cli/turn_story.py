"""The whole story of one turn: where it stands, what led to it, what it read and said, what became of it.

Text from models and files is indented, so that none of it looks like a heading, and printable.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tutelage.cli.options import print_json
from tutelage.cli.output import echo
from tutelage.cli.scene import Scene
from tutelage.cli.tables import bold, one_line, terminal_width
from tutelage.cli.token_list import print_tokens, token_numbers
from tutelage.cli.turn_tree import turn_line
from tutelage.cli.wording import painted, score_text, short, time_text
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.traces import Candidate, Run, Turn

__all__ = ["block", "head", "show_turn"]

TOKENS = ("prompt_token_ids", "completion_token_ids", "logprobs")


def show_turn(run: "Run", turn_id: str, *, tokens: bool, json_: bool) -> None:
    """Print a turn's story."""
    turn = run.turn(turn_id)
    scene = Scene.of(run, turn.rollout_id)
    if json_:
        print_json(_numbers(run, scene, turn, tokens))
        return
    for line in _lines(scene, turn):
        echo(line)
    if tokens:
        print_tokens(turn)


def head(scene: Scene) -> Iterator[str]:
    """Tell on a few lines whose rollout this is and how it ended."""
    rollout = scene.rollout
    ended = "abandoned, so it does not count" if rollout.status == "abandoned" else rollout.status
    answer = "" if rollout.answer is None else f", answer {rollout.answer}"
    scores = "".join(f", {score_text(row.score)}" for row in scene.scores.get(rollout.id, ()))
    yield one_line(
        f"rollout {rollout.id} of task {rollout.task.id}, repeat {rollout.repeat}: {ended}{answer}{scores}"
    )
    if rollout.error is not None:
        yield from block(rollout.error)


def block(text: str) -> Iterator[str]:
    """Foreign text, indented."""
    yield from (f"  {line}" for line in printable(text).split("\n"))


def _lines(scene: Scene, turn: "Turn") -> Iterator[str]:
    of = "" if turn.samples == 1 else f", sample {turn.sample + 1} of {turn.samples}"
    node = "" if turn.node in (None, turn.role) else f", node {turn.node}"
    yield bold(one_line(f"turn {turn.id}: {turn.role}{node}, call {turn.call + 1}{of}"))
    yield from head(scene)
    yield from (one_line(line) for line in _facts(turn))
    if turn.error is not None:
        yield from _section("error", block(turn.error))
    width = terminal_width()
    ancestors = [f"  {turn_line(scene, each, width, '')}" for each in scene.ancestors(turn)]
    yield from _section("builds on, the first one first", ancestors)
    yield from _section("prompt", _prompt(turn))
    yield from _section("tools offered", (line for tool in turn.tools for line in block(_json(tool))))
    yield from _section("completion", block(turn.completion) if turn.completion else ())
    yield from _section("tools called", (line for call in turn.tool_calls for line in block(_json(call))))
    yield from _section(
        "scores",
        (
            f"  {one_line(score_text(row.score))}{_why(row.score.feedback)}"
            for row in scene.scores.get(turn.id, ())
        ),
    )
    for candidate in scene.written(turn):
        yield from _section(f"candidate {candidate.id}", _candidate(scene, turn, candidate))
    yield from _section(
        "what was made of it", [f"  {turn_line(scene, each, width)}" for each in scene.followers(turn)]
    )
    if turn.metadata:
        yield from _section("metadata", block(_json(turn.metadata)))


def _facts(turn: "Turn") -> Iterator[str]:
    who = f"written by {turn.author}" if turn.author is not None else f"policy {turn.policy}"
    sampling = turn.sampling
    stop = f", stop {list(sampling.stop)!r}" if sampling.stop else ""
    yield f"{who}, model {turn.model}"
    yield (
        f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, "
        f"max_tokens {sampling.max_tokens}{stop}; ended by {turn.finish_reason or 'nothing on record'}"
    )
    read = _count(turn.prompt_token_ids)
    written = _count(turn.completion_token_ids)
    logprobs = "" if turn.logprobs is None else f", log-probability {sum(turn.logprobs):.3f}"
    yield f"{time_text(turn.started)}, {turn.seconds:.2f} s; tokens: {read} read, {written} written{logprobs}"


def _count(ids: tuple[int, ...] | None) -> str:
    return "an unknown number" if ids is None else f"{len(ids):,}"


def _section(title: str, lines: Any) -> Iterator[str]:
    """A heading and its lines; nothing without lines."""
    for number, line in enumerate(lines):
        if number == 0:
            yield f"\n{bold(title)}"
        yield line


def _prompt(turn: "Turn") -> Iterator[str]:
    for message in turn.messages:
        yield f"  {bold(one_line(str(message.get('role'))))}"
        content = message.get("content")
        rest = {key: value for key, value in message.items() if key not in ("role", "content")}
        if content is not None:
            yield from (
                f"  {line}" for line in block(content if isinstance(content, str) else _json(content))
            )
        if rest:
            yield from (f"  {line}" for line in block(_json(rest)))


def _candidate(scene: Scene, turn: "Turn", candidate: "Candidate") -> Iterator[str]:
    if candidate.text != turn.completion:
        yield from block(candidate.text)
    answer = "no answer" if candidate.answer is None else f"answer {candidate.answer}"
    scores = [score_text(row.score) for row in scene.scores.get(candidate.id, ())]
    yield f"  {one_line('; '.join([f'round {candidate.round}, {answer}', *scores]))}"
    made = [each for each in scene.candidates if candidate.id in each.parents]
    for each in made:
        words = [score_text(row.score) for row in scene.scores.get(each.id, ())]
        yield f"  became {short(each.id)}: {painted([one_line(word) for word in words])}"


def _why(feedback: str | None) -> str:
    return "" if feedback is None else f": {one_line(feedback)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _numbers(run: "Run", scene: Scene, turn: "Turn", tokens: bool) -> Mapping[str, Any]:
    candidates = scene.written(turn)
    subjects = {turn.id, scene.rollout.id, *(each.id for each in candidates)}
    return {
        "row_id": f"{run.id}/{turn.id}",
        "turn": {
            **turn.model_dump(mode="json", exclude=set(TOKENS)),
            "prompt_tokens": None if turn.prompt_token_ids is None else len(turn.prompt_token_ids),
            "completion_tokens": None
            if turn.completion_token_ids is None
            else len(turn.completion_token_ids),
            **(token_numbers(turn) if tokens else {}),
        },
        "rollout": scene.rollout.model_dump(mode="json"),
        "lineage": [each.id for each in scene.ancestors(turn)],
        "scores": [row.model_dump(mode="json") for id in subjects for row in scene.scores.get(id, ())],
        "candidates": [each.model_dump(mode="json") for each in candidates],
        "made": [each.id for each in scene.followers(turn)],
    }
