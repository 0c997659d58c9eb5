"""`grpo`: prompts for TRL's GRPOTrainer, or groups of what was sampled already, ready for an update.

`prompts`: one row a training context of a task: `prompt`, and for the reward function `reference`, `solution`,
`family`, `difficulty`, and how often it was tried (`tries`) and passed (`pass_rate`).

`groups`: rows of recorded ids as TRL's rollouts have them: `prompt` (the messages that were read first),
`prompt_ids`, and over the tokens after the prompt `completion_ids`, `completion_mask` (1: sampled and trained;
TRL's `env_mask`), `logprobs` and `advantages`, both 0 where the mask is. `reward` is the row's last trained turn's
own score, `group_id` the task's number and what that turn is compared with, `model_version` the number of the oldest
policy in the row, from 0 in the order in which the run's policies first spoke (policies that first speak while an export
is read share the last number). A turn is compared with the task's selected turns of its role, of its role and place, or
of all roles (`tutelage.traces.export.advantages`).
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Literal

from tutelage.errors import UserError
from tutelage.traces.export.advantages import Baseline, Scale, advantages
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

__all__ = ["GRPO", "GrpoSettings"]

WIDTH = 4


class GrpoSettings(ExportSettings):
    """The options of `grpo`."""

    form: Literal["prompts", "groups"] = "prompts"
    """A row a training context, or rows of what was sampled, with advantages."""
    deduplicate: bool = False
    """Equal samples of a group are samples all the same."""
    train_on: Names | None = None
    """Only turns of these roles are trained and compared; `None`: all selected ones."""
    group_by: Literal["role", "turn", "task"] = "role"
    """What is compared: a task's turns of a role, or only those that are the role's first, second, ... of a rollout, or
    all of a task, whoever said them."""
    baseline: Baseline = "mean"
    """What a reward is compared with: its group's mean, or that of the others in it."""
    scale: Scale = "group"
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
    groups = _groups_of(story, settings)
    chosen: dict[str, Example] = {}
    rewards: dict[str, dict[str, float]] = {}
    for example in job.examples(story):
        turn = example.turn
        if settings.train_on is not None and turn.speaker.role not in settings.train_on:
            continue
        reward = _reward(example, settings)
        if reward is None or turn.logprobs is None:
            job.tally.exclude("have no reward" if reward is None else "have no log-probabilities")
            continue
        chosen[turn.id] = example
        rewards.setdefault(groups[turn.id], {})[turn.id] = reward
    found: dict[str, float] = {}
    for group in rewards.values():
        if settings.flat or len(set(group.values())) > 1:
            compared = advantages(list(group.values()), settings.scale, settings.baseline)
            found.update(zip(group, compared, strict=True))
        else:
            job.tally.exclude("are in a group whose rewards are all the same", len(group))
    of_turn = {name: (reward, key) for key, group in rewards.items() for name, reward in group.items()}
    kept = {name: example for name, example in chosen.items() if name in found}
    for row in chosen_rows(story, job, kept):
        yield _draft(row, job, found, *of_turn[row.turn.id])


def _groups_of(story: Story, settings: GrpoSettings) -> dict[str, str]:
    """By turn, what it is compared with: nothing of its own, "/role", or "/role#2" for the second of its role."""
    if settings.group_by == "task":
        return dict.fromkeys((turn.id for turn in story.turns), "")
    if settings.group_by == "role":
        return {turn.id: f"/{turn.speaker.role}" for turn in story.turns}
    calls: dict[tuple[str, str], list[int]] = {}
    for turn in sorted(story.turns, key=lambda turn: turn.call):
        seen = calls.setdefault((turn.rollout.id, turn.speaker.role), [])
        if turn.call not in seen:
            seen.append(turn.call)
    return {
        turn.id: f"/{turn.speaker.role}#{calls[turn.rollout.id, turn.speaker.role].index(turn.call) + 1}"
        for turn in story.turns
    }


def _draft(row: TokenRow, job: Job, found: dict[str, float], reward: float, group: str) -> Draft:
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
            reward,
            f"{row.story.number}{group}",
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
