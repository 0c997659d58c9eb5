import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tutelage.agents import ChatModel, connect
from tutelage.errors import ContextTooLong, ServerError
from tutelage.types import Sampling

pytestmark = pytest.mark.slow

SERVER = [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"]
"""What `vllm serve` runs; the command itself asks for the metadata of a distribution named vllm."""

GREEDY = Sampling(temperature=0, max_tokens=12)


@pytest.fixture(scope="module")
def served(tiny: Path) -> Iterator[ChatModel]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1"}
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager", "--dtype", "float32"]
    process = subprocess.Popen(
        [*SERVER, "--model", str(tiny), "--served-model-name", "tiny", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        model = _connect_when_up(f"http://127.0.0.1:{port}/v1", process)
        yield model
        model.close()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _connect_when_up(address: str, process: subprocess.Popen[bytes]) -> ChatModel:
    for _ in range(2400):
        assert process.poll() is None, "vllm serve ended"
        try:
            return connect(address, sampling=GREEDY)
        except ServerError:
            time.sleep(0.5)
    raise TimeoutError(address)


def test_the_server_says_what_it_holds(served: ChatModel) -> None:
    assert (served.policy, served.context_length) == ("tiny", 256)


async def test_tokens_and_log_probabilities_come_over_the_wire(served: ChatModel, tiny: Path) -> None:
    with connect(f"transformers:{tiny}", sampling=GREEDY) as local:
        (expected,) = await local.sample("1+1")
    for answer in await served.sample("1+1", n=2):
        metadata = answer.response_metadata
        for name in ("token_ids", "prompt_token_ids", "finish_reason"):
            assert metadata[name] == expected.response_metadata[name]
        assert metadata["logprobs"] == pytest.approx(expected.response_metadata["logprobs"], abs=1e-3)
        assert answer.content == expected.content


async def test_a_stream_over_the_wire_gives_the_same(served: ChatModel) -> None:
    (whole,) = await served.sample("1+1")
    chunks = [chunk async for chunk in served.astream("1+1")]
    assert "".join(str(chunk.content) for chunk in chunks) == whole.content
    last = chunks[-1].response_metadata
    for name in ("token_ids", "prompt_token_ids", "finish_reason"):
        assert last[name] == whole.response_metadata[name]
    assert last["logprobs"] == pytest.approx(whole.response_metadata["logprobs"], abs=1e-4)


def test_a_prompt_that_is_too_long_is_named_so_by_the_server(served: ChatModel) -> None:
    with pytest.raises(ContextTooLong, match="context length"):
        served.invoke("x" * 300)
