"""`transformers.generate` behind a micro-batcher: the engine for machines where vLLM is not to be had.

Requests that come within a few milliseconds share a batch when they sample alike. Token ids and raw
log-probabilities are recorded as with vLLM. The engine keeps its own stream of random numbers, so that what
others draw from torch does not change its samples; the order in which requests share batches does, unless requests
have seeds (`tutelage.agents.seeding`). A batch is computed with one LoRA adapter, or with the base alone.

Not covered: tools, several GPUs, batches that a new request can join while they run.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tutelage.agents.adapter_directory import AdapterDirectory
from tutelage.agents.engine import Answer, Completion, Piece, Request
from tutelage.agents.engines.loading_bars import without_bars
from tutelage.agents.engines.local_engine import LocalEngine, Prompt
from tutelage.agents.engines.micro_batcher import MicroBatcher
from tutelage.agents.engines.optional import require
from tutelage.agents.engines.transformers_adapters import TransformersAdapters
from tutelage.agents.model_directory import ModelDirectory
from tutelage.agents.seeding import seed_from
from tutelage.agents.settings import TransformersSettings
from tutelage.errors import EngineError

__all__ = ["TransformersEngine"]

NEEDED_BY = "connect('transformers:…')"


class TransformersEngine(LocalEngine):
    """An `Engine` over a transformers model in this process."""

    def __init__(self, directory: str | Path, settings: TransformersSettings | None = None) -> None:
        """Load a model directory.

        Raises:
            ModelDirectoryError: The directory is missing or broken.
            MissingDependency: torch or transformers is not installed.
            EngineError: The weights could not be loaded.
        """
        self.settings = settings or TransformersSettings()
        self._torch = require("torch", needed_by=NEEDED_BY, install="torch")
        self._transformers = require("transformers", needed_by=NEEDED_BY, install="transformers")
        self._batch = require(
            "tutelage.agents.engines.transformers_batch", needed_by=NEEDED_BY, install="transformers"
        )
        super().__init__("transformers", directory, self.settings.max_model_len, self.settings.adapters)
        self._device = self.settings.device or ("cuda" if self._torch.cuda.is_available() else "cpu")
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tutelage-generate")
        self._batcher = MicroBatcher[Any, Any](
            self._run, size=self.settings.batch_size, wait_seconds=self.settings.wait_ms / 1000
        )
        self._weights: Any = self._read(self._model, self._device)
        self._loras = self._adapt()
        self._random = self._first_random_state()
        self._hold(self._worker.shutdown)

    async def _answer(self, request: Request, prompt: Prompt, max_tokens: int) -> Answer:
        policy = self.policy_with(request.adapter)
        rows = (
            self._batch.Row(
                prompt, max_tokens, request.sampling, adapter=request.adapter, seed=_seed(request, at)
            )
            for at in range(request.n)
        )
        results = await asyncio.gather(*(self._batcher.submit(_kind(request), row) for row in rows))
        keep = request.sampling.logprobs
        completions = tuple(
            Completion(
                text=result.text,
                finish_reason=result.finish_reason,
                token_ids=result.token_ids,
                logprobs=result.logprobs if keep else None,
            )
            for result in results
        )
        return Answer(completions=completions, prompt_token_ids=prompt, policy=policy)

    async def _pieces(self, request: Request, prompt: Prompt, max_tokens: int) -> AsyncIterator[Piece]:
        loop = asyncio.get_running_loop()
        tokens: asyncio.Queue[tuple[int, float] | None] = asyncio.Queue()

        def on_token(token: int, logprob: float) -> None:
            loop.call_soon_threadsafe(tokens.put_nowait, (token, logprob))

        policy = self.policy_with(request.adapter)
        row = self._batch.Row(
            prompt, max_tokens, request.sampling, on_token, request.adapter, _seed(request, 0)
        )
        whole = asyncio.create_task(self._batcher.submit(_kind(request), row))
        whole.add_done_callback(lambda _: tokens.put_nowait(None))
        ids: list[int] = []
        sent = ""
        try:
            while (item := await tokens.get()) is not None:
                ids.append(item[0])
                new = self._settled(ids, request)[len(sent) :]
                sent += new
                logprobs = (item[1],) if request.sampling.logprobs else None
                yield Piece(text=new, token_ids=(item[0],), logprobs=logprobs, policy=policy)
            result = await whole
        finally:
            whole.cancel()
        yield Piece(
            text=result.text[len(sent) :],
            finish_reason=result.finish_reason,
            prompt_token_ids=prompt,
            policy=policy,
        )

    def _settled(self, ids: Sequence[int], request: Request) -> str:
        """The text that no later token changes: no half characters, nothing that may begin a stop string."""
        text = self._prompts.decode(ids).rstrip("\ufffd")
        stops = request.sampling.stop
        cuts = [text.find(stop) for stop in stops if stop in text]
        if cuts:
            return text[: min(cuts)]
        held = max((len(stop) - 1 for stop in stops), default=0)
        return text[: max(0, len(text) - held)]

    async def _run(self, rows: Sequence[Any]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._generate, rows)

    def _generate(self, rows: Sequence[Any]) -> Sequence[Any]:
        cuda = [self._weights.device] if self._weights.device.type == "cuda" else []
        try:
            with self._torch.random.fork_rng(devices=cuda), self._loras.using(rows[0].adapter):
                self._set_random_state(self._random)
                results: Sequence[Any] = self._batch.generate_batch(self._weights, self._prompts.decode, rows)
                self._random = self._random_state()
            return results
        except (RuntimeError, ValueError) as error:
            raise EngineError(
                f"{self.name} failed on a batch of {len(rows)} ({_first_line(error)}); a smaller "
                "batch_size may help."
            ) from error

    async def _load(self, model: ModelDirectory) -> None:
        await asyncio.get_running_loop().run_in_executor(self._worker, self._exchange_weights, model)

    def _exchange_weights(self, model: ModelDirectory) -> None:
        fresh = self._read(model, "cpu")
        self._loras.exchange_base(fresh.state_dict())

    def _adapt(self) -> TransformersAdapters:
        try:
            return TransformersAdapters(
                self._weights, {name: each.path for name, each in self._adapters.items()}
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineError(f"{self.name} could not take its adapters: {_first_line(error)}") from error

    async def _load_adapter(self, name: str, adapter: AdapterDirectory) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._worker, self._loras.exchange, name, adapter.path
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"{self.name} could not take the adapter {str(adapter.path)!r}: {_first_line(error)}"
            ) from error

    def _read(self, model: ModelDirectory, device: str) -> Any:
        try:
            with without_bars():
                weights = self._transformers.AutoModelForCausalLM.from_pretrained(
                    str(model.path),
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    dtype=self.settings.dtype,
                )
            return weights.to(device).eval()
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"transformers could not load {str(model.path)!r} on {device!r}: {_first_line(error)}"
            ) from error

    def _first_random_state(self) -> Any:
        cuda = [self._weights.device] if self._weights.device.type == "cuda" else []
        with self._torch.random.fork_rng(devices=cuda):
            self._torch.manual_seed(self.settings.seed)
            return self._random_state()

    def _random_state(self) -> tuple[Any, Any]:
        on_gpu = self._weights.device.type == "cuda"
        gpu = self._torch.cuda.get_rng_state(self._weights.device) if on_gpu else None
        return self._torch.get_rng_state(), gpu

    def _set_random_state(self, state: tuple[Any, Any]) -> None:
        self._torch.set_rng_state(state[0])
        if state[1] is not None:
            self._torch.cuda.set_rng_state(state[1], self._weights.device)


def _kind(request: Request) -> tuple[float, float, tuple[str, ...], str | None, bool]:
    sampling = request.sampling
    return sampling.temperature, sampling.top_p, sampling.stop, request.adapter, request.seed is not None


def _seed(request: Request, sample: int) -> int | None:
    return None if request.seed is None else seed_from(request.seed, sample)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
