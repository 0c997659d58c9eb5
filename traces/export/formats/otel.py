"""OpenTelemetry: one trace for a rollout, in the words of the GenAI semantic conventions.

Source: open-telemetry/semantic-conventions-genai (status: development) and OTLP 1 in its JSON form.

    invoke_workflow {run}        the rollout; with its scores
    └── invoke_agent {role}      everything that a role said, from its first call to its last
        └── chat {model}         one model call with all its samples; CLIENT; linked to the calls it builds on

Scores are events `gen_ai.evaluation.result` on what they judge: a call for a turn or its candidate, else the
workflow; a score whose time was not recorded bears the end of its span. Identifiers follow from ours: the
trace's id is the rollout's, so a run that is sent twice is one run for a collector that knows identifiers.
Times are the recorded ones. What has no name in the conventions is `tutelage.*`. Texts are sent only with
`content`, token ids and log-probabilities only with `tokens`. Text follows `valid`.
Not covered: executions of tools, whose times are not recorded (their answers are in the next prompt), metrics
and logs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from tutelage import __version__
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.format import Format, Job
from tutelage.traces.export.formats.otel_calls import Call, calls_of, chat_span, end_of, model_attributes
from tutelage.traces.export.formats.otel_messages import input_messages
from tutelage.traces.export.formats.otel_spans import (
    Span,
    event,
    link,
    nanoseconds,
    resource_spans,
    span_id,
    trace_id,
)
from tutelage.traces.export.formats.whole_rollouts import (
    WholeRollout,
    WholeRolloutSettings,
    check,
    rows_of,
)
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn

__all__ = ["OTEL", "OtelSettings", "trace"]


class OtelSettings(WholeRolloutSettings):
    """The options of the OpenTelemetry format."""

    content: bool = False
    """Prompts, completions, answers, tools and feedback, too."""
    tokens: bool = False
    """Token ids and log-probabilities, too, as `tutelage.*`."""
    resource: Mapping[str, str] = Field(default_factory=dict)
    """Attributes of the resource, for example {"openinference.project.name": "first"}, Phoenix's project."""
    endpoint: str | None = None
    """Where `Export.send` sends the spans, for example "http://127.0.0.1:4318/v1/traces"."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Sent along, for example an API key."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds that one request may take."""


def trace(
    rollout: Rollout,
    turns: Sequence[Turn],
    scores: Iterable[ScoreRow] = (),
    candidates: Iterable[Candidate] = (),
    *,
    run_name: str | None = None,
    content: bool = False,
    tokens: bool = False,
    resource: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write a rollout as a trace.

    Args:
        rollout: The rollout.
        turns: Its turns, in the order they were recorded.
        scores: Its scores, of any subject.
        candidates: Its candidates; they say which call a candidate's score belongs to.
        run_name: The name of its run, which names the workflow.
        content: Send prompts, completions, answers, tools and feedback, too.
        tokens: Send token ids and log-probabilities, too.
        resource: Attributes of the resource besides `service.name` ("tutelage" unless given).

    Returns:
        OTLP's TracesData in its JSON form: plain data with one ResourceSpans.
    """
    workflow = _workflow(rollout, turns, run_name, content)
    spans = [workflow]
    owners: dict[str, Span] = {}
    calls = calls_of(turns)
    for role, said in _by_role(calls).items():
        agent = _agent(workflow, rollout, role, said)
        spans.append(agent)
        for call in said:
            chat = chat_span(agent, call, content, tokens)
            spans.append(chat)
            owners |= {turn.id: chat for turn in call}
    for call in calls:
        _link(call, owners)
    _judge(scores, candidates, owners, workflow, content)
    described = {
        "service.name": "tutelage",
        "service.version": __version__,
        "tutelage.run.id": rollout.run_id,
        "tutelage.run.name": run_name,
        **(resource or {}),
    }
    return {"resourceSpans": [resource_spans(described, "tutelage.traces", __version__, spans)]}


def _by_role(calls: Iterable[Call]) -> dict[str, list[Call]]:
    roles: dict[str, list[Call]] = {}
    for call in calls:
        roles.setdefault(call[0].role, []).append(call)
    return roles


def _workflow(rollout: Rollout, turns: Sequence[Turn], run_name: str | None, content: bool) -> Span:
    ends = [turn.started + turn.seconds for turn in turns]
    end = rollout.ended if rollout.ended is not None else max(ends, default=rollout.started)
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run_name,
        "openinference.span.kind": "CHAIN",
        "tutelage.rollout.id": rollout.id,
        "tutelage.rollout.status": rollout.status,
        "tutelage.rollout.repeat": rollout.repeat,
        "tutelage.task.id": rollout.task.id,
        "tutelage.task.family": rollout.task.family or None,
        "tutelage.task.difficulty": rollout.task.difficulty,
    }
    if content:
        asked = [{"role": "user", "content": rollout.task.problem}]
        attributes |= {
            "gen_ai.input.messages": input_messages(asked),
            "tutelage.rollout.answer": rollout.answer,
            "tutelage.task.reference": rollout.task.reference,
        }
    return Span(
        name=f"invoke_workflow {run_name}" if run_name else "invoke_workflow",
        trace=trace_id(rollout.id),
        id=span_id("rollout", rollout.id),
        start=nanoseconds(rollout.started),
        end=nanoseconds(end),
        attributes=attributes,
        error=(rollout.error or rollout.status) if rollout.status in ("failed", "abandoned") else None,
    )


def _agent(workflow: Span, rollout: Rollout, role: str, calls: Sequence[Call]) -> Span:
    return Span(
        name=f"invoke_agent {role}",
        trace=workflow.trace,
        id=span_id("role", rollout.id, role),
        parent=workflow.id,
        start=min(nanoseconds(call[0].started) for call in calls),
        end=max(end_of(call) for call in calls),
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            **model_attributes(calls[0][0].model),
            "gen_ai.agent.name": role,
        },
    )


def _link(call: Call, owners: Mapping[str, Span]) -> None:
    chat = owners[call[0].id]
    for parent in dict.fromkeys(parent for turn in call for parent in turn.parents):
        target = owners.get(parent)
        if target is not None and target is not chat:
            chat.links.append(link(target, {"tutelage.turn.id": parent}))


def _judge(
    scores: Iterable[ScoreRow],
    candidates: Iterable[Candidate],
    owners: Mapping[str, Span],
    workflow: Span,
    content: bool,
) -> None:
    writers = {candidate.id: candidate.turn_id for candidate in candidates}
    for row in scores:
        turn_id = {"turn": row.subject_id, "candidate": writers.get(row.subject_id)}.get(row.subject)
        span = owners.get(turn_id or "", workflow)
        score = row.score
        label = None if score.passed is None else ("pass" if score.passed else "fail")
        attributes = {
            "gen_ai.evaluation.name": score.name,
            "gen_ai.evaluation.score.value": float(score.value),
            "gen_ai.evaluation.score.label": label,
            "gen_ai.evaluation.explanation": score.feedback if content else None,
            "gen_ai.response.id": turn_id,
            "tutelage.subject": row.subject,
            "tutelage.subject.id": row.subject_id,
            "tutelage.evaluation.steps": score.steps,
        }
        when = span.end if row.given is None else nanoseconds(row.given)
        span.events.append(event("gen_ai.evaluation.result", when, attributes))


def _document(whole: WholeRollout, job: Job) -> dict[str, Any]:
    chosen: OtelSettings = job.settings
    return trace(
        *whole,
        run_name=job.run.name,
        content=chosen.content,
        tokens=chosen.tokens,
        resource=chosen.resource,
    )


OTEL = Format(
    name="otel",
    about="whole rollouts as OpenTelemetry traces in the GenAI conventions",
    settings=OtelSettings,
    columns=lambda settings, survey: (Column("document", Kind.JSON),),
    rows=rows_of(_document),
    noun=lambda settings: "rollouts",
    lineage=False,
    document=True,
    check=check,
)
