"""What must hold after every kill, whatever was killed and however often before.

The store is copied first, with its log, so that looking at it does not mend it for whoever resumes it. Then:
SQLite finds no damage, everything acknowledged is there as it was acknowledged, nothing counts twice.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.killing.content import doubles
from benchmarks.killing.exports import exported_twice
from benchmarks.killing.ledger import Entry, entry, read_ledger
from benchmarks.killing.water import water_mark
from tutelage.errors import StoreError
from tutelage.traces import Run

__all__ = ["Findings", "audit", "present"]

FILE = "run.sqlite"


@dataclass
class Findings:
    """What audits found."""

    lost: set[Entry] = field(default_factory=set)
    """Acknowledged, and not there or changed."""
    doubled: set[str] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    """Complaints of SQLite, or of opening."""
    waters: Counter[str] = field(default_factory=Counter)
    """How the logs looked that the dead left."""

    def __add__(self, other: "Findings") -> "Findings":
        """Both findings as one."""
        return Findings(
            self.lost | other.lost,
            self.doubled | other.doubled,
            self.damaged + other.damaged,
            self.waters + other.waters,
        )


def audit(
    store: Path, ledgers: Iterable[Path], scratch: Path, findings: Findings, exports: Sequence[str]
) -> None:
    """Look at a store as a dead process left it.

    Args:
        store: the run's directory or copy, which nobody writes now.
        ledgers: what was acknowledged by it.
        scratch: where to copy it.
        findings: where to put what is wrong.
        exports: the formats to read as well.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    if store.is_dir():
        shutil.copytree(store, scratch, ignore=shutil.ignore_patterns("*-shm"))
    else:
        scratch.mkdir()
        shutil.copy(store, scratch / FILE)
    promised = set[Entry]().union(*(read_ledger(each) for each in ledgers))
    if not (scratch / FILE).exists():
        findings.lost |= promised
        return
    findings.waters[water_mark(scratch / FILE)] += 1
    findings.damaged += integrity(scratch / FILE)
    try:
        run = Run.open(scratch)
    except StoreError as error:
        findings.lost |= promised
        if promised:
            findings.damaged.append(str(error))
        return
    with run:
        findings.lost |= promised - present(run)
        findings.doubled |= set(doubles(run))
        findings.doubled |= set(exported_twice(run, exports))


def integrity(file: Path) -> list[str]:
    """What SQLite's own check says against a database."""
    connection = sqlite3.connect(file)
    try:
        said = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        said += [f"foreign key {row}" for row in connection.execute("PRAGMA foreign_key_check")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    finally:
        connection.close()
    return [line for line in said if line != "ok"]


def present(run: Run) -> set[Entry]:
    """Everything a run holds, the abandoned included, as it would be acknowledged."""
    found = set[Entry]()
    found |= {entry(each) for each in (*run.rollouts(), *run.rollouts("abandoned"))}
    for records in (run.turns, run.candidates, run.scores):
        kept = [*records(), *(row for each in run.rollouts("abandoned") for row in records(each.id))]
        found |= {entry(each) for each in kept}
    return found
