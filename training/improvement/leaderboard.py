"""The leaderboard: one line a version, and one a rollback, in `leaderboard.jsonl`; and `best`, a link to the current one.

The file is written whole each time and says everything: which version is current follows from its lines, and the link
is made anew where it is not what they say. Not covered: the weights, which lie in the versions' own directories.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tutelage.errors import UserError
from tutelage.training.improvement.monitors import Reading
from tutelage.training.statistics import Interval
from tutelage.types import Data

__all__ = ["BEST", "Difference", "Leaderboard", "Version"]

FILE = "leaderboard.jsonl"
BEST = "best"
"""The link's name."""


class Difference(Data):
    """A version against another one, on the same development tasks."""

    points: float
    """Accuracy more, as a share."""
    interval: Interval
    """95 %, paired."""
    p_value: float


class Version(Data):
    """A policy with what was found out about it."""

    round: int
    """0: what the rounds began with."""
    policy: str
    """The content hash of its weights."""
    directory: str
    """A path; in the folder of the rounds, relative to it."""
    parents: tuple[str, ...] = ()
    """The policies that it comes from: what was trained, and what spoke in what it learnt from."""
    accuracy: float
    """On the development tasks."""
    interval: Interval
    tasks: int
    """How many development tasks."""
    to_first: Difference | None = None
    to_previous: Difference | None = None
    to_best: Difference | None = None
    """Against the best version before it."""
    rows: int = 0
    """What it was trained on."""
    tokens: int | None = None
    """Sampled for the rollouts of its round; `None` where the engine counts none."""
    proxy: float | None = None
    """Share of the round's solutions that the proxy passed."""
    truth: float | None = None
    """Share of them that the verifier passed."""
    readings: tuple[Reading, ...] = ()
    taken: bool = True
    """Whether it was better than all before, and so became the current one."""
    why: str = ""
    """In a sentence, what was decided."""
    ends: bool = False
    """Whether no further round follows, whatever was asked for."""


class Rollback(Data):
    """An earlier version was made the current one."""

    rollback: int
    """Its round."""


Entry = Version | Rollback


class Leaderboard:
    """The lines of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read them; a folder without a file has none.

        Raises:
            UserError: the file is broken.
        """
        self.folder = folder
        self._entries: list[Entry] = []
        file = folder / FILE
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                kind: type[Entry] = Rollback if '"rollback"' in line[:20] else Version
                self._entries.append(kind.model_validate_json(line))
            except ValidationError as error:
                raise UserError(
                    f"{str(file)!r}, line {number} is no line of a leaderboard; put the file back as it was"
                ) from error

    @property
    def versions(self) -> Sequence[Version]:
        """All versions, by round."""
        return [each for each in self._entries if isinstance(each, Version)]

    @property
    def current(self) -> Version:
        """The version that was taken last, or rolled back to since.

        Raises:
            UserError: there is none.
        """
        for each in reversed(self._entries):
            if isinstance(each, Rollback):
                return self.version(each.rollback)
            if each.taken:
                return each
        raise UserError(f"there is no leaderboard in {str(self.folder)!r}; tutelage improve makes one")

    @property
    def rolled_back(self) -> bool:
        """Whether the last line is a rollback."""
        return bool(self._entries) and isinstance(self._entries[-1], Rollback)

    def version(self, wanted: int | str) -> Version:
        """Give a version by its round or by its policy.

        Raises:
            UserError: there is none.
        """
        for each in self.versions:
            if wanted in (each.round, each.policy):
                return each
        known = ", ".join(f"{each.round} ({each.policy})" for each in self.versions) or "none"
        raise UserError(f"{str(self.folder)!r} has no version {wanted!r}; there are rounds {known}")

    def directory(self, version: Version) -> Path:
        """Where a version's weights lie."""
        return self.folder / version.directory

    def add(self, entry: Version) -> None:
        """Put a version on the leaderboard, and make the link say what is current."""
        self._write(entry)

    def roll_back(self, version: Version) -> None:
        """Make a version the current one."""
        self._write(Rollback(rollback=version.round))

    def link(self) -> Path:
        """Let `best` lead to the current version, if it does not."""
        place, goal = self.folder / BEST, self.current.directory
        if not place.is_symlink() or os.readlink(place) != goal:
            making = self.folder / f".{BEST}.partial"
            making.unlink(missing_ok=True)
            making.symlink_to(goal, target_is_directory=True)
            os.replace(making, place)
        return place

    def _write(self, entry: Entry) -> None:
        entries = [*self._entries, entry]
        making = self.folder / f".{FILE}.partial"
        with making.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{each.model_dump_json()}\n" for each in entries)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(making, self.folder / FILE)
        self._entries = entries
        self.link()
