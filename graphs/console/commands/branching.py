"""Commands for branches: fork, goto, branches, switch, rename, drop, diff, resample."""

import re
from typing import TYPE_CHECKING

from tutelage.agents.call import changed
from tutelage.errors import UserError
from tutelage.graphs.console.branch_text import branch_cells, gain_line, spread_lines
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import none_after, number_of, one_word, quoted_words, settings_of
from tutelage.graphs.console.difference_text import difference_lines
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.tables import table
from tutelage.types import Sampling

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console
    from tutelage.graphs.debugging.forking import At

__all__ = ["COMMANDS"]

HEAD = ("", "branch", "kind", "from", "status", "answer", "verifier", "edits")
SIDES = ("before", "prompt", "after")
RESAMPLE = re.compile(
    r"(?P<n>\d+)(?:\s+at\s+(?P<at>\d+)(?:\s+(?P<side>after))?)?"
    r"(?P<settings>(?:\s+[A-Za-z_]\w*=\S+)*)(?:\s+prompt\s+(?P<prompt>.+))?",
    re.DOTALL,
)
WORDS = ("at", "after", "prompt")
USAGE = "N [at VISIT [after]] [KEY=VALUE …] [prompt TEXT]"
FORK = "fork [NAME] [at VISIT [after|prompt]]"
GOTO = "goto VISIT [after|prompt]"


def point_of(usage: str, words: list[str]) -> "At":
    """Read VISIT, or VISIT and the side of it.

    Raises:
        UserError: It is something else.
    """
    if len(words) not in (1, 2) or (len(words) == 2 and words[1] not in SIDES):
        raise UserError(f"give a visit's number: {usage}")
    number = number_of(usage, words[0], 1)
    return number if len(words) == 1 else (number, words[1])


@command("fork", group="branches", usage="[NAME] [at VISIT [after|prompt]]", words=("at", "after", "prompt"))
def fork(console: "Console", rest: str) -> Reply:
    """Begin another branch here, or at an earlier visit, and go on with it; this one stays as it is."""
    words = rest.split()
    at = None
    if "at" in words:
        place = words.index("at")
        at = point_of(FORK, words[place + 1 :])
        words = words[:place]
    if len(words) > 1:
        raise UserError(f"give one name: {FORK}")
    return console.move(console.session.fork(at=at, name=words[0] if words else None))


@command("goto", "jump", "j", group="branches", usage="VISIT [after|prompt]", words=("after", "prompt"))
def goto(console: "Console", rest: str) -> Reply:
    """Go back to before an earlier visit, or after it, on a new branch.

    Nothing is lost, and nothing that is on record runs again.
    """
    return console.move(console.session.fork(at=point_of(GOTO, rest.split())))


@command("branches", "br", group="branches", usage="[all]", words=("all",))
def branches(console: "Console", rest: str) -> Reply:
    """List the branches with their ends; samples and dropped ones with `all`."""
    found = console.session.branches()
    if rest.strip() != "all":
        none_after("branches", rest)
        found = [each for each in found if not each.dropped and each.kind != "sample"]
    rows = [branch_cells(each, each.name == console.session.branch) for each in found]
    return Reply(tuple(table(HEAD, rows)), [each.model_dump(mode="json") for each in found])


@command("switch", group="branches", usage="NAME", takes=("branch",))
def switch(console: "Console", rest: str) -> Reply:
    """Go on with another branch, where it was left."""
    return console.move(console.session.switch(one_word("switch NAME", rest)))


@command("rename", group="branches", usage="NAME")
def rename(console: "Console", rest: str) -> Reply:
    """Give this branch another name."""
    name = one_word("rename NAME", rest)
    console.session.rename(name)
    return said(f"this branch is called {name}", data={"branch": name})


@command("drop", group="branches", usage="NAME", takes=("branch",))
def drop(console: "Console", rest: str) -> Reply:
    """Leave a branch out of lists and exports; its record stays."""
    name = one_word("drop NAME", rest)
    console.session.drop(name)
    return said(f"branch {name} is dropped", data={"dropped": name})


@command("diff", group="branches", usage="NAME", takes=("branch",))
def diff(console: "Console", rest: str) -> Reply:
    """Compare another branch (before) with this one (after): state, words and scores."""
    name = one_word("diff NAME", rest)
    found = console.session.switch(name).diff(console.session)
    data = found.model_dump(mode="json")
    lines = list(difference_lines(found, console.settings.width))
    return said(*lines, data=data) if lines else said("there is no difference", data=data)


@command("resample", group="branches", usage=USAGE, takes=("field",), words=WORDS, verbatim=True)
def resample(console: "Console", rest: str) -> Reply:
    """Run N times from here to the end, and show the spread of answers and scores with an interval.

    With `at VISIT` from before that visit; with settings or a prompt for its first model call; with fields of the
    state changed. A second resampling is compared with the one before. Where nothing is changed, the mean score is the
    Monte Carlo value of the place, and is recorded. Ctrl-C ends it early: the runs that have ended count.
    resample 32
    resample 32 at 2 temperature=0.7
    resample 32 prompt Check every step twice.
    """
    match = RESAMPLE.fullmatch(rest.strip())
    if match is None:
        raise UserError(f"{rest.strip()!r} is not {USAGE}")
    given = settings_of(USAGE, quoted_words(USAGE, match["settings"]))
    sampling = {key: value for key, value in given.items() if key in Sampling.model_fields}
    changes = {key: value for key, value in given.items() if key not in sampling}
    changed(Sampling(), sampling)
    place = [each for each in match.group("at", "side") if each]
    spread = console.session.resample(
        number_of(USAGE, match["n"], 1),
        at=point_of(USAGE, place) if place else None,
        prompt=match["prompt"],
        sampling=sampling or None,
        changes=changes or None,
    )
    earlier = console.spreads[-1] if console.spreads else None
    if spread.n:
        console.spreads.append(spread)
    reply = Reply(tuple(spread_lines(spread)), spread.model_dump(mode="json"))
    if earlier is None or earlier.passed is None or spread.passed is None:
        return reply
    return reply + said(gain_line(spread.against(earlier)))


COMMANDS = (fork, goto, branches, switch, rename, drop, diff, resample)
