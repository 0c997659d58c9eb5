import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tutelage.agents import connect
from tutelage.tools.families import FAMILIES, family_of, split_of
from tutelage.types import Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from tutelage.training.embedded.pretrain import Settings

pytestmark = pytest.mark.slow

LAST = 16
"""The steps of `small`."""


@pytest.fixture(scope="module", autouse=True)
def one_processor() -> Iterator[None]:
    """No GPU, so that the same steps give the same bits; one thread, since so small a model gains from no more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.cuda, "is_available", lambda: False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def small() -> "Settings":
    """Sixteen steps of a model with one layer; the corpus is drawn a batch or a few at a time."""
    from tutelage.training.embedded.pretrain import Settings

    return Settings(
        steps=12, polish=4, tokens_per_batch=256, warmup=2, shard=6, sample_at=(0.2,), attempts_per_cell=2,
        hidden=32, layers=1, heads=1, intermediate=32, compile=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def work(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: "PreTrainedTokenizerFast"
) -> Callable[[], Path]:
    """A new working folder, whose tokenizer is made already."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("work")
        tokenizer.save_pretrained(folder / "tokenizer")
        return folder

    return make


@pytest.fixture(scope="module")
def trained(work: Callable[[], Path], small: "Settings") -> Path:
    """The working folder of a training that nothing interrupted, with the model in `model`."""
    from tutelage.training.embedded.pretrain import pretrain

    folder = work()
    pretrain(folder, folder / "model", small)
    return folder


def place(folder: Path) -> list[int]:
    """Step, shard and times sampled of the last checkpoint."""
    import torch

    found: list[int] = torch.load(folder / "checkpoint.pt", weights_only=True)["place"]
    return found


def weights(directory: Path) -> bytes:
    return (directory / "model.safetensors").read_bytes()


def test_transformers_loads_what_is_written(trained: Path, small: "Settings") -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(trained / "model")
    tokenizer = AutoTokenizer.from_pretrained(trained / "model")
    assert (model.config.model_type, model.config.hidden_size) == ("qwen3", small.hidden)
    assert model.dtype == torch.bfloat16
    learnt = torch.load(trained / "checkpoint.pt", weights_only=True)["model"]
    assert all(torch.equal(value, learnt[name].bfloat16()) for name, value in model.state_dict().items())
    assert (
        model.generation_config.eos_token_id
        == tokenizer.eos_token_id
        == tokenizer.convert_tokens_to_ids("<|end|>")
    )
    assert len(tokenizer) <= model.config.vocab_size
    asked = [{"role": "user", "content": "2+3?"}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert text == "<|user|>2+3?<|end|><|assistant|>"


def test_connect_takes_what_is_written(trained: Path) -> None:
    spec = f"transformers:{trained / 'model'}"
    with connect(spec, sampling=Sampling(max_tokens=4)) as model:
        answer = model.invoke("Problem: Compute 2 + 3.")
    assert answer.usage_metadata is not None
    assert 0 < answer.usage_metadata["output_tokens"] <= 4


def test_every_part_is_trained_to_its_end(trained: Path) -> None:
    step, shard, sampled = place(trained)
    assert (step, sampled) == (LAST, 1)
    assert shard > 6


def test_the_polish_reads_its_own_mix_and_attempts_come_when_they_are_sampled(
    work: Callable[[], Path], small: "Settings", monkeypatch: pytest.MonkeyPatch
) -> None:
    from tutelage.training.embedded import pretrain as module
    from tutelage.training.embedded.corpus import MAIN, POLISH, Attempts, Example, Mix, corpus

    folder, reads = work(), list[tuple[int, bool, Mix]]()

    def watched(seed: int, attempts: Attempts, own_share: float, mix: Mix) -> Iterator[Example]:
        reads.append((seed, bool(attempts), mix))
        return corpus(seed, attempts, own_share, mix)

    monkeypatch.setattr(module, "corpus", watched)
    module.pretrain(folder, folder / "model", small)
    main = work()
    module.pretrain(main, main / "model", replace(small, polish=0))
    shards, reads = place(folder)[1], reads[: place(folder)[1]]
    seeds, own, mixes = zip(*reads, strict=True)
    assert len(set(seeds)) == shards
    assert own == tuple(sorted(own)) and set(own) == {False, True}
    unpolished = place(main)[1]
    assert mixes == (*[MAIN] * unpolished, *[POLISH] * (shards - unpolished))
    assert 0 < unpolished < shards


def test_the_rate_rises_stays_falls_to_zero_and_once_more_from_the_polishs() -> None:
    from tutelage.training.embedded.pretrain import Settings, schedule

    settings = Settings(steps=1000, polish=100, warmup=10, decay_from=0.5, polish_rate=0.3)
    rates = [schedule(step, settings) for step in range(1100)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert set(rates[10:501]) == {1.0}
    assert rates[750] == pytest.approx(0.5) and rates[999] == pytest.approx(0.002)
    assert rates[1000] == pytest.approx(0.3) and rates[1050] == pytest.approx(0.15)
    assert rates[1099] == pytest.approx(0.003)


def test_the_models_own_attempts_are_of_the_training_split_and_judged(trained: Path) -> None:
    from tutelage.training.embedded.mistakes import read_attempts

    found = read_attempts(trained / "attempts-1.jsonl")
    attempts = [each for group in found.values() for each in group]
    assert attempts
    for (family, right), group in found.items():
        assert {(each.task.family, each.right) for each in group} == {(family, right)}
    for each in attempts:
        assert each.task.family in FAMILIES and split_of(each.task) == "train"
        assert each.right == family_of(each.task).check(each.task, each.solution).right
        assert "<|end|>" not in each.solution


@pytest.mark.parametrize("saved", [1, 6])
def test_an_interrupted_training_continues_to_the_same_weights(
    trained: Path,
    work: Callable[[], Path],
    small: "Settings",
    saved: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tutelage.training.embedded import pretrain as module

    folder, looks = work(), iter(range(0, 1000 * (2 * saved + 1), 1000))

    def clock() -> float:
        """So slow that every shard is saved; ends the training before the shard after the last one is."""
        if (now := next(looks, None)) is None:
            raise KeyboardInterrupt
        return float(now)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, "time", SimpleNamespace(monotonic=clock))
        module.pretrain(folder, folder / "model", small)
    step, shard, sampled = place(folder)
    assert (shard, sampled) == (saved, saved > 1) and 0 < step < LAST
    assert not (folder / "model").exists()
    capsys.readouterr()
    module.pretrain(folder, folder / "model", small)
    shown = re.findall(rf"(\d+)/{LAST} ", capsys.readouterr().err)
    assert (int(shown[0]), int(shown[-1])) == (step, LAST)
    assert place(folder) == place(trained)
    assert weights(folder / "model") == weights(trained / "model")


def test_a_finished_training_is_only_written_again(
    trained: Path, small: "Settings", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tutelage.training.embedded.pretrain import pretrain

    before = place(trained)
    pretrain(trained, tmp_path / "model", small)
    assert place(trained) == before
    assert weights(tmp_path / "model") == weights(trained / "model")


def test_the_seed_decides_the_weights(
    trained: Path, work: Callable[[], Path], small: "Settings", tmp_path: Path
) -> None:
    from tutelage.training.embedded.pretrain import pretrain

    pretrain(work(), tmp_path / "model", replace(small, seed=1))
    assert weights(tmp_path / "model") != weights(trained / "model")
