"""Several LoRA adapters over one base, in one engine at once."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tutelage.agents import ChatModel, connect, scripted
from tutelage.errors import ModelDirectoryError, UserError
from tutelage.traces import Store, recording
from tutelage.types import Sampling, Task

EVERY_LAYER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SAMPLING = Sampling(temperature=1.5, max_tokens=10)
KEPT: list[ChatModel] = []


def write_adapter(base: Path, directory: Path, *, seed: int, layers: list[str], **settings: Any) -> Path:
    """A random adapter that changes what the base says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(target_modules=layers, task_type="CAUSAL_LM", **{"r": 4, "lora_alpha": 8, **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(network, config)
        for name, tensor in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(tensor, std=0.2)
    adapted.save_pretrained(str(directory))
    return directory


@pytest.fixture(scope="module")
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "critic": write_adapter(tiny, folder / "critic", seed=1, layers=EVERY_LAYER),
        "tutor": write_adapter(tiny, folder / "tutor", seed=2, layers=["q_proj", "v_proj"], r=2),
        "later": write_adapter(tiny, folder / "later", seed=3, layers=EVERY_LAYER, use_rslora=True),
    }


@pytest.fixture(scope="module", params=["transformers", pytest.param("vllm", marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest, tiny: Path, adapters: Mapping[str, Path]) -> Iterator[ChatModel]:
    held = {name: adapters[name] for name in ("critic", "tutor")}
    with connect(f"{request.param}:{tiny}", dtype="float32", adapters=held, sampling=SAMPLING) as model:
        # vLLM leaves its messaging to the garbage collector, which warns.
        KEPT.append(model)
        yield model


def by_hand(base: Path, adapter: Path | None, metadata: Mapping[str, Any]) -> list[float]:
    """Log-probabilities by one plain forward pass."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network: Any = AutoModelForCausalLM.from_pretrained(base)
    if adapter is not None:
        network = PeftModel.from_pretrained(network, str(adapter))
    prompt, sampled = metadata["prompt_token_ids"], metadata["token_ids"]
    with torch.inference_mode():
        logits = network(torch.tensor([prompt + sampled])).logits[0].float()
    rows = torch.log_softmax(logits[len(prompt) - 1 : -1], dim=-1)
    return [float(row[token]) for row, token in zip(rows, sampled, strict=True)]


async def test_adapters_and_their_base_answer_together_each_by_its_own_weights(
    model: ChatModel, tiny: Path, adapters: Mapping[str, Path], tmp_path: Path
) -> None:
    speakers = {name: model.with_adapter(name) for name in (None, "critic", "tutor")}
    run = Store.open(tmp_path / "run").start_run({})
    with recording(run.begin(Task(id="a", problem="p"))):
        asked = [each.sample(f"1+{number}") for number in range(6) for each in speakers.values()]
        answers = [answer for (answer,) in await asyncio.gather(*asked)]
    for answer, name in zip(answers, [*speakers] * 6, strict=True):
        metadata = answer.response_metadata
        expected = by_hand(tiny, adapters[name] if name else None, metadata)
        assert metadata["logprobs"] == pytest.approx(expected, abs=1e-3)
        assert metadata["policy"] == speakers[name].policy
    turns = {turn.id: turn for turn in run.turns()}
    assert len(turns) == 18
    for answer in answers:
        turn = turns[answer.response_metadata["turn_id"]]
        assert (turn.model, turn.policy) == tuple(
            answer.response_metadata[key] for key in ("model_name", "policy")
        )
    assert {turn.model.partition("#")[2] for turn in turns.values()} == {"", "critic", "tutor"}


def test_a_policy_names_base_and_adapter_by_content(
    model: ChatModel, adapters: Mapping[str, Path], tiny: Path, tmp_path: Path
) -> None:
    critic, tutor = (model.with_adapter(name).policy for name in ("critic", "tutor"))
    assert {policy.partition("+")[0] for policy in (critic, tutor)} == {model.policy}
    assert critic != tutor
    copy = shutil.copytree(adapters["critic"], tmp_path / "copy")
    config = json.loads((copy / "adapter_config.json").read_text())
    policies = []
    for alpha in (config["lora_alpha"], 1):
        (copy / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": alpha}))
        with connect(f"transformers:{tiny}", adapters={"other": copy}) as same:
            policies.append(same.with_adapter("other").policy)
    assert policies[0] == critic != policies[1]


async def test_an_adapter_streams_by_its_own_weights(
    model: ChatModel, tiny: Path, adapters: Mapping[str, Path]
) -> None:
    chunks = [chunk async for chunk in model.with_adapter("critic").astream("1+1")]
    metadata = chunks[-1].response_metadata
    assert metadata["logprobs"] == pytest.approx(by_hand(tiny, adapters["critic"], metadata), abs=1e-3)
    assert metadata["policy"] == model.with_adapter("critic").policy


async def test_an_adapter_and_its_base_take_new_weights_by_themselves(
    model: ChatModel, tiny: Path, tiny_other: Path, adapters: Mapping[str, Path]
) -> None:
    critic, tutor = model.with_adapter("critic"), model.with_adapter("tutor")
    first = critic.policy
    await asyncio.to_thread(critic.reload, adapters["later"])
    try:
        await asyncio.to_thread(model.reload, tiny_other)
        places: list[tuple[ChatModel, Path | None]] = [
            (critic, adapters["later"]),
            (tutor, adapters["tutor"]),
            (model, None),
        ]
        asked = [each.sample("1+1") for each, _ in places]
        for (answer,), (_, adapter) in zip(await asyncio.gather(*asked), places, strict=True):
            metadata = answer.response_metadata
            assert metadata["logprobs"] == pytest.approx(by_hand(tiny_other, adapter, metadata), abs=1e-3)
        assert critic.policy.split("+") != first.split("+")
    finally:
        await asyncio.to_thread(model.reload, tiny)
        await asyncio.to_thread(critic.reload, adapters["critic"])
    assert critic.policy == first


def test_an_adapter_that_is_not_there_is_told_with_those_that_are(model: ChatModel) -> None:
    with pytest.raises(UserError, match="no adapter 'other'; it has: critic, tutor"):
        model.with_adapter("other")
    assert model.with_adapter("critic").with_adapter(None).policy == model.policy


def test_an_engine_without_adapters_says_so() -> None:
    with pytest.raises(UserError, match="scripted holds no adapters"):
        scripted(["yes"]).with_adapter("critic")


def changed(adapter: Path, copy: Path, **config: Any) -> Path:
    shutil.copytree(adapter, copy)
    file = copy / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return copy


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"use_dora": True}, "sets 'use_dora', which engines do not apply"),
        ({"rank_pattern": {"q_proj": 2}}, "sets 'rank_pattern'"),
        ({"bias": "all"}, "sets 'bias'"),
        ({"peft_type": "IA3"}, "of the kind 'IA3'; only LoRA"),
        ({"r": 3}, r"lora_A.weight' is \(4, 64\), \(3, 64\) is needed"),
    ],
)
def test_an_adapter_that_an_engine_would_misread_is_refused(
    tiny: Path, adapters: Mapping[str, Path], tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    copy = changed(adapters["critic"], tmp_path / "copy", **config)
    with pytest.raises(ModelDirectoryError, match=message):
        connect(f"transformers:{tiny}", adapters={"critic": copy})


def test_an_adapter_of_another_base_is_refused(
    tiny_wider: Path, adapters: Mapping[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelDirectoryError, match="does not fit"):
        connect(f"transformers:{tiny_wider}", adapters={"critic": adapters["critic"]})
    with pytest.raises(ModelDirectoryError, match=r"is no adapter: it has no adapter_config.json"):
        connect(f"transformers:{tiny_wider}", adapters={"critic": tmp_path})


async def test_a_servers_adapters_are_further_names_of_models(serve: Callable[..., Any]) -> None:
    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "base"}, {"id": "critic"}]})

    async def chat(request: web.Request) -> web.Response:
        model = (await request.json())["model"]
        message = {"role": "assistant", "content": f"I am {model}"}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})

    with serve(chat, models) as address, connect(address) as model:
        critic = model.with_adapter("critic")
        (base,), (other,) = await asyncio.gather(model.sample("who?"), critic.sample("who?"))
        assert (base.content, other.content) == ("I am base", "I am critic")
        assert [each.response_metadata["policy"] for each in (base, other)] == ["base", "critic"]
        assert other.response_metadata["model_name"] == f"{address}#critic"
        with pytest.raises(UserError, match="no adapter 'tutor'; it has: base, critic"):
            model.with_adapter("tutor")
        with pytest.raises(UserError, match="keeps its own weights"):
            critic.reload("/somewhere")
