"""LoRA adapters over a transformers model, by PEFT: all are loaded, one at a time is active.

Not covered: a batch of several adapters (the engine makes batches of one), checks of the directories
(`tutelage.agents.adapter_directory`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tutelage.agents.engines.optional import require

__all__ = ["TransformersAdapters"]


class TransformersAdapters:
    """The adapters of one model, whose layers they wrap in place. For use in one thread."""

    def __init__(self, weights: Any, adapters: Mapping[str, Path]) -> None:
        """Load adapters onto a model; without any the model stays as it is.

        Raises:
            MissingDependency: peft is not installed.
        """
        self._weights = weights
        self._peft: Any = None
        self._versions = count()
        self._inner: dict[str, str] = {}
        for name, path in adapters.items():
            self.exchange(name, path)

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """Compute with an adapter inside, or with the base alone."""
        if self._peft is None:
            yield
        elif name is None:
            with self._peft.disable_adapter():
                yield
        else:
            self._peft.set_adapter(self._inner[name], inference_mode=True)
            yield

    def exchange(self, name: str, path: Path) -> None:
        """Load an adapter, in the place of the one of this name if there is one."""
        old, new = self._inner.get(name), f"version-{next(self._versions)}"
        if self._peft is None:
            peft = require("peft", needed_by="connect('transformers:…', adapters=…)", install="peft")
            self._peft = peft.PeftModel.from_pretrained(self._weights, str(path), adapter_name=new)
        else:
            self._peft.load_adapter(str(path), adapter_name=new)
        self._inner[name] = new
        if old is not None:
            self._peft.set_adapter(new, inference_mode=True)
            self._peft.delete_adapter(old)
        # Without dropout.
        self._weights.eval()

    def exchange_base(self, state: Mapping[str, Any]) -> None:
        """Load the tensors of another base; adapted layers hold theirs under a name of PEFT's."""
        own = self._weights.state_dict()
        names = {
            name: name if name in own else name.removesuffix("weight") + "base_layer.weight" for name in state
        }
        self._weights.load_state_dict({**own, **{names[name]: tensor for name, tensor in state.items()}})
