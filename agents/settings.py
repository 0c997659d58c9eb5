"""Every setting of every engine, each with its default and its unit.

A setting that does not exist is a `UserError` naming those that do. What is not covered: sampling, which
belongs to the request (`tutelage.types.Sampling`), and vLLM's long tail of arguments (`VllmSettings.extra`
passes them).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from tutelage.errors import UserError

__all__ = [
    "EngineSettings",
    "HttpSettings",
    "ReplaySettings",
    "TransformersSettings",
    "VllmSettings",
    "parse_settings",
]

Positive = Annotated[int, Field(gt=0)]


class EngineSettings(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VllmSettings(EngineSettings):
    """The in-process vLLM engine; names are vLLM's where vLLM has one."""

    max_model_len: Positive | None = None
    """Tokens of prompt and answer together; `None`: what the model's config says."""
    max_num_seqs: Positive = 256
    """Sequences computed together; more requests wait."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the GPU's memory that weights and KV cache may take (no meaning on a CPU)."""
    kv_cache_gib: Positive = 1
    """KV cache on a CPU, in GiB (no meaning on a GPU)."""
    seed: int = 0
    """Seeds the engine. There is no seed a request: on a CPU it would end the engine."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    attention_backend: str | None = None
    """vLLM's name of an attention backend; `None`: vLLM chooses."""
    tensor_parallel_size: Positive = 1
    """GPUs that share one copy of the weights."""
    enforce_eager: bool | None = None
    """Without compiled graphs; `None`: eager on a CPU, where compiling costs more than it gives, else
    compiled."""
    adapters: Mapping[str, Path] = Field(default_factory=dict)
    """LoRA adapters over these weights: their names here, and their directories in PEFT's layout."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """More arguments of vLLM's `AsyncEngineArgs`, passed as they are."""


class TransformersSettings(EngineSettings):
    """The micro-batching engine over `transformers.generate`."""

    batch_size: Positive = 64
    """Most sequences in one call of `generate`."""
    wait_ms: Annotated[float, Field(ge=0)] = 5.0
    """How long a request waits for company, in milliseconds."""
    device: str | None = None
    """A torch device; `None`: the GPU if there is one, else the CPU."""
    dtype: Literal["auto", "bfloat16", "float16", "float32", "float64"] = "auto"
    """`float64`: seeded samples do not depend on their batch (`tutelage.agents.seeding`)."""
    seed: int = 0
    """Seeds the engine's own stream of random numbers."""
    max_model_len: Positive | None = None
    """Tokens of prompt and answer together; `None`: what the model's config says."""
    adapters: Mapping[str, Path] = Field(default_factory=dict)
    """LoRA adapters over these weights: their names here, and their directories in PEFT's layout."""


class HttpSettings(EngineSettings):
    """An OpenAI-compatible server."""

    model: str | None = None
    """The model's name there; `None`: the first that `GET /models` lists."""
    api_key: SecretStr | None = None
    """`None`: the environment's `OPENAI_API_KEY`, where set."""
    timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds a whole request may take."""
    max_retries: Annotated[int, Field(ge=0)] = 4
    """Further tries after 429, 503 or a lost connection, waiting twice as long each time."""
    retry_seconds: Annotated[float, Field(ge=0)] = 0.5
    """The first wait; a server's `Retry-After` goes before it."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Further request headers."""


class ReplaySettings(EngineSettings):
    """A recorded run that answers."""

    patience: Annotated[float, Field(gt=0)] = 2.0
    """Seconds that a call of parallel nodes waits for the calls recorded before it, since any was answered."""
    ignore: str | None = None
    """A regular expression; what it matches in messages is left out when they are compared (a date, an id)."""

    @field_validator("ignore")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


Settings = TypeVar("Settings", bound=EngineSettings)


def parse_settings(kind: type[Settings], spec: str, given: Mapping[str, Any]) -> Settings:
    """Read keyword arguments as the settings of an engine.

    Raises:
        UserError: A setting is unknown (the message lists the known ones) or has an impossible value.
    """
    unknown = sorted(set(given) - set(kind.model_fields))
    if unknown:
        known = ", ".join(sorted(kind.model_fields))
        raise UserError(f"connect({spec!r}) has no setting {unknown[0]!r}; its settings are: {known}.")
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"connect({spec!r}): {where}={first['input']!r} is refused: {first['msg']}."
        ) from None
