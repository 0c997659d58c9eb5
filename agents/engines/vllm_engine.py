"""vLLM in this process: continuous batching and prefix caching, on a CPU or on GPUs by the same code.

Completions come with their token ids and raw log-probabilities. New weights are taken in place, in
milliseconds. There is no seed a request (on a CPU it would end the engine for everyone); the engine has one.
Requests of several LoRA adapters and of their base are computed together.

Not covered: tools (serve the model and use HTTP), more than one machine.
"""

from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from tutelage.agents.adapter_directory import AdapterDirectory
from tutelage.agents.engine import Answer, Completion, Piece, Request
from tutelage.agents.engines.local_engine import LocalEngine, Prompt
from tutelage.agents.engines.single_requests import answer_singly, is_greedy_group
from tutelage.agents.engines.vllm_process import VllmProcess, first_line, import_vllm
from tutelage.agents.model_directory import ModelDirectory
from tutelage.agents.settings import VllmSettings
from tutelage.errors import EngineError, UserError

__all__ = ["VllmEngine"]


class VllmEngine(LocalEngine):
    """An `Engine` over vLLM's `AsyncLLM`."""

    def __init__(self, directory: str | Path, settings: VllmSettings | None = None) -> None:
        """Start vLLM on a model directory and wait until it is ready.

        Raises:
            ModelDirectoryError: The directory is missing or broken.
            MissingDependency: vLLM is not installed.
            EngineError: vLLM could not start.
        """
        self.settings = settings or VllmSettings()
        import_vllm()
        super().__init__("vllm", directory, self.settings.max_model_len, self.settings.adapters)
        self._ids = count()
        self._versions = count(1)
        self._loras: dict[str, Any] = {}
        self._sampling = import_vllm("vllm.sampling_params")
        self._errors = import_vllm("vllm.exceptions")
        self._lora = import_vllm("vllm.lora.request")
        try:
            self._process = self._loop.run(self._start())
        except BaseException:
            self.close()
            raise

    async def _start(self) -> VllmProcess:
        process = VllmProcess(
            self._model, self.settings, self._context_length, [each.rank for each in self._adapters.values()]
        )
        self._hold(process.end)
        for name, adapter in self._adapters.items():
            self._loras[name] = await self._add_lora(process, name, adapter)
        return process

    async def _answer(self, request: Request, prompt: Prompt, max_tokens: int) -> Answer:
        if is_greedy_group(request):
            return await answer_singly(request, lambda one: self._answer(one, prompt, max_tokens))
        params = self._params(request, max_tokens, streaming=False)
        policy = self.policy_with(request.adapter)
        final = None
        async for output in self._outputs(prompt, params, request.adapter):
            final = output
        if final is None:
            raise EngineError(f"{self.name} gave no answer.")
        outputs = sorted(final.outputs, key=lambda output: output.index)
        completions = tuple(self._completion(output, request) for output in outputs)
        return Answer(completions=completions, prompt_token_ids=prompt, policy=policy)

    async def _pieces(self, request: Request, prompt: Prompt, max_tokens: int) -> AsyncIterator[Piece]:
        params = self._params(request, max_tokens, streaming=True)
        policy = self.policy_with(request.adapter)
        async for output in self._outputs(prompt, params, request.adapter):
            part = output.outputs[0]
            yield Piece(
                text=part.text,
                token_ids=tuple(part.token_ids),
                logprobs=_logprobs(part),
                finish_reason=part.finish_reason,
                prompt_token_ids=prompt if part.finish_reason else None,
                policy=policy,
            )

    async def _load(self, model: ModelDirectory) -> None:
        llm = self._process.llm
        try:
            with self._process.working():
                await llm.collective_rpc("take_weights", args=(str(model.path),))
                await llm.reset_prefix_cache()
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(
                f"{self.name} could not take the weights of {str(model.path)!r} ({error}); connect() again."
            ) from error

    async def _load_adapter(self, name: str, adapter: AdapterDirectory) -> None:
        with self._process.working():
            # The old one goes first: with it, the new one would take the slot that is to stay empty.
            await self._process.llm.remove_lora(self._loras[name].lora_int_id)
            try:
                self._loras[name] = await self._add_lora(self._process, name, adapter)
            except EngineError:
                self._loras[name] = await self._add_lora(self._process, name, self._adapters[name])
                raise

    async def _add_lora(self, process: VllmProcess, name: str, adapter: AdapterDirectory) -> Any:
        version = next(self._versions)
        request = self._lora.LoRARequest(f"{name}-{version}", version, str(adapter.path))
        try:
            with process.working():
                await process.llm.add_lora(request)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(
                f"{self.name} could not take the adapter {str(adapter.path)!r} ({first_line(error)})."
            ) from error
        return request

    def _params(self, request: Request, max_tokens: int, *, streaming: bool) -> Any:
        sampling, kinds = request.sampling, self._sampling.RequestOutputKind
        try:
            return self._sampling.SamplingParams(
                n=request.n,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=max_tokens,
                stop=list(sampling.stop),
                logprobs=0 if sampling.logprobs else None,
                flat_logprobs=True,
                # Only stop strings and streams need text token by token; else it is decoded once, at the end.
                detokenize=streaming or bool(sampling.stop),
                output_kind=kinds.DELTA if streaming else kinds.FINAL_ONLY,
                skip_clone=True,
            )
        except self._errors.VLLMClientError as error:
            raise UserError(f"vLLM refuses the sampling: {error}") from error

    async def _outputs(self, prompt: Prompt, params: Any, adapter: str | None) -> AsyncIterator[Any]:
        tokens = {"type": "token", "prompt_token_ids": list(prompt)}
        lora = None if adapter is None else self._loras[adapter]
        try:
            with self._process.working():
                async for output in self._process.llm.generate(
                    tokens, params, str(next(self._ids)), lora_request=lora
                ):
                    yield output
        except self._errors.VLLMClientError as error:
            raise UserError(f"vLLM refuses the request: {error}") from error
        except EngineError:
            raise
        except Exception as error:
            if self._process.llm.errored:
                raise EngineError(self._process.epitaph) from error
            raise EngineError(f"{self.name} failed on one request ({error.__cause__ or error}).") from error

    def _completion(self, output: Any, request: Request) -> Completion:
        ids: Sequence[int] = tuple(output.token_ids)
        if request.sampling.stop:
            text = output.text
        else:
            text = self._prompts.decode(ids[:-1] if output.finish_reason == "stop" else ids)
        return Completion(
            text=text,
            finish_reason=output.finish_reason,
            token_ids=tuple(ids),
            logprobs=_logprobs(output),
        )


def _logprobs(output: Any) -> tuple[float, ...] | None:
    """Flat log-probabilities hold exactly the sampled token's, when none besides were asked for."""
    return None if output.logprobs is None else tuple(output.logprobs.logprobs)
