"""`tutelage studio`: runs and sessions on a local web page, or saved as one."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.graphs import METHODS, Setting, graph_dials, planned
from tutelage.cli.models import check_model, model_of
from tutelage.cli.options import as_json, engine_options, print_json, sampling_of
from tutelage.cli.output import echo
from tutelage.errors import UserError
from tutelage.printable import printable
from tutelage.tools.naming import verifier_named
from tutelage.types import Sampling

if TYPE_CHECKING:
    from tutelage.cli.terminal.setup import Setup
    from tutelage.cli.terminal.subject import Subject
    from tutelage.graphs.debugging import Session
    from tutelage.traces import Run

__all__ = ["command"]

GRAPH, MODEL = "one_shot", "embedded"


@click.command(name="studio")
@click.argument("places", metavar="RUN…", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), help="0: any. [default: 7437, or the next free one]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Any wider address asks for a token.")
@click.option("--token", is_flag=True, help="Ask for a token on this machine, too.")
@click.option(
    "--open/--no-open", "open_", default=None, help="Show it in the browser. [default: on a terminal]"
)
@click.option(
    "--task", metavar="TASK", help="Begin a session on it: TASKS, a problem in words, or a kept session."
)
@click.option(
    "--graph", help=f"Of sessions: {', '.join(METHODS)}, or MODULE:ATTRIBUTE. [default: as recorded]"
)
@click.option("--model", metavar="MODEL", help="Of sessions. [default: as recorded, else embedded]")
@click.option(
    "--store", type=click.Path(path_type=Path), help="Where --task is kept. [default: runs/debug-TIME]"
)
@graph_dials
@click.option("--verifier", metavar="NAME", help="As for `tutelage run`.")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE.html", help="Write one page instead.")
@click.option("--rollout", "rollouts", multiple=True, metavar="ID", help="With --save: this rollout only.")
@engine_options
@as_json
def command(
    places: tuple[str, ...],
    port: int | None,
    host: str,
    token: bool,
    open_: bool | None,
    task: str | None,
    store: Path | None,
    save: Path | None,
    rollouts: tuple[str, ...],
    json_: bool,
    **words: Any,
) -> int:
    """Show runs, and sessions on their rollouts, on a web page of this machine. Ctrl-C ends it.

    RUN is a directory of a run, a copy in one file, or a directory below which runs lie. A session can be begun on any
    rollout of a run whose record says how it was made, or with --graph. With --save, RUN is written into one page to
    send to somebody.

    Example: tutelage studio runs
    """
    if save is not None:
        return _save(places, save, rollouts, json_)
    if rollouts:
        raise UserError("--rollout belongs to --save; in the studio, rollouts are chosen on the page")
    if not places and task is None:
        raise UserError("say what to show: a run, a directory below which runs lie, or --task")
    with ExitStack() as stack:
        setup = _setup(words)
        _check(setup)
        starter = Starter(setup, stack)
        session = None if task is None else starter.on_task(task, store)
        return _serve(places, session, starter, host, port, token, open_, json_)


def _serve(
    places: Sequence[str],
    session: "Session | None",
    starter: "Starter",
    host: str,
    port: int | None,
    token: bool,
    open_: bool | None,
    json_: bool,
) -> int:
    """Serve until Ctrl-C, which is how it is meant to end."""
    from tutelage.graphs.studio.security import Access
    from tutelage.graphs.studio.serving import Studio, desk_of

    shown: list[Session | str | Path | Run] = [*places, *([] if session is None else [session])]
    desk = desk_of(shown, host=host, token=token, start=starter)
    with Studio(desk, Access.of(host, token=token), port) as opened:
        if json_:
            print_json({"url": opened.url, "port": opened.port, "runs": len(desk.library.ids())})
        else:
            echo(f"the studio is open at {printable(opened.url)}\nCtrl-C closes it")
        if open_ if open_ is not None else _on_screen(json_):
            opened.open()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            opened.wait()
        except KeyboardInterrupt:
            if not json_:
                echo("\nclosed", err=True)
    return 0


def _save(places: Sequence[str], path: Path, rollouts: Sequence[str], json_: bool) -> int:
    from tutelage.graphs.studio import save_page
    from tutelage.traces import Run

    if len(places) != 1:
        raise UserError("--save writes one run; name it")
    if path.suffix not in (".html", ".htm"):
        raise UserError(f"--save {str(path)!r}: a page's name ends with .html")
    if path.exists():
        raise UserError(f"--save {str(path)!r}: there is such a file already; give another name")
    with Run.open(places[0]) as run:
        save_page(run, path, rollouts)
    if json_:
        print_json({"path": str(path), "bytes": path.stat().st_size})
    else:
        echo(f"saved in {printable(str(path))}")
    return 0


class Starter:
    """Begins sessions; models are loaded when the first one asks for them, and closed at the end."""

    def __init__(self, setup: "Setup", stack: ExitStack) -> None:
        """Take the options, which win over what is on record."""
        self._setup = setup
        self._stack = stack
        self._models: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, run: Path, rollout: str) -> "Session":
        """Begin a session on a rollout of a stored run."""
        from tutelage.cli.terminal.subject import subject_of

        store = Path("runs") / f"debug-{time.strftime('%Y%m%d-%H%M%S')}-{rollout[-4:]}"
        return self._begun(subject_of(str(run.absolute()), rollout, None, store))

    def on_task(self, text: str, store: Path | None) -> "Session":
        """Begin a session on a task, or open a kept one; it is closed with the studio."""
        from tutelage.cli.terminal.subject import subject_of

        session = self._begun(subject_of(text, None, None, store))
        self._stack.callback(session.close)
        return session

    def _begun(self, subject: "Subject") -> "Session":
        from tutelage.graphs.debugging import debug

        setup = self._setup.over(subject.setup)
        if setup.graph is None and subject.task is None:
            where = str(subject.run or subject.store)
            raise UserError(f"the record of {where!r} does not say which graph made it; start with --graph")
        given = [] if subject.task is None else [subject.task]
        judge = verifier_named(setup.verifier, given)
        plan = planned(setup.graph or GRAPH, setup.dials)
        model = self._model(setup, late=subject.task is None)
        graph = plan(Setting(model, judge, given, setup.dials, subject.store))
        return debug(
            graph,
            subject.task,
            verifier=judge,
            store=subject.store,
            run=subject.run,
            rollout=subject.rollout,
            about=setup.model_dump(mode="json", exclude_none=True),
        )

    def _model(self, setup: "Setup", *, late: bool) -> Any:
        """The model that a setup asks for, loaded once."""
        key = setup.model_dump_json(include={"model", "engine", "sampling"})
        with self._lock:
            if key not in self._models:
                sampling = None if setup.sampling is None else Sampling.model_validate(setup.sampling)
                model = model_of(setup.model or MODEL, setup.engine, sampling, late=late)
                self._models[key] = self._stack.enter_context(model)
            return self._models[key]


def _check(setup: "Setup") -> None:
    """Refuse a graph or a model that is misspelt now, and not when the first session begins."""
    if setup.graph is not None:
        planned(setup.graph, setup.dials)
    if setup.model is not None:
        check_model(setup.model, setup.engine)


def _setup(words: dict[str, Any]) -> "Setup":
    from tutelage.cli.terminal.setup import Setup

    sampling = sampling_of(words.pop("temperature"), words.pop("top_p"), words.pop("max_tokens"))
    asked = None if sampling is None else sampling.model_dump(mode="json", include=sampling.model_fields_set)
    engine = words.pop("settings")
    return Setup(**words, engine=engine, sampling=asked)


def _on_screen(json_: bool) -> bool:
    """Whether somebody sits at a screen: on a terminal, and not over SSH."""
    return not json_ and sys.stdout.isatty() and "SSH_CONNECTION" not in os.environ
