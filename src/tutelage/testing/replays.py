"""`Replays`: what the fixture `replay` gives to a test."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tutelage.agents import ChatModel, ReplayEngine, connect
from tutelage.agents.sync import run_blocking
from tutelage.errors import ReplayDivergence
from tutelage.graphs import Replayed, areplay
from tutelage.tools import Verifier
from tutelage.types import Sampling

if TYPE_CHECKING:
    from tutelage.graphs.compiled import AnyGraph

__all__ = ["Replays"]


class Replays:
    """Recorded runs under replay in one test."""

    def __init__(self, root: Path) -> None:
        """Begin with none.

        Args:
            root: Where relative paths begin that do not lead anywhere from the working directory.
        """
        self._root = root
        self._models: list[ChatModel] = []
        self._runs: list[Replayed] = []

    def __call__(self, run: str | Path, *, sampling: Sampling | None = None, **settings: Any) -> ChatModel:
        """Give a chat model that answers from a run.

        Args:
            run: The recorded run; a relative path begins at the working directory or at pytest's root.
            sampling: What the model samples with where a call says nothing else; as when the run was recorded.
            settings: Those of `connect("replay:RUN")`: `live`, `ignore`, `patience`.

        Raises:
            StoreError: There is no such run.
            UserError: A setting is not understood.
        """
        model = connect(f"replay:{self._found(run)}", sampling=sampling, **settings)
        self._models.append(model)
        return model

    def rollout(
        self,
        graph: "AnyGraph | Callable[[ChatModel], AnyGraph]",
        run: str | Path,
        *,
        verifier: Verifier | None = None,
        sampling: Sampling | None = None,
        live: ChatModel | str | None = None,
        concurrency: int = 64,
        same: bool = True,
    ) -> Replayed:
        """Run a whole recorded run again; fail the test where a rollout ends otherwise than recorded.

        Args:
            graph: A function of the chat model that gives a graph, or a graph over models of `replay(run)`.
            run: The recorded run.
            verifier: Judges the ends; `None`: the run's own, where it is one of `tutelage.tools`.
            sampling: As for `replay(run)`.
            live: Who answers a rollout from its first divergence on; `None`: the divergence fails the test.
            concurrency: How many rollouts at once.
            same: Whether other outcomes fail the test; if not, look at `Replayed.changes`.

        Raises:
            ReplayDivergence: The graph asks something else than what was recorded, or leaves calls unasked.
        """
        again = run_blocking(
            areplay(
                graph,
                self._found(run),
                verifier=verifier,
                sampling=sampling,
                live=live,
                concurrency=concurrency,
            )
        )
        self._runs.append(again)
        if same and not again.equal:
            pytest.fail(str(again), pytrace=False)
        return again

    def check(self) -> None:
        """Fail the test if rollouts that were replayed left recorded calls unasked.

        Where one diverged there is nothing to check: `rollout` has raised the divergence, also where the graph
        went on after it, and the test expected that.
        """
        for model in self._models:
            assert isinstance(model.engine, ReplayEngine)
            if model.engine.diverged:
                continue
            try:
                model.engine.check()
            except ReplayDivergence as divergence:
                pytest.fail(str(divergence), pytrace=False)

    def close(self) -> None:
        """Close the models and the new records."""
        for model in self._models:
            model.close()
        for replayed in self._runs:
            replayed.run.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it at the end of the block."""
        self.close()

    def _found(self, run: str | Path) -> Path:
        path = Path(run)
        return path if path.exists() else self._root / path
