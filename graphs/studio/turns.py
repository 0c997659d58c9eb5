"""One rollout and one turn as the page shows them: heads, texts by the piece, scores, lineage.

Reads from the record what is asked for and no more. Not covered: tokens (`token_page`), the table (`table`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tutelage.errors import UserError
from tutelage.graphs.debugging.spelling import Tokenizers, tokenizer_directory
from tutelage.graphs.studio.plain import cut
from tutelage.graphs.studio.texts import FIRST, begun, content_text, part_of, rationed
from tutelage.traces import Run, ScoreRow
from tutelage.traces.export.own_score import VERDICT
from tutelage.traces.lessons import NAMES
from tutelage.traces.turn_heads import (
    TurnHead,
    completion_of,
    head_of,
    heads,
    messages_of,
    offered_to,
    prompt_ids,
)

__all__ = ["head_row", "rollout_part", "rollout_view", "turn_part", "turn_view"]

MOST_TURNS = 2000
"""Turns of a rollout that are listed."""
MOST_MESSAGES = 2000
OUTPUT = 20_000
"""Characters of each field of the final state."""
LINES = 200
"""Of a candidate's text, in characters times ten."""
RENDERED = 1_000_000
"""Tokens up to which a prompt is rendered."""


def rollout_view(run: Run, rollout_id: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a rollout with everything in it but texts in full.

    Args:
        run: The run.
        rollout_id: The rollout.
        row: Its row of the table.
    """
    rollout = run.rollout(rollout_id)
    turns, scores = heads(run, rollout_id), run.scores(rollout_id)
    by_turn = _by_subject(scores)
    task = rollout.task
    shown = turns[:MOST_TURNS]
    return {
        "rollout": {**row, "answer": begun(rollout.answer or "") if rollout.answer is not None else None},
        "error": None if rollout.error is None else begun(rollout.error),
        "task": {
            "id": task.id,
            "problem": begun(task.problem),
            "problem_size": len(task.problem),
            "reference": begun(task.reference) if task.reference is not None else None,
            "solution": begun(task.solution) if task.solution is not None else None,
            "family": task.family or None,
            "difficulty": task.difficulty,
            "metadata": _short(task.metadata),
        },
        "output": _output(rollout.output),
        "turn_count": len(turns),
        "turns": [head_row(head, by_turn.get(head.id, ()), row["passed"]) for head in shown],
        "scores": [_score_row(each) for each in _counting(scores)],
        "candidates": [
            {
                "id": each.id,
                "text": begun(each.text, 10 * LINES),
                "size": len(each.text),
                "answer": cut(each.answer),
                "parents": each.parents,
                "turn_id": each.turn_id,
                "round": each.round,
            }
            for each in run.candidates(rollout_id)[:MOST_TURNS]
        ],
        "path": _path(turns),
        "branches": [],
    }


def turn_view(run: Run, turn_id: str, tokenizers: Tokenizers) -> dict[str, Any]:
    """Give one turn: what it read and said, as far as a page holds it, and its neighbours."""
    head = head_of(run, turn_id)
    siblings = {each.id: each for each in heads(run, head.rollout_id)}
    scores = _by_subject(run.scores(head.rollout_id))
    written = [each for each in run.candidates(head.rollout_id) if each.turn_id == turn_id]
    text, calls = completion_of(run, turn_id)
    messages = messages_of(run, turn_id)
    rendered, why = _rendered(run, head, tokenizers)

    def rows(found: Iterable[TurnHead]) -> list[dict[str, Any]]:
        return [head_row(each, scores.get(each.id, ())) for each in found]

    return {
        "turn": head_row(head, scores.get(turn_id, ())),
        "messages": rationed(messages[-MOST_MESSAGES:]),
        "messages_left_out": max(0, len(messages) - MOST_MESSAGES),
        "completion": begun(text),
        "size": len(text),
        "tool_calls": begun(content_text(list(calls) or None)[0]) or None,
        **{name: _short(value) for name, value in offered_to(run, turn_id).items()},
        "finish_reason": head.finish_reason,
        "sampling": head.sampling,
        "model": head.model,
        "policy": head.policy,
        "rendered": None if rendered is None else begun(rendered),
        "rendered_size": None if rendered is None else len(rendered),
        "why_not_rendered": why,
        "scores": [
            _score_row(each)
            for id in (turn_id, *(each.id for each in written), head.rollout_id)
            for each in scores.get(id, ())
        ],
        "candidates": [{"id": each.id, "answer": cut(each.answer), "round": each.round} for each in written],
        "parents": rows(siblings[each] for each in head.parents if each in siblings),
        "children": rows(each for each in siblings.values() if turn_id in each.parents),
        "siblings": rows(each for each in siblings.values() if each.call == head.call and each.id != turn_id),
        "error": head.error,
        "metadata": _short(head.metadata),
        "rollout_id": head.rollout_id,
    }


def turn_part(
    run: Run, turn_id: str, part: str, offset: int, length: int, tokenizers: Tokenizers
) -> dict[str, Any]:
    """Give a part of a text of a turn: "completion", "rendered", "error" or "messages.N".

    Raises:
        UserError: There is no such text.
    """
    if part == "completion":
        return part_of(completion_of(run, turn_id)[0], offset, length)
    if part == "error":
        return part_of(head_of(run, turn_id).error or "", offset, length)
    if part == "rendered":
        rendered, why = _rendered(run, head_of(run, turn_id), tokenizers)
        if rendered is None:
            raise UserError(why or "there is no rendered prompt")
        return part_of(rendered, offset, length)
    name, _, place = part.partition(".")
    if name == "messages" and place.isdecimal():
        messages = messages_of(run, turn_id)
        if int(place) < len(messages):
            return part_of(content_text(messages[int(place)].get("content"))[0], offset, length)
    raise UserError(f"a turn has no text {part!r}; it has completion, rendered, error and messages.N")


def rollout_part(run: Run, rollout_id: str, part: str, offset: int, length: int) -> dict[str, Any]:
    """Give a part of a text of a rollout: "problem", "solution", "error", "answer" or "output".

    Raises:
        UserError: There is no such text.
    """
    rollout = run.rollout(rollout_id)
    texts = {
        "problem": rollout.task.problem,
        "solution": rollout.task.solution,
        "error": rollout.error,
        "answer": rollout.answer,
        "output": content_text(rollout.output)[0],
    }
    if part not in texts:
        raise UserError(f"a rollout has no text {part!r}; it has {', '.join(texts)}")
    return part_of(texts[part] or "", offset, length)


def head_row(head: TurnHead, scores: Sequence[ScoreRow] = (), passed: bool | None = None) -> dict[str, Any]:
    """Give a turn as lists show it.

    Args:
        head: The turn.
        scores: Those of the turn itself.
        passed: What became of its rollout; not the turn's own score, and given beside it.
    """
    verdict = next((each.score for each in scores if each.score.name == VERDICT), None)
    own = next((each.score for each in scores if each.score.name not in (VERDICT, *NAMES)), None)
    taught = next((each.score for each in scores if each.score.name == NAMES[0]), None)
    return {
        "id": head.id,
        "role": head.role,
        "node": head.node,
        "policy": head.policy,
        "author": head.author,
        "call": head.call,
        "sample": head.sample,
        "samples": head.samples,
        "parents": head.parents,
        "started": head.started,
        "seconds": head.seconds,
        "prompt_tokens": head.prompt_tokens,
        "completion_tokens": head.completion_tokens,
        "verdict": None if verdict is None else _verdict(verdict.passed),
        "verdict_why": None if verdict is None else cut(verdict.feedback),
        "score": None if own is None else own.value,
        "label": None if taught is None or taught.passed is None else _label(taught.passed),
        "error": cut(head.error),
        "preview": head.preview,
        "size": head.size,
        "calls_tools": head.calls_tools,
        "has_tokens": head.has_tokens,
        "rollout_passed": passed,
    }


def _verdict(passed: bool | None) -> str:
    return "none" if passed is None else "right" if passed else "wrong"


def _label(passed: bool) -> str:
    return "accepted" if passed else "rejected"


def _by_subject(scores: Iterable[ScoreRow]) -> Mapping[str, Sequence[ScoreRow]]:
    found: dict[str, list[ScoreRow]] = {}
    for row in _counting(scores):
        found.setdefault(row.subject_id, []).append(row)
    return found


def _counting(scores: Iterable[ScoreRow]) -> list[ScoreRow]:
    """Of one name and subject the latest."""
    return list({(row.subject_id, row.score.name): row for row in scores}.values())


def _score_row(row: ScoreRow) -> dict[str, Any]:
    return {
        "subject": row.subject,
        "subject_id": row.subject_id,
        "name": row.score.name,
        "value": row.score.value,
        "passed": row.score.passed,
        "steps": row.score.steps,
        "feedback": None if row.score.feedback is None else begun(row.score.feedback, FIRST // 10),
        "given": row.given,
    }


def _path(turns: Sequence[TurnHead]) -> list[str]:
    """The nodes that asked, call by call."""
    calls: dict[int, str] = {}
    for turn in turns:
        calls.setdefault(turn.call, turn.node or turn.role)
    return [calls[number] for number in sorted(calls)]


def _output(output: Any) -> Any:
    if not isinstance(output, Mapping):
        return _short(output)
    return {str(name): _short(value) for name, value in list(output.items())[:500]}


def _short(value: Any) -> Any:
    """A value as it is, or how its JSON begins where it is long."""
    if isinstance(value, str):
        return value if len(value) <= OUTPUT else f"{value[:OUTPUT]}…"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= OUTPUT else f"{text[:OUTPUT]}…"


def _rendered(run: Run, head: TurnHead, tokenizers: Tokenizers) -> tuple[str | None, str | None]:
    """The prompt with the chat template's marks, else why there is none."""
    ids = prompt_ids(run, head.id, RENDERED + 1)
    if ids is None:
        return None, "no token ids of the prompt are on record"
    if len(ids) > RENDERED:
        return None, f"the prompt has more than {RENDERED:,} tokens"
    directory = tokenizer_directory(head.model)
    if directory is None:
        return None, f"no tokenizer of {head.model} is at hand"
    try:
        spelling = tokenizers.of(directory)
    except UserError as error:
        return None, str(error)
    if not spelling.knows(ids):
        return None, f"the tokenizer in {str(directory)!r} is not the one that made these ids"
    return spelling.whole(ids), None
