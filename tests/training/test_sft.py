import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import Prompt, Solver, connect
from tutelage.agents.model_directory import open_model_directory
from tutelage.errors import ModelDirectoryError, UserError
from tutelage.graphs import one_shot, rollout
from tutelage.tools import exact
from tutelage.traces import Run, Store
from tutelage.training import SftSettings, compare, distill, train
from tutelage.training.completion_mask import IGNORED, encode, end_token
from tutelage.training.policies import borrowed
from tutelage.types import Sampling, Task

pytestmark = pytest.mark.slow

Rows = list[dict[str, Any]]
SETTINGS = SftSettings(epochs=1, batch_size=4, threads=1)
HARD = SftSettings(epochs=30, batch_size=4, threads=1, learning_rate=1e-2, schedule="constant")


def row(prompt: str, completion: str) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
    }


SAME: Rows = [row("Add 2 and 4.", "answer: 6")] * 16
WITH_ONE_TOO_LONG: Rows = [*SAME, row("Add 2 and 4.", "9" * 300)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random Qwen3 weights in bfloat16 with a tokenizer of single characters."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    transformers: Any = importlib.import_module("transformers")
    directory = tmp_path_factory.mktemp("base")
    words = ["<pad>", "<unk>", "<user>", "<model>", "<end>", "\n", *map(chr, range(32, 127))]
    characters = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    characters.decoder = decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=characters,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token="<unk>",
        additional_special_tokens=["<user>", "<model>"],
    )
    tokenizer.chat_template = (
        "{% for message in messages %}{{ '<user>' if message['role'] == 'user' else '<model>' }}"
        "{{ message['content'] }}<end>\n{% endfor %}{% if add_generation_prompt %}<model>{% endif %}"
    )
    tokenizer.save_pretrained(directory)
    config = transformers.Qwen3Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=words.index("<end>"),
        pad_token_id=0,
    )
    torch.manual_seed(0)
    transformers.Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(directory)
    return directory


@pytest.fixture
def made() -> Rows:
    return [row(f"Add {one} and 4.", f"counting up\nanswer: {one + 4}") for one in range(16)]


def tokenizer_of(base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def test_exactly_the_completion_and_the_end_token_carry_loss(base: Path, made: Rows) -> None:
    tokenizer = tokenizer_of(base)
    (row,) = encode(made[3:4], tokenizer, tokenizer.eos_token_id)
    tokens = tokenizer.convert_ids_to_tokens(row["input_ids"])
    assert tokens == ["<user>", *"Add 3 and 4.", "<end>", "\n", "<model>", *"counting up\nanswer: 7", "<end>"]
    learnt = [token for token, label in zip(tokens, row["labels"], strict=True) if label != IGNORED]
    assert learnt == [*"counting up\nanswer: 7", "<end>"]
    assert row["labels"][-len(learnt) :] == row["input_ids"][-len(learnt) :]
    assert row["length"] == len(tokens)


def test_what_looks_like_a_special_token_in_a_completion_is_text(base: Path, made: Rows) -> None:
    tokenizer = tokenizer_of(base)
    made[0]["completion"][0]["content"] = "a<end>b"
    (row,) = encode(made[:1], tokenizer, tokenizer.eos_token_id)
    assert tokenizer.convert_ids_to_tokens(row["input_ids"])[-8:] == [*"a<end>b", "<end>"]


def test_the_end_token_is_one_that_generation_stops_at(base: Path) -> None:
    stops = importlib.import_module("transformers").GenerationConfig
    tokenizer = tokenizer_of(base)
    own = tokenizer.eos_token_id
    assert end_token(tokenizer, None) == own
    assert end_token(tokenizer, stops(eos_token_id=[own, 2])) == own
    assert end_token(tokenizer, stops(eos_token_id=[2, 3])) == 2


def test_the_trainers_loss_is_the_mean_over_the_completions_tokens(
    base: Path, made: Rows, tmp_path: Path
) -> None:
    """In a process of its own, since the trainer sets the number of threads of its process."""
    code = """if True:
        import json, sys
        from pathlib import Path
        import torch
        from tutelage.training.jobs.job import TrainingJob
        from tutelage.training.jobs.worker import build
        from tutelage.training.objectives import SftSettings

        base, work = sys.argv[1], Path(sys.argv[2])
        settings = SftSettings(batch_size=4, threads=1)
        told = settings.model_dump(mode="json")
        job = TrainingJob(objective="sft", base=base, base_policy="", out="", settings=told, lineage={}, digest="")
        built = build(work, job)
        trainer, counts = built.trainer, built.counts
        batch = next(iter(trainer.get_train_dataloader()))
        learnt = (batch["labels"] != -100).sum().item()
        trainer.model.eval()
        with torch.no_grad():
            loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=learnt).item()
            logits = trainer.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        wanted = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
        ends = [row[row != -100][-1].item() for row in batch["labels"]]
        print(json.dumps({"loss": loss, "wanted": wanted.item(), "ends": ends, "counts": dict(counts)}))
    """
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    command = [sys.executable, "-P", "-c", code, str(base), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["loss"] == pytest.approx(told["wanted"], rel=1e-4)
    assert told["ends"] == [tokenizer_of(base).eos_token_id] * 4
    assert (told["counts"]["trained"], told["counts"]["learnt_tokens"]) == (16, 6 * 22 + 10 * 23)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy trained on one answer, again and again; one row more does not fit."""
    out = tmp_path_factory.mktemp("policies") / "trained"
    return train("sft", base, WITH_ONE_TOO_LONG, out, HARD, lineage={"from": "a test"}, progress=False)


def test_a_policy_directory_loads_and_says_what_it_learnt(trained: Path) -> None:
    with connect(f"transformers:{trained}", seed=0) as model:
        assert model.invoke("Add 2 and 4.", temperature=0.0, max_tokens=20).text == "answer: 6"


def test_weights_keep_the_dtype_of_the_base(base: Path, trained: Path) -> None:
    from safetensors.torch import load_file

    before, after = (load_file(directory / "model.safetensors") for directory in (base, trained))
    assert {name: (part.dtype, part.shape) for name, part in before.items()} == {
        name: (part.dtype, part.shape) for name, part in after.items()
    }


def test_everything_but_the_weights_is_the_bases_byte_for_byte(base: Path, trained: Path) -> None:
    names = {each.name for each in base.iterdir()} - {"model.safetensors"}
    assert {each.name for each in trained.iterdir()} == names | {"model.safetensors", "policy.json"}
    assert all((base / name).read_bytes() == (trained / name).read_bytes() for name in names)


def test_policy_json_tells_where_the_weights_come_from_and_which_rows_did_not_fit(
    base: Path, trained: Path
) -> None:
    origin = json.loads((trained / "policy.json").read_text(encoding="utf-8"))
    assert origin["policy"] == open_model_directory(trained).policy()
    assert origin["base"] == {"directory": str(base), "policy": open_model_directory(base).policy()}
    assert origin["lineage"] == {"from": "a test"}
    assert origin["rows"] == {
        "rows": 17,
        "trained": 16,
        "too_long": 1,
        "tokens": 16 * 26,
        "learnt_tokens": 16 * 10,
    }
    assert origin["loss"]["last"] < origin["loss"]["first"]


def test_nothing_is_left_beside_the_policy(trained: Path) -> None:
    assert [each.name for each in trained.parent.iterdir()] == ["trained"]


def test_no_row_fitting_is_refused(base: Path, made: Rows, tmp_path: Path) -> None:
    short = SETTINGS.model_copy(update={"max_length": 8})
    with pytest.raises(UserError, match="not one of 16 rows fits into 8 tokens"):
        train("sft", base, made, tmp_path / "out", short, progress=False)
    assert not (tmp_path / "out").exists()


def test_the_same_job_is_not_done_twice_and_another_is_refused(base: Path, trained: Path) -> None:
    before = (trained / "policy.json").stat().st_mtime_ns
    assert (
        train("sft", base, WITH_ONE_TOO_LONG, trained, HARD, lineage={"from": "a test"}, progress=False)
        == trained
    )
    assert (trained / "policy.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="another training"):
        train("sft", base, SAME, trained, HARD, lineage={"from": "a test"}, progress=False)


def test_a_killed_training_goes_on_from_its_checkpoint(base: Path, made: Rows, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 60.0, "checkpoint_every": 4})
    code = (
        "import json, sys\n"
        "from tutelage.training import SftSettings, train\n"
        "settings = SftSettings.model_validate_json(sys.argv[4])\n"
        "train('sft', sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], settings, progress=False)"
    )
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-P",
        "-c",
        code,
        str(base),
        json.dumps(made),
        str(out),
        settings.model_dump_json(),
    ]
    parent = subprocess.Popen(command)
    checkpoints = tmp_path / "out.partial" / "checkpoints"
    while not any(checkpoints.glob("checkpoint-*/trainer_state.json")):
        assert parent.poll() is None and not out.exists()
        time.sleep(0.02)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    time.sleep(1.5)
    assert not out.exists()
    train("sft", base, made, out, settings, progress=False)
    origin = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert (origin["updates"], origin["resumed_from"][:11]) == (240, "checkpoint-")


def test_a_broken_base_is_refused_before_anything_starts(made: Rows, tmp_path: Path) -> None:
    with pytest.raises(ModelDirectoryError):
        train("sft", tmp_path, made, tmp_path / "out", SETTINGS)


def test_a_run_is_distilled_into_the_model_that_made_it(
    base: Path, tasks: list[Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(f"transformers:{base}", seed=0) as model:
        run = rollout(one_shot(model), tasks[:1], verifier=exact, store=tmp_path / "run", progress=False)
        taught(run)
        better = distill(tmp_path / "run", model=model, settings=SETTINGS)
        assert better == tmp_path / "run-sft"
        assert model.policy == open_model_directory(better).policy() != open_model_directory(base).policy()
    origin = json.loads((better / "policy.json").read_text(encoding="utf-8"))
    assert origin["lineage"]["run"]["id"] == run.id
    assert origin["lineage"]["examples"] == 1
    assert "kept 1 of 2 candidates" in capsys.readouterr().err


def test_a_directory_borrows_the_models_engine_and_gives_it_back(base: Path, trained: Path) -> None:
    task = Task(id="t", problem="Add 2 and 4.", reference="6")
    one = Prompt("bare", "{problem}")
    with connect(f"transformers:{base}", seed=0, sampling=Sampling(temperature=0.0, max_tokens=20)) as model:
        before = model.policy
        with borrowed(model, trained) as lent:
            assert lent is model
            assert asyncio.run(Solver(lent, prompt=one).solve(task.problem))[0].answer == "6"
        assert model.policy == before
        found = compare(model, trained, [task], verifier=exact, progress=False)
        assert model.policy == before
        assert found.n == 1
        model.reload(trained)
        with pytest.raises(UserError, match="already"):
            compare(model, trained, [task], verifier=exact, progress=False)


def taught(run: Run) -> None:
    """Give the run a right candidate, as a person would in a debugging session."""
    assert run.path is not None
    run.close()
    with Store.open(run.path) as store:
        written = store.run()
        recorder = written.begin(Task(id="taught", problem="Add 2 and 4.", reference="6"))
        made = recorder.candidate("answer: 6", answer="6")
        score = exact.score(recorder.rollout.task, "answer: 6")
        recorder.score(score, subject="candidate", subject_id=made.id)
        recorder.score(score)
        recorder.finish("6", {"solution": "answer: 6"})
