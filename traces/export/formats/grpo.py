"""`grpo`: prompts for TRL's GRPOTrainer, or groups of what was sampled already, ready for an update.

`prompts`: one row a training context of a task: `prompt`, and for the reward function `reference`, `solution`,
`family`, `difficulty`, and how often it was tried (`tries`) and passed (`pass_rate`).

`groups`: rows of recorded ids as TRL's rollouts have them: `prompt` (the messages that were read first),
`prompt_ids`, and over the tokens after the prompt `completion_ids`, `completion_mask` (1: sampled and trained;
TRL's `env_mask`), `logprobs` and `advantages`, both 0 where the mask is. `reward` is the row's last trained turn's
own score, `group_id` the task's number and that turn's role, `model_version` the number of the oldest policy in the
row, from 0 in the order in which the run's policies first spoke (policies that first speak while an export is read
share the last number). A turn's advantage is (r - mean) / (deviation + 1e-4) over the task's selected turns of its role,
with the sample's deviation (Shao et al. 2024, "DeepSeekMath"; the divisor as in TRL), or r - mean with
`scale="none"` (Liu et al. 2025, "Understanding R1-Zero-Like Training").
"""

import struct
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev
from typing import Literal

from tutelage.errors import UserError
from tutelage.traces.export.branches import Piece
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_name, training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings, Names
from tutelage.traces.export.story import Story
from tutelage.traces.export.template import refuse_check
from tutelage.traces.export.token_rows import TokenRow, chosen_rows, refuse_without_tokens, spread
from tutelage.traces.export.trl_messages import for_trl, tools_of, with_tools
from tutelage.traces.run import Run

__all__ = ["GRPO", "GrpoSettings", "advantages"]

EPSILON = 1e-4
WIDTH = 4


class GrpoSettings(ExportSettings):
    """The options of `grpo`."""

    form: Literal["prompts", "groups"] = "prompts"
    """A row a training context, or rows of what was sampled, with advantages."""
    deduplicate: bool = False
    """Equal samples of a group are samples all the same."""
    train_on: Names | None = None
    """Only turns of these roles are trained and compared; `None`: all selected ones."""
    scale: Literal["group", "none"] = "group"
    """Divide advantages by the group's deviation, or not."""
    reward: Literal["value", "passed"] = "value"
    """What a turn's own score gives as reward: its value, or 1 and 0 for right and wrong."""
    flat: bool = True
    """Take groups whose rewards are all the same, too; their advantages are 0."""


def columns(settings: GrpoSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns of a form."""
    if settings.form == "groups":
        return (
            Column("prompt", Kind.MESSAGES),
            Column("prompt_ids", Kind.TOKENS),
            Column("completion_ids", Kind.TOKENS),
            Column("completion_mask", Kind.MASK),
            Column("logprobs", Kind.FLOATS),
            Column("advantages", Kind.FLOATS),
            Column("reward", Kind.REAL),
            Column("group_id"),
            Column("model_version", Kind.NUMBER),
        )
    own = (
        Column("prompt", Kind.MESSAGES),
        Column("reference"),
        Column("solution"),
        Column("family"),
        Column("difficulty", Kind.NUMBER),
        Column("tries", Kind.NUMBER),
        Column("pass_rate", Kind.REAL),
    )
    return with_tools(own, survey)


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give the rows of a form."""
    return _groups(story, job) if job.settings.form == "groups" else _prompts(story, job)


def advantages(rewards: Sequence[float], scale: str) -> list[float]:
    """Compare rewards with those of their group; 0 for one that is alone."""
    mean = fmean(rewards)
    if scale == "none" or len(rewards) < 2:
        return [reward - mean for reward in rewards]
    deviation = stdev(rewards) + EPSILON
    return [(reward - mean) / deviation for reward in rewards]


def _prompts(story: Story, job: Job) -> Iterator[Draft]:
    found: dict[str, list[Example]] = {}
    for example in job.examples(story):
        asked = f"{example.turn.speaker.tools!r}\0{training_context(example, job.settings)!r}"
        found.setdefault(asked, []).append(example)
    task = story.task
    for same in found.values():
        first = same[0]
        prompt = training_context(first, job.settings)
        decided = [each.score.passed for each in same if each.score.passed is not None]
        values = (
            for_trl(prompt),
            task.reference,
            task.solution,
            task.family,
            task.difficulty,
            len(same),
            sum(decided) / len(decided) if decided else None,
        )
        yield Draft(
            story,
            first.turn,
            (*values, *tools_of(first.turn, job.survey)),
            prompt,
            context=context_name(first, prompt, job.settings),
        )


def _groups(story: Story, job: Job) -> Iterator[Draft]:
    settings = job.settings
    chosen: dict[str, Example] = {}
    rewards: dict[str, dict[str, float]] = {}
    for example in job.examples(story):
        role = example.turn.speaker.role
        if settings.train_on is not None and role not in settings.train_on:
            continue
        reward = _reward(example, settings)
        if reward is None or example.turn.logprobs is None:
            job.tally.exclude("have no reward" if reward is None else "have no log-probabilities")
            continue
        chosen[example.turn.id] = example
        rewards.setdefault(role, {})[example.turn.id] = reward
    found: dict[str, float] = {}
    for group in rewards.values():
        if settings.flat or len(set(group.values())) > 1:
            found.update(zip(group, advantages(list(group.values()), settings.scale), strict=True))
        else:
            job.tally.exclude("are in a group whose rewards are all the same", len(group))
    of_turn = {name: reward for group in rewards.values() for name, reward in group.items()}
    kept = {name: example for name, example in chosen.items() if name in found}
    for row in chosen_rows(story, job, kept):
        yield _draft(row, job, found, of_turn)


def _draft(row: TokenRow, job: Job, found: dict[str, float], rewards: dict[str, float]) -> Draft:
    def advantage(piece: Piece) -> bytes:
        return struct.pack("<f", found[piece.turn.id]) * (piece.end - piece.start)

    return row.draft(
        (
            for_trl(row.messages),
            row.ids[: row.prompt * WIDTH],
            row.ids[row.prompt * WIDTH :],
            row.mask[row.prompt :],
            spread(row, lambda piece: piece.turn.logprobs or b""),
            spread(row, advantage),
            rewards[row.turn.id],
            f"{row.story.number}/{row.turn.speaker.role}",
            min(_version(piece, job.survey.policies) for piece in row.trained),
        )
    )


def _version(piece: Piece, policies: Sequence[str]) -> int:
    policy = piece.turn.speaker.policy
    return policies.index(policy) if policy in policies else len(policies)


def _reward(example: Example, settings: GrpoSettings) -> float | None:
    score = example.score
    if settings.reward == "passed":
        return None if score.passed is None else float(score.passed)
    return score.value


def _check(settings: GrpoSettings, survey: Survey, run: Run) -> None:
    if settings.form == "prompts":
        refuse_check(
            "grpo", settings.tokenizer, "its prompts have no completion, since the trainer samples anew"
        )
    else:
        refuse_without_tokens("grpo with form='groups'", survey, run)
        if not survey.verifiers:
            raise UserError(f"grpo with form='groups' needs rewards, and run {run.name!r} has no scores")


GRPO = Format(
    name="grpo",
    about="prompts for reinforcement learning, or groups sampled already, with advantages",
    settings=GrpoSettings,
    columns=columns,
    rows=rows,
    needs=lambda settings: Needs(tokens=settings.form == "groups"),
    noun=lambda settings: "prompts" if settings.form == "prompts" else "rows",
    tokens=lambda settings: settings.form == "groups",
    check=_check,
)
