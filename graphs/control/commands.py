"""The words of a batch itself: how far it is, pausing it, picking a rollout, letting it go. The rest are a session's."""

from typing import TYPE_CHECKING, cast

from tutelage.errors import UserError
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import none_after, number_of
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import line
from tutelage.graphs.control.standing import flight_line, status_lines

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console
    from tutelage.graphs.control.console import BatchConsole

__all__ = ["COMMANDS"]


def batch_of(console: "Console") -> "BatchConsole":
    """Give the console of a batch, which is what these commands are typed at."""
    return cast("BatchConsole", console)


@command("status", "st", group="batch", usage="[errors]", words=("errors",))
def status(console: "Console", rest: str) -> Reply:
    """Say how far the batch is; `status errors` shows whole errors."""
    if rest.strip() not in ("", "errors"):
        raise UserError(f"status takes nothing or 'errors', not {rest.strip()!r}")
    found = batch_of(console).batch.status(content=bool(rest.strip()))
    return Reply(tuple(status_lines(found)), found.model_dump(mode="json"))


@command("ps", group="batch")
def ps(console: "Console", rest: str) -> Reply:
    """List the rollouts in flight."""
    none_after("ps", rest)
    batch = batch_of(console).batch
    flights = batch.flights()
    lines = tuple(flight_line(each, each.number == batch.picked) for each in flights)
    return Reply(lines or (line("nothing is in flight"),), [each.model_dump(mode="json") for each in flights])


@command("pause", group="batch", usage="[now]", words=("now",))
def pause(console: "Console", rest: str) -> Reply:
    """Let no rollout begin, and those in flight wait before their next node.

    `pause now` holds them at their next model call, too.
    """
    if rest.strip() not in ("", "now", "--now"):
        raise UserError(f"pause takes nothing or 'now', not {rest.strip()!r}")
    found = batch_of(console).batch.pause(now=bool(rest.strip()), timeout=3)
    left = found.flying - found.held - found.waiting
    moving = f"; {left} still in a node, held at its end" if left else ""
    return said(
        f"paused: no rollout begins, {found.waiting} wait{moving}", data=found.model_dump(mode="json")
    )


@command("resume", group="batch")
def resume(console: "Console", rest: str) -> Reply:
    """End the pause."""
    none_after("resume", rest)
    batch_of(console).batch.resume()
    return said("the batch goes on")


@command("concurrency", group="batch", usage="N")
def concurrency(console: "Console", rest: str) -> Reply:
    """Want another number of rollouts at once."""
    count = number_of("concurrency N", rest.strip(), 1)
    batch_of(console).batch.retune(count)
    return said(f"at most {count} rollouts at once from now on")


@command("stop", group="batch")
def stop(console: "Console", rest: str) -> Reply:
    """End the batch as Ctrl-C does; the same command continues it."""
    none_after("stop", rest)
    batch_of(console).batch.stop()
    return Reply(said("the batch stops as with Ctrl-C; the same command continues it").lines, ended=True)


@command("pick", group="batch", usage="NUMBER | TASK | ROLLOUT | next", words=("next",))
def pick(console: "Console", rest: str) -> Reply:
    """Hold a rollout at its next event, and look at it; `pick next` takes the next that begins."""
    if not rest.strip():
        raise UserError("pick takes a number, a task's id, the beginning of a rollout's id, or next")
    batch_of(console).picked.pick(rest.strip())
    return console.arrived()


@command("wait", group="batch")
def wait(console: "Console", rest: str) -> Reply:
    """Wait until a breakpoint holds a rollout, and pick it; Ctrl-C breaks it off."""
    none_after("wait", rest)
    batch_of(console).picked.wait()
    return console.arrived()


@command("continue", "c", "cont", "go", group="go on")
def continue_(console: "Console", rest: str) -> Reply:
    """Let the rollout go on; breakpoints may hold it again."""
    none_after("continue", rest)
    batch = batch_of(console).batch
    number = batch.picked
    try:
        batch.go()
        batch.picked = None
        return said(f"rollout {number} goes on") + batch_of(console).news()
    except UserError:
        if not batch.over or number is None:
            raise
        return said(f"rollout {number} goes on; the batch has ended")


@command("detach", "quit", "q", "exit", group="console", usage="[stay]", words=("stay",))
def detach(console: "Console", rest: str) -> Reply:
    """Leave; what you paused and held goes on.

    With `detach stay` it stays paused and held, for whoever attaches next.
    """
    if rest.strip() not in ("", "stay"):
        raise UserError(f"detach takes nothing or 'stay', not {rest.strip()!r}")
    batch_of(console).batch.close(stay=bool(rest.strip()))
    told = "what you paused, held and set stays" if rest.strip() else "what you paused and held goes on"
    return Reply(said(f"detached; {told}").lines, ended=True)


COMMANDS = (status, ps, pause, resume, concurrency, stop, pick, wait, continue_, detach)
