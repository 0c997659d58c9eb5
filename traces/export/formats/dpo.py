"""`dpo` and `reward`: what TRL's DPOTrainer and RewardTrainer read, `prompt`, `chosen`, `rejected`.

The lineage columns are those of the chosen turn; the rejected one's have names of their own. A pair by "step"
holds both whole solutions: what they share cancels in DPO's loss, and `step` says where they part.
Two completions that are the same and were scored otherwise teach nothing: such pairs are counted and left out.
"""

from collections.abc import Iterator

from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_ids, context_name
from tutelage.traces.export.example import Example
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.lineage import scores_text
from tutelage.traces.export.pairs import Pair, PairSettings, pairs
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.story import Story
from tutelage.traces.export.taught import author_of
from tutelage.traces.export.taught_pairs import taught_pairs
from tutelage.traces.export.trl_messages import for_trl, said, texts_of, tools_of, with_tools

__all__ = ["DPO", "REWARD", "RewardSettings"]


class RewardSettings(PairSettings):
    """The options of `reward`."""

    with_margin: bool = False
    """Add the column `margin`, the difference of the two values, which the trainer subtracts in its loss."""


OF_REJECTED = (
    Column("rejected_row_id"),
    Column("rejected_rollout_id"),
    Column("rejected_turn_id"),
    Column("rejected_policy"),
    Column("rejected_scores"),
)


def columns(settings: PairSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns of pairs."""
    own = [Column(name, Kind.MESSAGES) for name in ("prompt", "chosen", "rejected")]
    if getattr(settings, "with_margin", False):
        own.append(Column("margin", Kind.REAL))
    if settings.pairs == "step":
        own.append(Column("step", Kind.NUMBER))
    author = (Column("rejected_author"),) if settings.taught else ()
    return (*with_tools(tuple(own), survey), Column("pair"), *OF_REJECTED, *author)


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give a row for each pair of the task."""
    examples, settings = list(job.examples(story)), job.settings
    found = (
        taught_pairs(story, examples, settings)
        if settings.taught
        else pairs(story, examples, settings, job.verifier)
    )
    for pair in found:
        if texts_of(pair.chosen.turn) == texts_of(pair.rejected.turn):
            job.tally.drop("have the same completion on both sides")
        else:
            yield _draft(story, pair, job)


def _draft(story: Story, pair: Pair, job: Job) -> Draft:
    settings, chosen, rejected = job.settings, pair.chosen, pair.rejected
    values: list[object] = [for_trl(pair.prompt), said(chosen.turn), said(rejected.turn)]
    if getattr(settings, "with_margin", False):
        better, worse = pair.values
        values.append(None if better is None or worse is None else better - worse)
    if settings.pairs == "step":
        values.append(pair.step)
    other = rejected.turn
    values += [
        *tools_of(chosen.turn, job.survey),
        pair.kind or settings.pairs,
        f"{job.run.id}/{other.id}",
        other.rollout.id,
        other.id,
        other.speaker.policy,
        scores_text(story, other),
    ]
    if settings.taught:
        values.append(author_of(other))
    checks = tuple((each.turn, _ids(each, pair, job)) for each in (chosen, rejected)) if job.templates else ()
    context = _context(pair, job)
    return Draft(
        story,
        chosen.turn,
        tuple(values),
        pair.prompt,
        (*texts_of(chosen.turn), *texts_of(rejected.turn)),
        context,
        checks=checks,
        lesson=chosen.lesson,
    )


def _context(pair: Pair, job: Job) -> str:
    """How the pair's context relates to those of sampling: "recorded" where it is that of both."""
    for example in (pair.chosen, pair.rejected):
        if example.turn.prompt != pair.prompt:
            name = context_name(example, pair.prompt, job.settings)
            if name == "original":
                return name
            return "before" if name == "recorded" or job.settings.context == "recorded" else name
    return "recorded"


def _ids(example: Example, pair: Pair, job: Job) -> bytes | None:
    same = example.turn.prompt == pair.prompt
    return example.turn.prompt_ids if same else context_ids(example, pair.prompt, job.settings)


def _needs(settings: PairSettings) -> Needs:
    step = settings.pairs == "step"
    texts = step or settings.pairs == "refinement"
    return Needs(tokens=settings.tokenizer is not None, candidates=texts, steps=step)


DPO = Format(
    name="dpo",
    about="preference pairs for direct preference optimization",
    settings=PairSettings,
    columns=columns,
    rows=rows,
    needs=_needs,
    noun=lambda settings: "pairs",
    taught=True,
)

REWARD = Format(
    name="reward",
    about="preference pairs for reward models",
    settings=RewardSettings,
    columns=columns,
    rows=rows,
    needs=_needs,
    noun=lambda settings: "pairs",
    taught=True,
)
