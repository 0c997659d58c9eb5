import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import connect, embedded_directory, open_model_directory
from tutelage.errors import ModelDirectoryError, UserError
from tutelage.training import LoraSettings, blank_adapter, merge_adapter
from tutelage.types import Sampling


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model's weights in float32, so that a sum is not rounded to bfloat16."""
    from safetensors.torch import load_file, save_file

    directory = tmp_path_factory.mktemp("models") / "base"
    shutil.copytree(embedded_directory(), directory)
    weights = {name: part.float() for name, part in load_file(directory / "model.safetensors").items()}
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((directory / "config.json").read_text("utf-8"))
    (directory / "config.json").write_text(json.dumps({**config, "dtype": "float32"}))
    return directory


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that says other things than its base."""
    import torch
    from safetensors.torch import load_file, save_file

    directory = blank_adapter(base, tmp_path_factory.mktemp("adapters") / "blank", LoraSettings(rank=4))
    other = Path(shutil.copytree(directory, directory.with_name("other")))
    chance = torch.Generator().manual_seed(1)
    weights = {
        name: part if "lora_A" in name else 0.05 * torch.randn(part.shape, generator=chance)
        for name, part in load_file(other / "adapter_model.safetensors").items()
    }
    save_file(weights, other / "adapter_model.safetensors", metadata={"format": "pt"})
    return other


def said(ids: list[int], directory: Path, adapter: Path | None = None) -> Any:
    """Log-probabilities of one forward pass, of shape (tokens, vocabulary)."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    if adapter is not None:
        network = PeftModel.from_pretrained(network, str(adapter))
    with torch.inference_mode():
        return torch.log_softmax(network.eval()(torch.tensor([ids])).logits[0].double(), dim=-1)


def test_a_merged_adapter_says_what_the_adapter_says(base: Path, adapter: Path, tmp_path: Path) -> None:
    import torch

    out = merge_adapter(base, adapter, tmp_path / "merged")
    ids = list(range(10, 60))
    bare, apart, merged = said(ids, base), said(ids, base, adapter), said(ids, out)
    assert torch.allclose(apart, merged, atol=1e-4)
    assert not torch.allclose(apart, bare, atol=1e-2)
    told = json.loads((out / "policy.json").read_text("utf-8"))
    assert told["policy"] == open_model_directory(out).policy()
    assert told["base"]["policy"] == open_model_directory(base).policy()
    assert told["adapter"]["directory"] == str(adapter)
    before = (out / "policy.json").stat().st_mtime_ns
    assert merge_adapter(base, adapter, out) == out
    assert (out / "policy.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="is something else"):
        merge_adapter(base, adapter, adapter)


def test_a_blank_adapter_says_what_its_base_says_and_others_of_its_seed_are_the_same(
    base: Path, tmp_path: Path
) -> None:
    blank, again, other = (
        blank_adapter(base, tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    told = [json.loads((each / "policy.json").read_text("utf-8"))["policy"] for each in (blank, again, other)]
    assert told[0] == told[1] != told[2]
    assert blank_adapter(base, tmp_path / "a") == blank
    with pytest.raises(UserError, match="is something else"):
        blank_adapter(base, tmp_path / "a", LoraSettings(rank=2))
    sampling = Sampling(temperature=0.0, max_tokens=20)
    with connect(f"transformers:{base}", adapters={"blank": blank}, sampling=sampling) as model:
        asked = [each.sample("Compute 1+1.") for each in (model, model.with_adapter("blank"))]

        async def both() -> list[Any]:
            return [answer for (answer,) in await asyncio.gather(*asked)]

        one, two = asyncio.run(both())
    assert one.text == two.text
    assert two.response_metadata["logprobs"] == pytest.approx(one.response_metadata["logprobs"], abs=1e-5)


def test_an_adapter_of_another_base_is_not_merged(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelDirectoryError, match="was trained over policy"):
        merge_adapter(embedded_directory(), adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_to_go_on_from_is_not_blank(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no blank adapter"):
        blank_adapter(base, tmp_path / "out", LoraSettings(start=tmp_path))
