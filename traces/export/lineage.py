"""Lineage: where a row comes from, in columns that every format carries beside its own.

TRL's trainers pass them by or hand them to reward functions; `row_id` leads back to the turn.
"""

from tutelage.traces.export.columns import Column
from tutelage.traces.export.story import Story, TurnView

__all__ = ["LINEAGE", "lineage", "scores_text"]

LINEAGE = tuple(
    Column(name)
    for name in (
        "row_id",
        "run_id",
        "task_id",
        "rollout_id",
        "turn_id",
        "role",
        "node",
        "policy",
        "scores",
        "context",
    )
)
"""`scores` is a JSON list of what was scored (`of`), `name`, `value` and `passed`; `context` says in which
training context the completion stands, "recorded" where it is the one in which it was sampled."""


def lineage(run_id: str, story: Story, turn: TurnView, context: str) -> tuple[str | None, ...]:
    """Give the values of a turn's lineage columns; `run_id` is the run that is exported."""
    id, rollout, (role, node, _, policy, _, _) = turn[0], turn[1], turn[2]
    return (
        f"{run_id}/{id}",
        rollout.run_id,
        story.task_id,
        rollout.id,
        id,
        role,
        node,
        policy,
        scores_text(story, turn),
        context,
    )


def scores_text(story: Story, turn: TurnView) -> str:
    """Give all scores of a turn, of its candidate and of its rollout as JSON."""
    scores = story.scores
    said, written = scores.get(turn.id), story.written.get(turn.id)
    judged = None if written is None else scores.get(written)
    whole = scores.get(turn.rollout.id)
    parts = [] if said is None else [said.of_turn]
    if judged is not None:
        parts.append(judged.of_candidate)
    if whole is not None:
        parts.append(whole.of_rollout)
    return f"[{', '.join(parts)}]"
