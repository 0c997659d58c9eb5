"""What must hold after every kill: a copy of the session is opened again and compared with the ledger.

Everything that was acknowledged is there once (neighbours of what is held may have gone on meanwhile). What
the last, unfinished action was about may be as before it or as after it. Nothing that had ended was executed
again, by anyone, ever.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.killing.audit import integrity
from benchmarks.reopening.ledger import Ledger, lines
from benchmarks.reopening.picture import picture, place
from benchmarks.reopening.work import TASK, graph
from tutelage.errors import TutelageError
from tutelage.graphs import Session, debug

__all__ = ["Findings", "audit"]

MOTION = {"step", "next", "out", "go"}


@dataclass
class Findings:
    """What audits found."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    reopened: int = 0
    """Branches that were looked at where nothing had moved them since."""
    where_they_were: int = 0
    acknowledged: int = 0
    """Actions."""

    def __add__(self, other: "Findings") -> "Findings":
        """Both findings as one."""
        return Findings(
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.damaged + other.damaged,
            self.reopened + other.reopened,
            self.where_they_were + other.where_they_were,
            self.acknowledged + other.acknowledged,
        )


@dataclass
class Promise:
    """What a ledger says in the end."""

    last: Mapping[str, Any] | None = None
    """The latest acknowledgement."""
    places: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The latest place of every branch, by rollout."""
    unfinished: str | None = None
    """The action that was under way."""
    branch: str | None = None
    """On which branch it was."""


def promise(path: Path) -> Promise:
    """Read what was promised."""
    found = Promise()
    for line in lines(path):
        if line["kind"] == "begin":
            found.unfinished, found.branch = line["action"], line["branch"]
        elif line["kind"] == "end":
            found.last, found.unfinished = line, None
            found.places[line["here"]] = line["place"]
    return found


def audit(store: Path, ledger: Path, scratch: Path) -> Findings:
    """Look at a session as a dead process left it.

    Args:
        store: Its directory.
        ledger: What was acknowledged.
        scratch: Where to copy both.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    promised = promise(ledger)
    found = Findings(acknowledged=sum(line["kind"] == "end" for line in lines(ledger)))
    found.doubled += twice(ledger)
    if promised.last is None:
        return found
    shutil.copytree(store, scratch / "store", ignore=shutil.ignore_patterns("*-shm"))
    shutil.copy(ledger, scratch / "ledger")
    for name in ("run.sqlite", "session.sqlite"):
        found.damaged += integrity(scratch / "store" / name)
    written = Ledger(scratch / "ledger")
    try:
        with debug(graph(written), TASK, store=scratch / "store") as session:
            compare(session, promised, found)
    except TutelageError as error:
        found.lost.append(f"the session does not open: {error}")
    finally:
        written.close()
    found.doubled += [each for each in twice(scratch / "ledger") if each not in found.doubled]
    return found


def compare(session: Session, promised: Promise, found: Findings) -> None:
    """Compare an opened session with what was promised."""
    assert promised.last is not None
    now = picture(session)
    for name in ("turns", "lessons"):
        found.lost += list(missing(name, promised.last[name], now[name]))
    found.lost += list(gone(promised, now))
    found.doubled += doubled(now)
    for rollout, was in promised.places.items():
        known = now["branches"].get(rollout)
        if known is None or known["dropped"] or known["kind"] == "sample":
            continue
        moved = promised.branch == rollout and promised.unfinished is not None
        is_now = place(session.switch(known["name"]))
        if moved:
            found.lost += list(missing_visits(rollout, was, is_now))
            continue
        found.reopened += 1
        differing = [name for name in was if was[name] != is_now[name] and not went_on(name, was, is_now)]
        found.where_they_were += not differing
        found.lost += [
            f"branch {rollout[-6:]} {name}: {was[name]!r} is {is_now[name]!r}"[:300] for name in differing
        ]


def went_on(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a parallel neighbour of what is held came to its end after the last acknowledgement."""
    return name in ("ended", "ran") and all(each in now[name] for each in was[name])


def missing(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What was there and is not, or says something else."""
    for key, value in was.items():
        if now.get(key) != value:
            yield f"{name} {key}: {value!r} is {now.get(key)!r}"[:300]


def gone(promised: Promise, now: Mapping[str, Any]) -> Iterator[str]:
    """Branches and breakpoints that are not as they were."""
    assert promised.last is not None
    under_way = promised.unfinished
    for rollout, was in promised.last["branches"].items():
        is_now = now["branches"].get(rollout)
        if is_now is None:
            yield f"branch {was['name']} {rollout[-6:]} is gone"
            continue
        for name, value in was.items():
            busy = promised.branch == rollout and under_way is not None and name in ("edits", "ended", "name")
            free = (
                busy
                or (under_way == "drop" and name == "dropped")
                or (under_way == "rename" and name == "parent")
            )
            if is_now[name] != value and not (free and not lesser(name, is_now[name], value)):
                yield f"branch {rollout[-6:]} {name}: {value!r} is {is_now[name]!r}"
    if under_way not in ("break", "clear", *MOTION):
        before, after = promised.last["breakpoints"], now["breakpoints"]
        for number in before | after:
            if before.get(number) != after.get(number):
                yield f"breakpoint {number}: {before.get(number)} is {after.get(number)}"[:600]
    elif (
        len(before_and_after := {*promised.last["breakpoints"], *now["breakpoints"]})
        - len(now["breakpoints"])
        > 1
    ):
        yield f"breakpoints: {sorted(before_and_after)} are {sorted(now['breakpoints'])}"


def lesser(name: str, now: Any, was: Any) -> bool:
    """Whether a count fell, or an end was taken back."""
    return name in ("edits", "ended") and now < was


def missing_visits(rollout: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Visits that a branch which was moving has lost."""
    if not set(was["ended"]) <= set(now["ended"]):
        yield f"branch {rollout[-6:]} visits: {was['ended']} are {now['ended']}"


def doubled(now: Mapping[str, Any]) -> Iterator[str]:
    """Names and edits that are there twice."""
    names = Counter(each["name"] for each in now["branches"].values())
    edits = Counter(each for each in now["place"]["log"] if each.startswith("edit "))
    return (f"{what!r} {count} times" for what, count in (names + edits).items() if count > 1)


def name_of(line: Mapping[str, Any]) -> tuple[str, ...]:
    """What names an execution."""
    if line["kind"] == "called":
        return "called", line["rollout"], line["prompt"]
    return "ran", line["rollout"], line["node"], str(line["depth"])


def twice(path: Path) -> list[str]:
    """What was executed again although it had ended, or been answered, and that was acknowledged."""
    ended: set[tuple[str, ...]] = set()
    found: list[str] = []
    for line in lines(path):
        match line["kind"]:
            case "ran" | "called":
                if (one := name_of(line)) in ended:
                    found.append(" ".join(one))
            case "end":
                ended |= {("called", each[0], each[1]) for each in line["turns"].values() if each[3] is None}
                ran = line["place"]["ran"]
                ended |= {("ran", line["here"], node, str(depth)) for node, depth in ran}
    return found
