"""ATIF: one document of the Agent Trajectory Interchange Format, version 1.7, for a rollout.

Source: Harbor's RFC 0001. A rollout with one straight conversation is that conversation's trajectory. Any
other is a root trajectory (the task, and one system step that dispatches each call) whose subagents are the
branches: one for every path a role's words took, so that forks, parallel samples and several roles stay exact
and a trajectory is always a prompt followed by its answer. Prefixes that an earlier branch has are marked
`is_copied_context`; whoever trains on the steps that are not marked trains on every turn once. Token ids and
log-probabilities are those that were recorded; what was not recorded is absent. Lineage, scores and candidates
are in `extra`. Text follows `valid`: a lone surrogate is written as its escape.
Not covered: costs, cached tokens, and reading the format back.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tutelage import __version__
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.format import Format, Job
from tutelage.traces.export.formats.atif_branches import Branch, branches
from tutelage.traces.export.formats.atif_steps import branch_steps, timestamp
from tutelage.traces.export.formats.valid import present, valid
from tutelage.traces.export.formats.whole_rollouts import (
    WholeRollout,
    WholeRolloutSettings,
    check,
    rows_of,
)
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn

__all__ = ["ATIF", "SCHEMA_VERSION", "trajectory"]

SCHEMA_VERSION = "ATIF-v1.7"

NOTES = (
    "Every path that a role's words took is a trajectory of its own. Steps that an earlier trajectory of this"
    " document has in the same place are marked is_copied_context and carry no metrics."
)


def trajectory(
    rollout: Rollout,
    turns: Sequence[Turn],
    scores: Iterable[ScoreRow] = (),
    candidates: Iterable[Candidate] = (),
    *,
    run_name: str | None = None,
) -> dict[str, Any]:
    """Write a rollout as an ATIF document.

    Args:
        rollout: The rollout.
        turns: Its turns, in the order they were recorded.
        scores: Its scores, of any subject.
        candidates: Its candidates.
        run_name: The name of its run.

    Returns:
        Plain data that any JSON writer takes, valid against the published schema.
    """
    judged = _by_subject(scores)
    texts = {turn.id: turn.completion for turn in turns}
    extra = _lineage(rollout, run_name) | present(
        scores=judged.get("rollout", {}).get(rollout.id),
        candidates=[_candidate(item, texts, judged.get("candidate", {})) for item in candidates],
        tokens=_tokens(turns),
    )
    parts = branches(turns)
    by_turn = judged.get("turn", {})
    if len(parts) == 1:
        document = _conversation(parts[0], rollout.id, by_turn)
    else:
        document = _orchestration(rollout, parts, by_turn, run_name)
    head = {"schema_version": SCHEMA_VERSION, "session_id": rollout.run_id}
    written: dict[str, Any] = valid(head | document | {"extra": extra})
    return written


def _conversation(
    branch: Branch, trajectory_id: str, scores: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    turns = branch.turns
    steps = branch_steps(branch, scores)
    for step in steps:
        _drop_infinite(step)
    models = list(dict.fromkeys(turn.model for turn in turns))
    extra = present(nodes=_distinct(turns, "node"), policies=_distinct(turns, "policy"))
    return {
        "schema_version": SCHEMA_VERSION,
        "trajectory_id": trajectory_id,
        "agent": {
            "name": branch.role,
            "version": __version__,
            **present(model_name=models[0], tool_definitions=_tools(turns), extra=extra),
        },
        "steps": steps,
        "final_metrics": present(
            total_prompt_tokens=_total(turn.prompt_token_ids for turn in turns),
            total_completion_tokens=_total(turn.completion_token_ids for turn in turns),
            total_steps=len(steps),
        ),
    }


def _orchestration(
    rollout: Rollout,
    parts: Sequence[Branch],
    scores: Mapping[str, list[dict[str, Any]]],
    run_name: str | None,
) -> dict[str, Any]:
    """The root of several branches. A branch is named by its last turn, which no other branch ends with."""
    steps: list[dict[str, Any]] = [
        {"source": "user", "message": rollout.task.problem, **present(timestamp=timestamp(rollout.started))}
    ]
    calls: dict[tuple[str, int], list[Branch]] = {}
    for branch in parts:
        calls.setdefault((branch.role, branch.turns[0].call), []).append(branch)
    for (role, _), called in calls.items():
        refs = [{"trajectory_id": branch.turns[-1].id, "extra": {"role": role}} for branch in called]
        steps.append(
            {
                "source": "system",
                "message": "",
                **present(timestamp=timestamp(called[0].turns[0].started)),
                "observation": {"results": [{"subagent_trajectory_ref": refs}]},
            }
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "trajectory_id": rollout.id,
        "agent": {"name": run_name or "tutelage", "version": __version__},
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, 1)],
        "notes": NOTES,
        "final_metrics": {"total_steps": len(steps)},
        **present(subagent_trajectories=[_conversation(part, part.turns[-1].id, scores) for part in parts]),
    }


def _lineage(rollout: Rollout, run_name: str | None) -> dict[str, Any]:
    task = rollout.task.model_dump()
    return present(
        run_id=rollout.run_id,
        run_name=run_name,
        task_id=rollout.task.id,
        rollout_id=rollout.id,
        repeat=rollout.repeat,
        status=rollout.status,
        error=rollout.error,
        answer=rollout.answer,
        started=rollout.started,
        ended=rollout.ended,
        task=present(**task),
    )


def _by_subject(scores: Iterable[ScoreRow]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in scores:
        score = present(**row.score.model_dump(), given=row.given)
        found.setdefault(row.subject, {}).setdefault(row.subject_id, []).append(score)
    return found


def _candidate(
    candidate: Candidate, written: Mapping[str, str], scores: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """A candidate; its text only where no turn of the rollout has it word for word."""
    same = written.get(candidate.turn_id or "") == candidate.text
    return present(
        id=candidate.id,
        turn_id=candidate.turn_id,
        text=None if same else candidate.text,
        answer=candidate.answer,
        parents=candidate.parents,
        round=candidate.round,
        scores=scores.get(candidate.id),
    )


def _tokens(turns: Sequence[Turn]) -> dict[str, int]:
    """What the rollout read and wrote; a prompt counts once for all samples of its call."""
    prompts = {turn.call: turn.prompt_token_ids for turn in turns}
    return present(
        prompt=_total(prompts.values()), completion=_total(turn.completion_token_ids for turn in turns)
    )


def _total(tokens: Iterable[tuple[int, ...] | None]) -> int | None:
    """Give the sum; `None` where one is unknown, since a sum of the rest would look like the whole."""
    counts = [None if ids is None else len(ids) for ids in tokens]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _distinct(turns: Sequence[Turn], name: str) -> list[str]:
    return list(dict.fromkeys(value for turn in turns if (value := getattr(turn, name)) is not None))


def _tools(turns: Sequence[Turn]) -> list[Mapping[str, Any]]:
    """Give every tool that was offered, once."""
    tools: list[Mapping[str, Any]] = []
    for turn in turns:
        tools.extend(tool for tool in turn.tools if tool not in tools)
    return tools


def _drop_infinite(step: dict[str, Any]) -> None:
    """Leave out log-probabilities that JSON cannot write: a list with holes is against the schema."""
    metrics = step.get("metrics", {})
    logprobs = metrics.get("logprobs")
    if logprobs is not None and not all(map(math.isfinite, logprobs)):
        del metrics["logprobs"]
        metrics["extra"] = {"logprobs_missing": "not every one is a finite number"}


def _document(whole: WholeRollout, job: Job) -> dict[str, Any]:
    return trajectory(*whole, run_name=job.run.name)


ATIF = Format(
    name="atif",
    about="whole rollouts in the Agent Trajectory Interchange Format 1.7",
    settings=WholeRolloutSettings,
    columns=lambda settings, survey: (Column("document", Kind.JSON),),
    rows=rows_of(_document),
    noun=lambda settings: "rollouts",
    lineage=False,
    document=True,
    check=check,
)
