"""What the engine needs done inside vLLM's worker processes, mixed into vLLM's own worker class.

On a CPU vLLM computes from packed copies of the weights. Its `reload_weights` packs every layer that it
loads anew, but an output head that is tied to the embedding is not loaded: the embedding changes under it
while its packed copy stays, and the model is then half old, half new. `take_weights` packs the heads again.

Imported by vLLM in its workers, by the name given as `worker_extension_cls`.
"""

import importlib
from typing import Any

__all__ = ["TakesWeights"]


class TakesWeights:
    """Methods for `collective_rpc`."""

    model_runner: Any
    reload_weights: Any

    def take_weights(self, directory: str) -> None:
        """Take the weights of a directory of the same architecture, whole."""
        self.reload_weights(weights_path=directory)
        embeddings = importlib.import_module("vllm.model_executor.layers.vocab_parallel_embedding")
        for layer in self.model_runner.get_model().modules():
            method = getattr(layer, "quant_method", None)
            if isinstance(method, embeddings.UnquantizedEmbeddingMethod):
                method.process_weights_after_loading(layer)
