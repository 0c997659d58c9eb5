import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.agents import connect, open_model_directory
from tutelage.errors import ModelDirectoryError


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def test_a_whole_directory_says_what_it_holds(tiny: Path) -> None:
    model = open_model_directory(tiny)
    assert model.context_length == 256
    assert model.shapes["model.embed_tokens.weight"] == (103, 64)
    assert len(model.policy()) == 12


def test_the_policy_is_of_the_contents_and_not_of_the_place(tiny: Path, copy: Path, tiny_other: Path) -> None:
    policies = [open_model_directory(path).policy() for path in (tiny, copy, tiny_other)]
    assert policies[0] == policies[1] != policies[2]


def unlink(name: str) -> Callable[[Path], object]:
    return lambda path: (path / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda path: (path / name).write_text(text)


def cut(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def pickle_only(path: Path) -> None:
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def name_a_missing_shard(path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))


def point_to_large_file_storage(path: Path) -> None:
    (path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no model directory"),
        (unlink("config.json"), "has no config.json"),
        (write("config.json", "{"), r"config.json' cannot be read as JSON"),
        (write("config.json", "{}"), "names no 'model_type'"),
        (unlink("model.safetensors"), r"has no \*.safetensors"),
        (cut, "model.safetensors' is not a whole safetensors file"),
        (point_to_large_file_storage, "do not hold its header"),
        (pickle_only, "only pickled weights"),
        (name_a_missing_shard, "names 'model-00001-of-00002.safetensors', which is not there"),
        (unlink("tokenizer.json"), "has no tokenizer"),
        (write("tokenizer.json", "not json"), r"tokenizer.json' cannot be read as JSON"),
        (write("tokenizer.json", "{}"), "tokenizer in .* cannot be loaded"),
        (unlink("chat_template.jinja"), "has no chat template"),
        (write("chat_template.jinja", "{% for %}"), r"chat template in .*chat_template.jinja' cannot render"),
    ],
)
def test_damage_is_named_before_an_engine_starts(
    copy: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(copy)
    with pytest.raises(ModelDirectoryError, match=message) as caught:
        connect(f"transformers:{copy}")
    assert str(copy) in str(caught.value)


def test_an_adapter_alone_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelDirectoryError, match="merge it into its base model"):
        open_model_directory(tmp_path)


def test_weights_of_another_shape_do_not_fit(tiny: Path, tiny_other: Path, tiny_wider: Path) -> None:
    model = open_model_directory(tiny)
    model.check_fits(open_model_directory(tiny_other))
    with pytest.raises(ModelDirectoryError, match=r"is \S*96\S* there and \S*64\S* here"):
        model.check_fits(open_model_directory(tiny_wider))
