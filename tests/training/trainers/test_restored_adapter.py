import importlib
from pathlib import Path
from typing import Any

from tutelage.agents import embedded_directory
from tutelage.training import LoraSettings


def test_the_trained_adapter_comes_back_in_place_and_the_reference_stays(tmp_path: Path) -> None:
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    lora = importlib.import_module("tutelage.training.objectives.lora")
    restored = importlib.import_module("tutelage.training.trainers.restored_adapter")
    base = transformers.AutoModelForCausalLM.from_pretrained(embedded_directory(), dtype=torch.float32)
    model = lora.adapted(base, LoraSettings(rank=2))
    model.add_adapter("ref", model.peft_config[lora.NAME])

    def weights(name: str) -> dict[str, Any]:
        return {key: part for key, part in model.named_parameters() if f".{name}." in key}

    with torch.no_grad():
        for part in weights(lora.NAME).values():
            part.normal_()
    saved = {key: part.detach().clone() for key, part in weights(lora.NAME).items()}
    model.save_pretrained(str(tmp_path), save_embedding_layers=False)
    assert (tmp_path / "ref" / "adapter_model.safetensors").is_file()
    same = {key: id(part) for key, part in weights(lora.NAME).items()}
    with torch.no_grad():
        for part in model.parameters():
            part.zero_()
    restored.RestoredAdapter(tmp_path, lora.NAME).on_train_begin(None, None, None, model=model)
    found = weights(lora.NAME)
    assert saved and all(torch.equal(found[key], part) for key, part in saved.items())
    assert {key: id(part) for key, part in found.items()} == same
    assert all(part.requires_grad for part in found.values())
    assert not any(part.any() for part in weights("ref").values())
