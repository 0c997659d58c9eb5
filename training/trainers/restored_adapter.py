"""`RestoredAdapter`: the weights of an adapter from a checkpoint that holds a second one.

transformers 5.17 saves the adapter that is trained into the checkpoint itself and a reference beside it into a folder;
when it goes on and finds such a folder, it reads the folders only, and the trained adapter would begin anew under the old
optimizer. Not covered: checkpoints of whole weights.
"""

from pathlib import Path
from typing import Any

from peft import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import TrainerCallback

__all__ = ["RestoredAdapter"]


class RestoredAdapter(TrainerCallback):
    """Reads a checkpoint's adapter when the training goes on."""

    def __init__(self, checkpoint: Path, name: str) -> None:
        """Take the checkpoint and what PEFT calls the adapter."""
        self._weights, self._name = checkpoint / "adapter_model.safetensors", name

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Put the weights into the model, in place, where the optimizer has them."""
        set_peft_model_state_dict(model, load_file(self._weights), adapter_name=self._name)
