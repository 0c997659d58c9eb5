"""`tutelage debug`: a session over a task, a stored rollout or a kept session, driven by a person or by lines."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.graphs import METHODS, Setting, graph_dials, planned
from tutelage.cli.models import model_of, say_loading
from tutelage.cli.options import engine_options, sampling_of
from tutelage.errors import UserError
from tutelage.tools.naming import verifier_named
from tutelage.types import Sampling

if TYPE_CHECKING:
    from tutelage.cli.terminal.setup import Setup
    from tutelage.cli.terminal.subject import Subject
    from tutelage.graphs.console.console import Edit
    from tutelage.graphs.debugging.session import Session
    from tutelage.tools import Verifier

__all__ = ["command"]

GRAPH, MODEL = "one_shot", "embedded"


@click.command(name="debug")
@click.argument("subject", required=False)
@click.argument("rollout", required=False)
@click.option(
    "--graph",
    help=f"{', '.join(METHODS)}; or MODULE:ATTRIBUTE or FILE.py:ATTRIBUTE, as for `tutelage run`. "
    "[default: as it was recorded, else one_shot]",
)
@click.option("--model", metavar="MODEL", help="[default: as it was recorded, else embedded]")
@click.option("--store", type=click.Path(path_type=Path), help="Where to keep it. [default: runs/debug-TIME]")
@click.option("--task", metavar="ID", help="Which task. [default: the first]")
@graph_dials
@click.option("--verifier", metavar="NAME", help="As for `tutelage run`.")
@click.option("--attach", metavar="RUN", help="Break into a batch that `tutelage run` is running.")
@click.option(
    "--batch",
    type=click.Path(path_type=Path, exists=True, allow_dash=True),
    help="Execute the lines of a file.",
)
@engine_options
@click.option("--json", "json_", is_flag=True, help="Print each reply as one JSON object.")
def command(
    subject: str | None,
    rollout: str | None,
    attach: str | None,
    batch: Path | None,
    json_: bool,
    store: Path | None,
    task: str | None,
    **words: Any,
) -> int:
    """Step through a graph with breakpoints, look at every prompt and token, change it, fork it, teach it.

    SUBJECT is TASKS (or a problem in words), the directory of a recorded RUN (with ROLLOUT; by default the first that
    failed, else the first that is wrong, replayed from its record), or of a session that was kept. Type help for the
    commands. Without a terminal, lines are read from standard input. Exit code 1: a line was refused.

    Example: tutelage debug arithmetic:3:10:0 --graph self_refine
    """
    from tutelage.cli.terminal.interaction import talk

    if attach is not None:
        return _attached(attach, subject, batch, json_)
    if subject is None:
        raise UserError("say what to debug: TASKS, a problem in words, a recorded run, or a kept session")
    with _opened(subject, rollout, task, store, words) as (session, again):
        try:
            return talk(_console(session, again), batch, json_=json_)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(f"the session is kept; open it again with: {again}") from interrupt


@contextmanager
def _opened(
    text: str, rollout: str | None, task_id: str | None, store: Path | None, words: dict[str, Any]
) -> "Iterator[tuple[Session, str]]":
    """Open the session that the command describes; closed at the end, and kept."""
    from tutelage.cli.terminal.subject import subject_of
    from tutelage.graphs.compiled import compiled, has_end

    subject = subject_of(text, rollout, task_id, store)
    setup = _setup(words).over(subject.setup)
    given = [task for task in (subject.task, subject.judged) if task is not None]
    judge = verifier_named(setup.verifier, given)
    known = all(task.reference is not None or task.family for task in given)
    plan = planned(setup.graph or _needed(subject), setup.dials)
    sampling = None if setup.sampling is None else Sampling.model_validate(setup.sampling)
    spec, late = setup.model or MODEL, subject.task is None
    if not late:
        say_loading(spec)
    with model_of(spec, setup.engine, sampling, late=late) as model:
        graph = plan(Setting(model, judge, given, setup.dials, subject.store))
        judged = setup.verifier is not None or (known and has_end(compiled(graph)))
        with _session(graph, subject, judge if judged else None, setup) as session:
            _to_the_error(session, subject)
            yield session, f"tutelage debug {shlex.quote(str(subject.store))}"


def _session(graph: Any, subject: "Subject", judge: "Verifier | None", setup: "Setup") -> "Session":
    from tutelage.graphs.debugging import debug

    return debug(
        graph,
        subject.task,
        verifier=judge,
        store=subject.store,
        run=subject.run,
        rollout=subject.rollout,
        about=setup.anywhere().model_dump(mode="json", exclude_none=True),
    )


def _to_the_error(session: "Session", subject: "Subject") -> None:
    """Replay a rollout that failed up to where it did, as a post-mortem begins."""
    replayed = session.bench.replayed
    if subject.run is not None and replayed is not None and replayed[1].status == "failed":
        session.run()


def _needed(subject: "Subject") -> str:
    """The graph where none is given: one shot for a task; a record of a graph of one's own does not say which."""
    if subject.task is None:
        raise UserError(
            f"the record of {str(subject.run or subject.store)!r} does not say which graph made it; name it: --graph"
        )
    return GRAPH


def _setup(words: dict[str, Any]) -> "Setup":
    from tutelage.cli.terminal.setup import Setup

    sampling = sampling_of(words.pop("temperature"), words.pop("top_p"), words.pop("max_tokens"))
    engine = words.pop("settings")
    asked = None if sampling is None else sampling.model_dump(mode="json", include=sampling.model_fields_set)
    return Setup(**words, engine=engine, sampling=asked)


def _console(session: "Session", again: str) -> Any:
    from tutelage.graphs.console import Console, ConsoleSettings

    return Console(session, ConsoleSettings(edit=_editor(), again=again))


def _editor() -> "Edit | None":
    """What opens an editor, where a person could use one."""
    from tutelage.cli.terminal.editing import edit_text
    from tutelage.cli.terminal.interaction import at_terminal

    return edit_text if at_terminal() else None


def _attached(run: str, rollout: str | None, batch: Path | None, json_: bool) -> int:
    """Talk to a running batch through its socket; with a rollout, about that one."""
    from tutelage.cli.terminal.attaching import driven_directly
    from tutelage.cli.terminal.interaction import talk
    from tutelage.graphs.control import attach

    with attach(run) as attached:
        console = attached.console(_editor())
        if rollout is not None:
            picked = console.execute(f"pick {rollout}")
            if picked.refused:
                raise UserError(picked.text)
        return talk(console, batch, json_=json_, drive=driven_directly, startup=False)
