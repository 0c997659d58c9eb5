"""What an objective is: its settings, the columns it reads, and the trainer that it makes in the child process.

To add one, write `objectives/NAME.py` with an `Objective` and enter it in `objectives/__init__.py`. Only what its
`build` calls may import torch. Not covered: the child process (`tutelage.training.jobs`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.training.jobs.feed import Feed
from tutelage.training.jobs.lora import LoraSettings
from tutelage.training.jobs.settings import UpdateSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer

__all__ = ["Built", "Objective", "Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a trainer is built."""

    work: Path
    """The job's directory, on the same file system as its result."""
    base: Path
    settings: Any
    """The objective's own."""
    rows: Sequence[Mapping[str, Any]]
    tokenizer: "PreTrainedTokenizerBase"
    feed: Feed | None = None
    """Where rows come from that are made while the training runs."""


@dataclass(frozen=True, slots=True)
class Built:
    """A trainer that is ready."""

    trainer: "Trainer"
    counts: Mapping[str, int]
    """Of rows and tokens, for `policy.json`."""
    report: Callable[[], Mapping[str, Any]] = dict
    """What `policy.json` says besides, after the training."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A way to make weights better."""

    name: str
    about: str
    """One line for people."""
    settings: type[UpdateSettings]
    columns: tuple[tuple[str, ...], ...]
    """What every row must have: one of these sets."""
    build: Callable[[Site], Built]
    export: str
    """The format of an export that has these columns."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of that export."""
    adapts: bool = True
    """It can train a LoRA adapter."""
    drops: bool = False
    """It keeps an adapter's dropout."""
    online: bool = False
    """It asks for rows while it runs (`tutelage.training.reinforce`); what it is given are tasks."""

    def check(self, dataset: Sequence[Mapping[str, Any]]) -> None:
        """Refuse rows that cannot be trained on.

        Raises:
            UserError: there are none, or one lacks a column.
        """
        if not dataset:
            raise UserError("there is not a single row to train on; select more, or roll out more tasks")
        for number, row in enumerate(dataset, 1):
            if not any(all(row.get(name) is not None for name in names) for names in self.columns):
                wanted = " or ".join(", ".join(names) for names in self.columns)
                raise UserError(
                    f"row {number} has {', '.join(row) or 'no columns'}; {self.name!r} reads {wanted}: "
                    f"tutelage export RUN --to {self.export} makes such rows"
                )

    def check_adapter(self, adapter: LoraSettings | None) -> None:
        """Refuse an adapter that cannot be trained so.

        Raises:
            UserError: the result would be no adapter, or its dropout would be left out.
        """
        if adapter is not None and not self.adapts:
            raise UserError(
                f"{self.name!r} puts a head of its own on the base, so its result is no adapter; leave adapter out"
            )
        if adapter is not None and adapter.dropout and not self.drops:
            raise UserError(
                f"adapter.dropout={adapter.dropout}: {self.name!r} compares the policy with itself or with a teacher, "
                "without dropout; leave it out"
            )
