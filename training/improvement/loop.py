"""`improve`: roll out, score, select, train, reload, evaluate, and again; the leaderboard, and the way back.

All state is on disk and whole or absent; the same call goes on where another was killed. What was recorded is taken as
it is, and everything else is made anew with the same seeds: on an engine with a seed a request and arithmetic that does
not depend on the batch (`transformers` with `dtype="float64"`) the policy is the same as without the kill, to the bit.
On vLLM it is so where no rollouts were under way; what was is sampled anew, and is as good but not the same.
The training repeats its result on the same machine with as many threads.

Not covered: held-out tasks, which are for one evaluation at the very end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs.compiled import AnyGraph
from tutelage.tools import Verifier
from tutelage.training.comparison import Comparison
from tutelage.training.improvement.deciding import decide
from tutelage.training.improvement.leaderboard import Difference, Leaderboard, Version
from tutelage.training.improvement.learning import learn, objective_of, rows_of, training_of
from tutelage.training.improvement.rounds import Plan, Rounds
from tutelage.training.improvement.settings import ImproveSettings
from tutelage.training.improvement.table import leaderboard_table
from tutelage.training.policies import local_directory
from tutelage.types import Task

__all__ = ["Improvement", "improve", "leaderboard", "rollback"]


@dataclass(frozen=True, slots=True)
class Improvement:
    """What the rounds came to."""

    versions: tuple[Version, ...]
    """By round; the first is what they began with."""
    current: Version
    """The version that was taken last, or rolled back to."""
    directory: Path
    """Its weights."""

    def __str__(self) -> str:
        """The leaderboard as a table."""
        return leaderboard_table(self.versions, self.current)


def improve(
    graph: AnyGraph,
    model: ChatModel,
    tasks: Sequence[Task],
    out: str | Path,
    *,
    verifier: Verifier,
    development: Sequence[Task],
    settings: ImproveSettings | None = None,
    proxy: Verifier | None = None,
    others: Sequence[Task] = (),
    concurrency: int = 64,
    progress: bool = True,
) -> Improvement:
    """Improve the policy that speaks in a graph, in rounds.

    Args:
        graph: any graph whose roles speak by `model`; its verified solutions are learnt.
        model: the policy, on an engine that can reload its weights. It has the current version's afterwards.
        tasks: what is learnt from; every round draws some.
        out: the folder of the rounds, new or of an earlier call with the same arguments.
        verifier: the truth.
        development: tasks on which every version is examined, in one shot, and which decide.
        settings: how; `None` for the defaults. `rounds` and `patience` may differ from an earlier call's.
        proxy: judges instead of the verifier what is learnt; monitors compare it with the truth.
        others: tasks that are not trained on, for the monitor of forgetting.
        concurrency: how many rollouts at once.
        progress: show bars on standard error.

    Raises:
        UserError: arguments are wrong, other ones than an earlier call's, or a round gives nothing to learn.
        EngineError: an engine or a training died; the same call again goes on.
    """
    chosen = settings or ImproveSettings()
    objective_of(chosen)
    training_of(chosen, 0)
    plan = Plan(
        graph,
        model,
        tuple(tasks),
        tuple(development),
        tuple(others),
        verifier,
        proxy,
        chosen,
        concurrency,
        progress,
    )
    plan.check()
    folder = Path(out).absolute()
    rounds = Rounds(plan, folder)
    board = Leaderboard(folder)
    base = rounds.begin(local_directory(model), model.policy, {each.policy for each in board.versions})
    if board.versions:
        board.link()
    else:
        board.add(_first(rounds, base))
    while len(board.versions) <= chosen.rounds and (not board.versions[-1].ends or board.rolled_back):
        board.add(_round(rounds, board))
    model.reload(board.directory(board.current))
    return Improvement(tuple(board.versions), board.current, board.directory(board.current))


def leaderboard(out: str | Path) -> Improvement:
    """Read what rounds came to so far.

    Raises:
        UserError: there are none.
    """
    board = Leaderboard(Path(out))
    return Improvement(tuple(board.versions), board.current, board.directory(board.current))


def rollback(out: str | Path, version: int | str, *, model: ChatModel | None = None) -> Path:
    """Make an earlier version the current one; further rounds go on from it.

    Args:
        out: the folder of the rounds.
        version: a round, or a policy.
        model: takes the version's weights.

    Returns:
        The version's directory, to which `OUT/best` leads now.

    Raises:
        UserError: there is no such version.
    """
    board = Leaderboard(Path(out))
    wanted = board.version(version)
    if wanted != board.current:
        board.roll_back(wanted)
    directory = board.directory(wanted)
    if model is not None:
        model.reload(directory)
    return directory


def _first(rounds: Rounds, base: Path) -> Version:
    """Examine what the rounds begin with."""
    model = rounds.plan.model
    model.reload(base)
    rounds.examine(0)
    found = rounds.evaluation(0)
    return Version(
        round=0,
        policy=model.policy,
        directory=str(base),
        accuracy=found.accuracy,
        interval=found.interval,
        tasks=found.n,
        readings=tuple(rounds.monitored(0)),
        why="what the rounds began with",
    )


def _round(rounds: Rounds, board: Leaderboard) -> Version:
    """Make the next version, examine it, and decide on it."""
    plan, settings = rounds.plan, rounds.plan.settings
    model, before = plan.model, board.versions
    round, best, first = len(before), board.current, before[0]
    model.reload(board.directory(best))
    rounds.roll_out(round)
    start = first if settings.start == "first" else best
    sources = range(1, round + 1) if settings.data == "all" else [round]
    rows = rows_of([rounds.part(each, "rollouts") for each in sources], settings, plan.judge)
    if not rows:
        raise UserError(
            f"round {round} gives nothing to learn: not one solution passed {plan.judge!r}; take easier tasks or more"
        )
    policy = learn(board.directory(start), rows, rounds.part(round, "policy"), settings, round, plan.progress)
    model.reload(policy)
    rounds.examine(round)
    found, readings = rounds.evaluation(round), rounds.monitored(round)
    to_best = _difference(rounds.compared(best.round, round))
    decision = decide(to_best, readings, before, settings)
    spoke = set().union(*(rounds.spoke(each) for each in sources))
    return Version(
        round=round,
        policy=model.policy,
        directory=str(policy.relative_to(board.folder)),
        parents=(start.policy, *sorted(spoke - {start.policy})),
        accuracy=found.accuracy,
        interval=found.interval,
        tasks=found.n,
        to_first=_difference(rounds.compared(0, round)),
        to_previous=_difference(rounds.compared(round - 1, round)),
        to_best=to_best,
        rows=len(rows),
        tokens=rounds.sampled(round),
        proxy=None if plan.proxy is None else rounds.passed(round, plan.proxy.name),
        truth=rounds.passed(round, plan.verifier.name),
        readings=tuple(readings),
        **decision._asdict(),
    )


def _difference(compared: Comparison) -> Difference:
    return Difference(points=compared.difference, interval=compared.interval, p_value=compared.p_value)
