"""The story of a rollout, and of a task with all its rollouts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tutelage.cli.options import print_json
from tutelage.cli.output import echo
from tutelage.cli.scene import Scene
from tutelage.cli.tables import bold, one_line, terminal_width
from tutelage.cli.turn_story import block, head
from tutelage.cli.turn_tree import tree

if TYPE_CHECKING:
    from tutelage.traces import Run
    from tutelage.types import Task

__all__ = ["draw", "show_rollout", "show_task"]


def show_rollout(run: "Run", rollout_id: str, *, json_: bool) -> None:
    """Print a rollout: its task, its end, and its turns as a tree."""
    scene = Scene.of(run, rollout_id)
    if json_:
        print_json(
            {
                "rollout": scene.rollout.model_dump(mode="json"),
                "turns": [each.id for each in scene.turns],
                "candidates": [each.model_dump(mode="json") for each in scene.candidates],
                "scores": [row.model_dump(mode="json") for rows in scene.scores.values() for row in rows],
            }
        )
        return
    _echo(_task_lines(scene.rollout.task))
    _echo(_rollout_lines(scene))


def show_task(run: "Run", task_id: str, *, json_: bool) -> None:
    """Print a task and its rollouts."""
    from tutelage.traces.looking import rollout_ids

    scenes = [Scene.of(run, each) for each in rollout_ids(run, (task_id,), abandoned=True)]
    if json_:
        print_json(
            {
                "task": scenes[0].rollout.task.model_dump(mode="json"),
                "rollouts": [scene.rollout.model_dump(mode="json", exclude={"task"}) for scene in scenes],
                "scores": [
                    row.model_dump(mode="json")
                    for scene in scenes
                    for row in scene.scores.get(scene.rollout.id, ())
                ],
            }
        )
        return
    _echo(_task_lines(scenes[0].rollout.task))
    for scene in scenes:
        _echo(_rollout_lines(scene))


def draw(run: "Run", rollout_id: str, marked: str | None = None, *, json_: bool = False) -> None:
    """Print a rollout's tree under a line of its own, or its nodes and edges as data."""
    scene = Scene.of(run, rollout_id)
    if json_:
        print_json(_graph(scene))
        return
    _echo(_rollout_lines(scene, marked))


def _graph(scene: Scene) -> dict[str, Any]:
    nodes = [
        turn.model_dump(include={"id", "role", "node", "policy", "call", "sample"}) for turn in scene.turns
    ]
    return {
        "rollout_id": scene.rollout.id,
        "task_id": scene.rollout.task.id,
        "repeat": scene.rollout.repeat,
        "status": scene.rollout.status,
        "nodes": nodes,
        "edges": [[parent.id, turn.id] for turn in scene.turns for parent in scene.parents(turn)],
    }


def _echo(lines: Iterator[str]) -> None:
    for line in lines:
        echo(line)


def _task_lines(task: "Task") -> Iterator[str]:
    kind = f" ({task.family}, difficulty {task.difficulty})" if task.family else ""
    yield bold(one_line(f"task {task.id}{kind}"))
    yield from block(task.problem)
    if task.reference is not None:
        yield one_line(f"reference: {task.reference}")
    yield ""


def _rollout_lines(scene: Scene, marked: str | None = None) -> Iterator[str]:
    yield from head(scene)
    width = terminal_width()
    yield from (f"  {line}" for line in tree(scene, None if width is None else width - 2, marked))
    yield ""
