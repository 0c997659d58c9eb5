"""Importing the `traces.jsonl` of Prime Intellect's verifiers (its traces' version 1): one episode a line.

An episode becomes a rollout. A trace holds a graph of messages; every one that a model sampled becomes a turn,
whose prompt is the path that leads to it, whose parent is the nearest sampled message on that path, and whose
role is the name of the agent. Token ids and log-probabilities are taken over as they are (verifiers rounds the
latter to four decimals when it writes the file); where a message has none, they are unknown. A trace's rewards
and metrics become scores of its last turn and, where it is the episode's only trace, of the rollout, with
"reward" as their weighted sum. What has no place in the record is kept as plain data: a node's further fields
in the turn's metadata, the rest of the episode in the rollout's output. An episode that is not `ok` becomes a
failed rollout, of which the turns and the error are kept.

Not kept: `is_content`, and which tokens belong to which message of a prompt. Not covered: traces of another
version. A line that is a single trace is read as an episode of its own.

Source: verifiers/v1/{episode,trace,graph,types}.py of verifiers up to 0.4.0.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tutelage.traces.importing.chat import spoken
from tutelage.traces.importing.imported import ImportedRollout, ImportedScore, ImportedTurn
from tutelage.traces.importing.lines import Line
from tutelage.traces.importing.verifiers_schema import Episode, TaskBody, TraceBody, read_episode
from tutelage.traces.importing.verifiers_trace import TraceGraph
from tutelage.types import Score, Task

__all__ = ["verifiers_rollouts"]

VERSION = 1


def verifiers_rollouts(line: Line) -> Iterator[ImportedRollout]:
    """Give the rollout of one episode.

    Raises:
        UserError: The line is no episode, its graph of messages makes no sense, or its version is unknown.
    """
    data: dict[str, Any] = line.data
    if "traces" not in data:
        data = {"traces": [data], "task": data.get("task")}
    episode = read_episode(line, data)
    turns: list[ImportedTurn] = []
    scores: list[ImportedScore] = []
    rest: list[Any] = []
    for at, trace in enumerate(episode.traces):
        if trace.version != VERSION:
            raise line.error(f"traces.{at} is of version {trace.version}, but this importer reads {VERSION}")
        graph = TraceGraph(trace, data["traces"][at], first=len(turns))
        turns.extend(graph.turns())
        scores.extend(_scores(trace, len(turns) - 1 if graph.sampled else None, len(episode.traces) == 1))
        rest.append(graph.rest())
    others: dict[str, Any] = {key: value for key, value in data.items() if key not in ("task", "traces")}
    yield ImportedRollout(
        task=_task(episode.task),
        turns=tuple(turns),
        scores=tuple(scores),
        output={"import": {"episode": others, "traces": rest}},
        error=_error(episode),
    )


def _error(episode: Episode) -> str | None:
    """Why an episode failed; `None` for one that is ok."""
    errors = [*episode.errors, *(error for trace in episode.traces for error in trace.errors)]
    ok = episode.ok
    if ok is None:
        ok = all(not trace.errors if trace.ok is None else trace.ok for trace in episode.traces)
    if ok:
        return None
    return (
        f"{errors[-1].type}: {errors[-1].message}" if errors else "the episode is not ok and does not say why"
    )


def _task(task: TaskBody) -> Task:
    prompt, answer = task.data.get("prompt"), task.data.get("answer")
    if isinstance(prompt, list):
        texts = (spoken(message.get("content")) for message in prompt if isinstance(message, dict))
        prompt = "\n\n".join(text for text in texts if text)
    content = json.dumps(task.data, sort_keys=True)
    return Task(
        id=task.key or task.hash or sha256(content.encode()).hexdigest(),
        problem=prompt if isinstance(prompt, str) else "",
        reference=answer if isinstance(answer, str) else None,
        metadata={"type": task.type, "data": task.data},
    )


def _scores(trace: TraceBody, turn: int | None, alone: bool) -> Iterator[ImportedScore]:
    values = {name: value for name, value in trace.metrics.items() if value is not None}
    rewards = {
        name: (reward.score, reward.weight)
        for name, reward in trace.rewards.items()
        if reward is not None and reward.score is not None
    }
    values |= {name: value for name, (value, _) in rewards.items()}
    if rewards:
        values["reward"] = sum(value * weight for value, weight in rewards.values())
    for name, value in values.items():
        score = Score(name=name, value=value)
        if turn is not None:
            yield ImportedScore(score=score, turn=turn)
        if alone:
            yield ImportedScore(score=score)
