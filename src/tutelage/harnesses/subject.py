"""What a harness evaluates: a model of ours, or a graph over it whose final solution is the answer.

What a harness says of a model comes as text, so names mean what they mean on our command line. A model is asked the
harness's prompt, under the harness's sampling. A graph is given a task and has its roles' own prompts and sampling;
what the harness says of sampling is not for it. With a `store`, everything that is asked becomes a run there: a rollout
a question, whose `solution` is what the harness was answered. Not covered: going on with such a run (harnesses keep
their own caches), verdicts (`tutelage score` gives them), tools.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage

from tutelage.agents import ChatModel
from tutelage.cli.graphs import Dials, Plan, Setting, planned
from tutelage.cli.models import model_of
from tutelage.cli.subjects import engine_for
from tutelage.errors import UserError
from tutelage.graphs.batch import STEPS, told
from tutelage.graphs.compiled import check_end, compiled, graph_settings, input_keys
from tutelage.graphs.outcome import plain_state
from tutelage.graphs.state import initial_state, solution_in
from tutelage.tools.naming import verifier_named
from tutelage.traces import Run, Store, Turn, recording
from tutelage.types import Sampling, Task

__all__ = ["OPTIONS", "Question", "Reply", "Subject", "task_of"]

DIALS = ("samples", "rounds", "scorer", "scale")
SAMPLING = ("temperature", "top_p", "max_tokens")
OPTIONS = ("graph", "store", "verifier", *DIALS, *SAMPLING)
"""What is for us; whatever else a harness is told is a setting of the engine."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a harness asks."""

    task: Task
    """For graphs, and for the record."""
    messages: tuple[Mapping[str, Any], ...]
    """For models: OpenAI-shaped."""
    sampling: Sampling
    """For models."""
    samples: int = 1
    """For models: how many answers; a graph gives one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is answered."""

    texts: tuple[str, ...]
    messages: tuple[AIMessage, ...] = ()
    """A model's, with their log-probabilities; a graph has none."""
    prompt_tokens: int | None = None
    """Read, by all roles; a prompt is counted once for all its samples."""
    completion_tokens: int | None = None
    """Written, by all roles."""


@dataclass(slots=True)
class Subject:
    """A model, or a graph over it."""

    model: ChatModel
    graph: Any = None
    """Compiled; `None`: the model answers itself."""
    run: Run | None = None
    _asked: Counter[str] = field(default_factory=Counter)
    _closing: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def open(cls, spec: str, harness: str, options: Mapping[str, Any]) -> "Subject":
        """Start what a harness names.

        Args:
            spec: a model as `--model` has it, or a model directory.
            harness: who asks, for the record.
            options: `OPTIONS`, and settings of the engine.

        Raises:
            UserError: an option is not understood, or the store has a run already.
            EngineError: the engine could not start.
        """
        given = {name: value for name, value in options.items() if value is not None}
        plan = _plan(given)
        store = _free(given.pop("store", None))
        sampling = Sampling.model_validate({name: given.pop(name) for name in SAMPLING if name in given})
        judge = verifier_named(given.pop("verifier", None), ())
        dials = Dials(**{name: given.pop(name) for name in DIALS if name in given})
        given.pop("graph", None)
        if Path(spec).is_dir():
            spec = engine_for(Path(spec))
        settings = [f"{name}={json.dumps(value)}" for name, value in given.items()]
        with ExitStack() as stack:
            model = stack.enter_context(model_of(spec, settings, sampling))
            graph = None
            if plan is not None:
                graph = compiled(plan(Setting(model, judge, (), dials, store or Path("runs"))))
                check_end(graph)
            run = None if store is None else _started(store, model, graph, harness)
            if run is not None:
                stack.callback(run.close)
            return cls(model, graph, run, _closing=stack.pop_all())

    def close(self) -> None:
        """Close run and engine."""
        self._closing.close()

    async def answer(self, question: Question) -> Reply:
        """Answer a question, and record it where there is a store.

        Raises:
            ContextTooLong: the prompt leaves no room for an answer.
            UserError, EngineError, or what a graph raises.
        """
        if self.run is not None:
            return await self._recorded(self.run, question)
        if self.graph is None:
            return await self._said(question)
        with Store.memory().start_run({}) as run:
            return await self._recorded(run, question)

    async def _recorded(self, run: Run, question: Question) -> Reply:
        repeat = self._asked[question.task.id]
        self._asked[question.task.id] += 1
        recorder = await run.abegin(question.task, repeat)
        try:
            with recording(recorder):
                if self.graph is None:
                    reply, output = await self._said(question), {}
                else:
                    state = await self._rolled(question.task)
                    reply, output = Reply((solution_in(state),)), plain_state(state)
        except Exception as error:
            recorder.fail(told(error))
            raise
        recorder.finish(None, {**output, "solution": reply.texts[0]})
        if self.graph is None:
            return reply
        return Reply(reply.texts, (), *_tokens(run.turns(recorder.rollout.id)))

    async def _said(self, question: Question) -> Reply:
        messages = await self.model.sample(
            [dict(each) for each in question.messages], n=question.samples, sampling=question.sampling
        )
        usage = [each.usage_metadata for each in messages if each.usage_metadata]
        return Reply(
            tuple(str(each.text) for each in messages),
            tuple(messages),
            usage[0]["input_tokens"] if usage else None,
            sum(each["output_tokens"] for each in usage) if usage else None,
        )

    async def _rolled(self, task: Task) -> Mapping[str, Any]:
        config = {} if "recursion_limit" in (self.graph.config or {}) else {"recursion_limit": STEPS}
        state: Mapping[str, Any] = await self.graph.ainvoke(
            initial_state(input_keys(self.graph), task), config
        )
        return state


def task_of(prompt: str, given: str | None, place: str | None = None) -> Task:
    """The task that a question is about.

    Args:
        prompt: what the harness asks.
        given: a task as JSON, as our own task files for harnesses have it; `None` for another's task.
        place: what the harness calls it; `None`: by its prompt.
    """
    if given is not None:
        return Task.model_validate_json(given)
    return Task(id=place or hashlib.sha256(prompt.encode()).hexdigest()[:16], problem=prompt)


def _plan(given: Mapping[str, Any]) -> Plan | None:
    dials = {name: given[name] for name in DIALS if name in given}
    if given.get("graph") == "magicore" and "scale" not in given:
        raise UserError(
            "a harness shows no tasks beforehand to measure magicore's scale on; give scale=MEAN:DEVIATION"
        )
    if "graph" in given:
        return planned(given["graph"], Dials(**dials))
    if dials:
        raise UserError(f"{next(iter(dials))}= is a graph's; say which with graph=")
    return None


def _free(store: str | None) -> Path | None:
    if store is not None and (Path(store) / "run.sqlite").exists():
        raise UserError(f"store={store!r} has a run already; give a new directory")
    return None if store is None else Path(store)


def _started(store: Path, model: ChatModel, graph: Any, harness: str) -> Run:
    return Store.open(store).start_run(
        {
            "harness": harness,
            "model": model.name,
            "policy": model.policy,
            "sampling": model.sampling.model_dump(mode="json"),
            "graph": None if graph is None else graph_settings(graph),
        }
    )


def _tokens(turns: Sequence[Turn]) -> tuple[int | None, int | None]:
    """Tokens read and written; `None` where the engine gave no ids of some turn."""
    if any(turn.prompt_token_ids is None or turn.completion_token_ids is None for turn in turns):
        return None, None
    read = {turn.call: len(turn.prompt_token_ids or ()) for turn in turns}
    return sum(read.values()), sum(len(turn.completion_token_ids or ()) for turn in turns)
