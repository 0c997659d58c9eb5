"""From stories to rows: held-out tasks, duplicates, limits, the template, balance, lineage, in this order.

One row at a time, nothing kept but counts. Balancing reads the run twice: once to count. A row is a duplicate of
one that passed everything before the balance; what was left out earlier may come by again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tutelage.errors import UserError
from tutelage.traces.export.columns import Column
from tutelage.traces.export.decontamination import HeldOut
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.limits import PerTask, Seen, Thinning
from tutelage.traces.export.lineage import LINEAGE, lineage
from tutelage.traces.export.own_score import verifier_of
from tutelage.traces.export.reading import Survey, stories, survey
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.taught import COLUMNS, told
from tutelage.traces.export.taught import values as values_of
from tutelage.traces.export.template import Templates
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["columns_of", "job_of", "rows"]

TOGETHER = 64
"""Rows that are completed together."""

Row = tuple[Any, ...]
Kept = tuple[Draft, str | None]
"""A row, and what the template check says of it."""


def job_of(run: Run, format: Format, settings: ExportSettings, *, templates: bool = True) -> Job:
    """Begin a reading; without `templates` no tokenizer is loaded.

    Raises:
        UserError: The run has not what the settings or the format ask for.
    """
    known = survey(run)
    if settings.taught:
        _must_be_taught(format, settings, known, run)
    verifier = None if settings.taught else verifier_of(known, settings.verifier, run)
    if settings.passed is not None and verifier is None and not settings.taught:
        raise UserError(
            f"run {run.name!r} has no scores, so nothing is known to have passed; "
            "score it (tutelage score), or ask for everything: passed=None, --passed any"
        )
    for kind, there in (("role", known.roles), ("node", known.nodes), ("policy", known.policies)):
        wanted = getattr(settings, "policies" if kind == "policy" else f"{kind}s")
        _must_be_there(kind, wanted or (), there, run)
    format.check(settings, known, run)
    job = Job(run, settings, known, verifier)
    job.tally.noun = format.noun(settings)
    job.tally.has_tokens = format.tokens(settings)
    if templates and settings.tokenizer is not None:
        job.templates = Templates(settings.tokenizer)
    return job


def _must_be_taught(format: Format, settings: ExportSettings, known: Survey, run: Run) -> None:
    if not format.taught:
        raise UserError(
            f"{format.name!r} cannot be made of what was taught; sft, dpo, reward, kto and prm can"
        )
    if not known.lessons:
        raise UserError(f"nothing was taught in run {run.name!r}; teach something first (tutelage teach)")
    if settings.verifier is not None or getattr(settings, "pairs", "outcome") != "outcome":
        raise UserError(
            "with taught=True (--taught) what was said counts; leave out the verifier and how pairs are found"
        )
    if getattr(settings, "with_margin", False):
        raise UserError("who says that an answer is better does not say by how much; leave out with_margin")


def _must_be_there(kind: str, wanted: Iterable[str], there: tuple[str, ...], run: Run) -> None:
    for name in wanted:
        if name not in there:
            known = ", ".join(map(repr, there)) or "none"
            raise UserError(f"run {run.name!r} has no {kind} {name!r} (there are: {known})")


def columns_of(format: Format, job: Job) -> tuple[Column, ...]:
    """The format's columns, the template's and those of the lineage."""
    own = format.columns(job.settings, job.survey)
    checked = (Column("template"),) if format.lineage and job.templates is not None else ()
    taught = COLUMNS if job.settings.taught else ()
    return (*own, *checked, *(LINEAGE if format.lineage else ()), *taught)


def rows(format: Format, job: Job) -> Iterator[Row]:
    """Give the rows, and count in the job's tally."""
    thinning: Thinning | None = None
    kind = job.settings.balance
    if kind is not None:
        first = Job(job.run, job.settings, job.survey, job.verifier, templates=job.templates)
        found = Counter(_kind(draft, kind) for draft, _ in _Limits(first, None).kept(format))
        thinning = Thinning(found)
    tally, run_id, checked = job.tally, job.run.id, job.templates is not None
    for draft, verdict in _finished(_Limits(job, thinning).kept(format), format, job):
        tally.kept += 1
        tally.trained += draft.tokens
        if draft.notes is not None:
            tally.notes.update(draft.notes)
        if draft.lesson is not None:
            tally.notes.update(told(draft.turn, draft.lesson))
        values = draft.values
        if format.lineage and draft.turn is not None:
            said = (verdict,) if checked else ()
            taught = values_of(draft.turn, draft.lesson) if job.settings.taught else ()
            yield (*values, *said, *lineage(run_id, draft.story, draft.turn, draft.context), *taught)
        else:
            yield values


def _finished(kept: Iterator[Kept], format: Format, job: Job) -> Iterator[Kept]:
    """Complete rows, some at a time, in formats that do so."""
    if format.finish is None:
        yield from kept
        return
    while some := list(islice(kept, TOGETHER)):
        drafts = format.finish([draft for draft, _ in some], job)
        yield from zip(drafts, (verdict for _, verdict in some), strict=True)


class _Limits:
    """Lets rows pass, or counts why not."""

    def __init__(self, job: Job, thinning: Thinning | None) -> None:
        settings = job.settings
        self._job = job
        self._thinning = thinning
        self._heldout = None if settings.heldout is None else HeldOut(settings.heldout, settings.ngram)
        self._per_task = PerTask(settings.per_task)
        self._prompt: tuple[object, int] = (None, 0)
        self._tools: dict[int, tuple[object, int]] = {}
        self._seen: Seen | None = None
        self._name = 0

    def kept(self, format: Format) -> Iterator[Kept]:
        """Give the rows that pass, with what the template check said."""
        job = self._job
        self._seen = seen = Seen() if job.settings.deduplicate else None
        tools = job.survey.tools and any(name == "tools" for name, _ in columns_of(format, job))
        try:
            needs = format.needs(job.settings)
            if job.settings.taught:
                needs = needs._replace(steps=True, taught=True)
            for story in stories(job.run, needs, job.survey):
                barred = self._heldout is not None and self._heldout.repeats(story.task.problem)
                for draft in format.rows(story, job):
                    reason, verdict = self._refused(draft, barred, tools), None
                    if reason is None and job.templates is not None:
                        reason, verdict = self._rendered(draft)
                    if reason is None:
                        reason = self._balanced(draft)
                    if reason is None:
                        yield draft, verdict
                    else:
                        job.tally.drop(reason)
                        job.tally.left_out += draft.tokens
        finally:
            if seen is not None:
                seen.close()

    def _refused(self, draft: Draft, barred: bool, tools: bool) -> str | None:
        if self._heldout is not None:
            if barred:
                return "repeat a held-out problem"
            if self._heldout.overlaps(_texts(draft)):
                return f"share {self._job.settings.ngram} words in a row with a held-out task"
        if self._seen is not None:
            content = self._content(draft)
            self._name = hash((content, self._offered(draft))) if tools else hash(content)
            if self._seen.holds(self._name):
                return "repeat a row that is kept"
        if self._per_task.full(draft.story.number):
            return f"go beyond {self._per_task.limit} of a task"
        return None

    def _content(self, draft: Draft) -> object:
        """What makes two rows the same, hashable."""
        if draft.key is not None:
            return draft.key
        if self._prompt[0] is not draft.prompt:
            self._prompt = (draft.prompt, _hash_of(draft.prompt))
        return self._prompt[1], draft.said, draft.label

    def _offered(self, draft: Draft) -> int:
        """The tools that the row's turn was offered, as a hash."""
        tools = () if draft.turn is None else draft.turn.speaker.tools
        found = self._tools.get(id(tools))
        if found is None:
            # The tools are kept with their hash, so that no other object gets their id.
            found = self._tools[id(tools)] = (tools, hash(repr(tools)))
        return found[1]

    def _balanced(self, draft: Draft) -> str | None:
        """The last thing that is asked, of rows that would be taken otherwise."""
        self._per_task.take()
        if self._seen is not None:
            self._seen.add(self._name)
        if self._thinning is None:
            return None
        kind = self._job.settings.balance
        return None if self._thinning.take(_kind(draft, kind)) else f"go for an equal number of each {kind}"

    def _rendered(self, draft: Draft) -> tuple[str | None, str | None]:
        """Why the row is left out, if it is, and what its column says."""
        assert self._job.templates is not None
        verdict: str | None = None
        if not draft.checks:
            self._job.tally.notes["rows hold recorded ids, which no template has to render"] += 1
        for turn, read in draft.checks:
            if read is None:
                self._job.tally.notes[
                    "rows have no recorded ids that the template could be checked against"
                ] += 1
                return None, None
            found = self._job.templates.of(turn).differs(draft.prompt, turn, read, turn.message)
            verdict = found or verdict or "same"
        if verdict in (None, "same"):
            return None, verdict
        if self._job.settings.template == "drop":
            return f"are rendered otherwise by the template ({verdict})", verdict
        turn = draft.checks[0][0]
        self._job.tally.note(
            f"rows are rendered otherwise by the template ({verdict})", f"{self._job.run.id}/{turn.id}"
        )
        return None, verdict


def _hash_of(prompt: tuple[Message, ...]) -> int:
    try:
        return hash(tuple([value for message in prompt for value in message.values()]))
    except TypeError:
        return hash(repr(prompt))


def _texts(draft: Draft) -> Iterator[str]:
    yield draft.story.task.problem
    yield from draft.said
    for message in draft.prompt:
        content = message.get("content")
        if isinstance(content, str):
            yield content


def _kind(draft: Draft, kind: str) -> object:
    if kind == "label":
        return draft.label
    if kind == "family":
        return draft.story.task.family
    return None if draft.turn is None else getattr(draft.turn.speaker, kind)
