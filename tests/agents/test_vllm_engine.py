import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutelage.agents import ChatModel, Request, open_model_directory
from tutelage.errors import ContextTooLong, ModelDirectoryError, UserError
from tutelage.types import Sampling

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0, max_tokens=12)


def by_hand(directory: Path, prompt: list[int], sampled: list[int]) -> list[float]:
    """Log-probabilities by one plain forward pass of transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    with torch.inference_mode():
        logits = network(torch.tensor([prompt + sampled])).logits[0].float()
    rows = torch.log_softmax(logits[len(prompt) - 1 : -1], dim=-1)
    return [float(row[token]) for row, token in zip(rows, sampled, strict=True)]


async def test_what_is_recorded_is_what_the_network_computes(vllm_model: ChatModel, tiny: Path) -> None:
    (answer,) = await vllm_model.sample("1+1", sampling=Sampling(temperature=1.7, top_p=0.8, max_tokens=12))
    metadata = answer.response_metadata
    expected = by_hand(tiny, metadata["prompt_token_ids"], metadata["token_ids"])
    assert metadata["logprobs"] == pytest.approx(expected, abs=1e-3)
    assert metadata["policy"] == vllm_model.policy == open_model_directory(tiny).policy()
    assert answer.usage_metadata is not None and answer.usage_metadata["output_tokens"] == 12


async def test_n_samples_differ_and_each_has_its_own_tokens(vllm_model: ChatModel) -> None:
    answers = await vllm_model.sample("1+1", n=8, sampling=Sampling(temperature=2, max_tokens=6))
    assert len({str(answer.content) for answer in answers}) > 1
    tokens = {str(answer.content): tuple(answer.response_metadata["token_ids"]) for answer in answers}
    assert len(set(tokens.values())) == len(tokens)
    assert all(len(answer.response_metadata["logprobs"]) == 6 for answer in answers)


async def test_several_greedy_samples_are_given_like_any_others(vllm_model: ChatModel) -> None:
    answers = await vllm_model.sample("1+1", n=3, sampling=GREEDY)
    assert len(answers) == 3
    assert len({str(answer.content) for answer in answers}) == 1


async def test_a_stop_string_ends_the_text_before_it_and_keeps_its_tokens(vllm_model: ChatModel) -> None:
    (whole,) = await vllm_model.sample("1+1", sampling=GREEDY)
    stop = str(whole.content)[4:6]
    (cut,) = await vllm_model.sample("1+1", sampling=GREEDY.model_copy(update={"stop": (stop,)}))
    before = str(whole.content).index(stop)
    assert cut.content == str(whole.content)[:before]
    assert cut.response_metadata["finish_reason"] == "stop"
    assert len(cut.response_metadata["token_ids"]) == before + len(stop)


async def test_a_stream_gives_the_same_as_the_whole(vllm_model: ChatModel) -> None:
    model = vllm_model.with_sampling(GREEDY)
    (whole,) = await model.sample("1+1")
    chunks = [chunk async for chunk in model.astream("1+1")]
    assert len(chunks) > 3
    assert "".join(str(chunk.content) for chunk in chunks) == whole.content
    assert chunks[-1].response_metadata["token_ids"] == whole.response_metadata["token_ids"]
    assert chunks[-1].response_metadata["logprobs"] == pytest.approx(whole.response_metadata["logprobs"])


async def test_log_probabilities_are_left_out_where_nobody_wants_them(vllm_model: ChatModel) -> None:
    sampling = GREEDY.model_copy(update={"logprobs": False})
    answer = await vllm_model.engine.generate(Request(({"role": "user", "content": "1+1"},), sampling))
    assert answer.completions[0].logprobs is None
    assert len(answer.completions[0].token_ids or ()) == 12


async def test_weights_are_taken_in_place_after_what_is_in_flight(
    vllm_model: ChatModel, tiny: Path, tiny_other: Path
) -> None:
    model = vllm_model.with_sampling(GREEDY)
    old, new = (open_model_directory(path).policy() for path in (tiny, tiny_other))
    in_flight = [asyncio.create_task(model.sample("1+1")) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.to_thread(model.reload, tiny_other)
    try:
        assert {(await task)[0].response_metadata["policy"] for task in in_flight} == {old}
        (after,) = await model.sample("1+1")
    finally:
        await asyncio.to_thread(model.reload, tiny)
    metadata = after.response_metadata
    assert metadata["policy"] == new
    expected = by_hand(tiny_other, metadata["prompt_token_ids"], metadata["token_ids"])
    assert metadata["logprobs"] == pytest.approx(expected, abs=1e-3)


def test_weights_that_do_not_fit_change_nothing(vllm_model: ChatModel, tiny_wider: Path) -> None:
    before = (vllm_model.policy, vllm_model.invoke("1+1", temperature=0, max_tokens=5).content)
    with pytest.raises(ModelDirectoryError, match="does not fit"):
        vllm_model.reload(tiny_wider)
    assert (vllm_model.policy, vllm_model.invoke("1+1", temperature=0, max_tokens=5).content) == before


def test_a_prompt_without_room_for_an_answer_is_refused_with_its_length(vllm_model: ChatModel) -> None:
    with pytest.raises(ContextTooLong, match=r"the prompt has 303 tokens and .* holds 256"):
        vllm_model.invoke("x" * 300)


def test_an_answer_gets_what_room_there_is(vllm_model: ChatModel) -> None:
    answer = vllm_model.invoke("x" * 250, max_tokens=50)
    assert len(answer.response_metadata["token_ids"]) == 256 - 253
    assert answer.response_metadata["finish_reason"] == "length"


def test_sampling_that_vllm_refuses_is_the_callers_error_and_the_engine_lives(vllm_model: ChatModel) -> None:
    with pytest.raises(UserError, match=r"vLLM refuses the sampling: .*temperature"):
        vllm_model.invoke("1+1", temperature=5.0)
    assert vllm_model.invoke("1+1", max_tokens=3).content


async def test_a_cancelled_request_leaves_the_engine_usable(vllm_model: ChatModel) -> None:
    task = asyncio.create_task(vllm_model.sample("1+1", sampling=Sampling(max_tokens=200)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await vllm_model.sample("1+1", sampling=GREEDY))[0].content


def test_starting_leaves_the_environment_as_it_was(vllm_model: ChatModel) -> None:
    assert "VLLM_CPU_KVCACHE_SPACE" not in os.environ
    assert "HF_HUB_OFFLINE" not in os.environ


SCRIPT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from tutelage.agents import connect
from tutelage.errors import EngineError
"""

READY = """
model = connect("vllm:" + sys.argv[1], seed=1)
print("ready", flush=True)
"""

KILLED_WHILE_STARTING = """
import psutil, threading
def kill():
    while len(psutil.Process().children(recursive=True)) < PROCESSES:
        time.sleep(0.02)
    print("starting", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill).start()
"""

DIES = """
import multiprocessing
for child in multiprocessing.active_children():
    os.kill(child.pid, signal.SIGKILL)
try:
    model.invoke("1+1", max_tokens=200)
except EngineError as error:
    print("error:", error, flush=True)
again = connect("vllm:" + sys.argv[1], seed=1)
print(len(again.invoke("1+1", max_tokens=5).content))
"""

# "idle" and "busy" are printed inside the `try`: what reads them may interrupt before `print` has returned.
INTERRUPTED = """
try:
    print("idle", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(len(model.invoke("1+1", max_tokens=5).content), flush=True)
try:
    print("busy", flush=True)
    while True:
        model.invoke("1+1", max_tokens=200)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
"""


def start(code: str, tiny: Path) -> subprocess.Popen[str]:
    """Run a script without a `__main__` guard, in a process group of its own, as a terminal does."""
    script = tiny.parent / "script.py"
    script.write_text(SCRIPT + code)
    return subprocess.Popen(
        [sys.executable, str(script), str(tiny)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def group_is_gone(group: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_an_engine_that_dies_is_one_clear_error_and_a_script_that_just_ends_leaves_no_process(
    tiny: Path,
) -> None:
    process = start(READY + DIES, tiny)
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err
    ready, error, answer = out.splitlines()
    assert (ready, answer) == ("ready", "5")
    assert error.startswith(f"error: vllm:{tiny} died, and with it what was in flight")
    assert group_is_gone(process.pid, 30)


def test_an_interrupt_reaches_the_script_only_which_can_go_on_or_end_in_order(tiny: Path) -> None:
    process = start(READY + INTERRUPTED, tiny)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "idle\n"]
    os.killpg(process.pid, signal.SIGINT)
    assert [process.stdout.readline() for _ in range(3)] == ["interrupted\n", "5\n", "busy\n"]
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (-signal.SIGINT, "interrupted\n"), err
    assert err.endswith("\nKeyboardInterrupt\n"), err
    assert group_is_gone(process.pid, 30)


def test_a_script_that_is_killed_leaves_no_process(tiny: Path) -> None:
    process = start(READY + "time.sleep(600)", tiny)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=300)
    assert group_is_gone(process.pid, 60)


@pytest.mark.parametrize("processes", [2, 3], ids=["its engine begins", "its worker begins"])
def test_a_script_that_is_killed_while_the_engine_starts_leaves_no_process(
    tiny: Path, processes: int
) -> None:
    kill = KILLED_WHILE_STARTING.replace("PROCESSES", str(processes))
    process = start(kill + READY, tiny)
    assert process.stdout is not None
    assert process.stdout.readline() == "starting\n"
    assert process.wait(timeout=30) == -signal.SIGKILL
    gone = group_is_gone(process.pid, 30)
    if not gone:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert gone
