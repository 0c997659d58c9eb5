import importlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import exp, sqrt
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import scripted
from tutelage.errors import UserError
from tutelage.graphs import one_shot, rollout
from tutelage.tools import RewardModel, StepRewardModel, Verifier
from tutelage.tools.naming import verifier_named
from tutelage.types import Task

pytestmark = pytest.mark.slow

WORDS = ["<pad>", "<user>", "<model>", "<end>", "\n", *"0123456789+=: answer?"]
SOLUTIONS = ["1+1=2\nanswer: 2", "answer: 3", "2\n1+1=2\n\n  9  \nanswer: 2", "7"]
TASK = Task(id="t", problem="1+1=?")
Vector = list[float]


def embedding(word: str) -> Vector:
    """What the hand-made model has for a character."""
    at = WORDS.index(word) if word in WORDS else 0
    return [1.0, 0.3 * at - 3, 0.5 if word.isdigit() else -1.0, -0.1 * at]


def normed(vector: Vector) -> Vector:
    length = sqrt(sum(each * each for each in vector) / len(vector) + 1e-6)
    return [each / length for each in vector]


def state(text: list[str]) -> Vector:
    """The last token's: its embedding plus the mean of all (evenly attended), normed."""
    each = [normed(embedding(word)) for word in text]
    mean = [sum(column) / len(text) for column in zip(*each, strict=True)]
    return normed([a + b for a, b in zip(embedding(text[-1]), mean, strict=True)])


def reward(prompt: str, solution: str) -> float:
    """By hand: 0.4, -0.8, 1.2 and 2 times the state at the end token."""
    found = state(["<user>", *prompt, "<end>", "<model>", *solution, "<end>"])
    return sum(a * b for a, b in zip((0.4, -0.8, 1.2, 2.0), found, strict=True))


def right(prompt: str, solution: str) -> list[float]:
    """By hand: the softmax of the state's first number (wrong) and last (right), at every line's break."""
    read, found = ["<user>", *prompt, "<end>", "<model>"], []
    for line in filter(None, map(str.strip, solution.splitlines())):
        read += [*line, "\n"]
        here = state(read)
        found.append(1 / (1 + exp(here[0] - here[3])))
    return found


def save_tokenizer(directory: Path) -> None:
    tokenizers, transformers = importlib.import_module("tokenizers"), importlib.import_module("transformers")
    model = tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<pad>")
    characters = tokenizers.Tokenizer(model)
    characters.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=characters, pad_token="<pad>", eos_token="<end>",
        additional_special_tokens=["<user>", "<model>"],
    )  # fmt: skip
    tokenizer.chat_template = (
        "{% for message in messages %}<user>{{ message['content'] }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<model>{% endif %}"
    )
    tokenizer.save_pretrained(directory)


def save(directory: Path, kind: str, score: list[Vector], told: dict[str, Any] | None = None) -> Path:
    """One layer that attends evenly to all tokens and hands on what it sees, and a head."""
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    save_tokenizer(directory)
    config = transformers.Qwen3Config(
        vocab_size=len(WORDS), hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, head_dim=4, max_position_embeddings=64, pad_token_id=0, num_labels=len(score),
        rms_norm_eps=1e-6,
    )  # fmt: skip
    model = getattr(transformers, f"Qwen3For{kind}")(config)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "norm" not in name:
                weights.zero_()
        attention = model.model.layers[0].self_attn
        attention.v_proj.weight.copy_(torch.eye(4))
        attention.o_proj.weight.copy_(torch.eye(4))
        model.model.embed_tokens.weight.copy_(torch.tensor([embedding(word) for word in WORDS]))
        if score:
            model.score.weight.copy_(torch.tensor(score))
    model.save_pretrained(directory)
    if told is not None:
        (directory / "policy.json").write_text(json.dumps({"policy": "abc", **told}), encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reads = {"before": "0: ", "after": "?", "end": WORDS.index("<end>")}
    directory = tmp_path_factory.mktemp("outcome")
    return save(directory, "SequenceClassification", [[0.4, -0.8, 1.2, 2.0]], {"reads": reads})


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("process")
    return save(directory, "TokenClassification", [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def test_the_value_is_the_sigmoid_of_the_reward_after_the_prompt_of_the_training(outcome: Path) -> None:
    judge = RewardModel(outcome)
    for solution in [*SOLUTIONS, ""]:
        score = judge.score(TASK, solution)
        assert score.value == pytest.approx(1 / (1 + exp(-reward("0: 1+1=??", solution))), rel=1e-5)
        assert (score.passed, score.steps) == (None, None)
    assert judge.answer(SOLUTIONS[0]) == "2"


def test_without_a_word_of_its_training_the_bare_problem_is_asked(process: Path) -> None:
    score = StepRewardModel(process).score(TASK, SOLUTIONS[0])
    assert score.steps == pytest.approx(right("1+1=?", SOLUTIONS[0]), rel=1e-5)


def test_steps_are_the_lines_that_are_not_empty_and_the_weakest_is_named(process: Path) -> None:
    expected = right("1+1=?", SOLUTIONS[2])
    score = StepRewardModel(process, threshold=0.999).score(TASK, SOLUTIONS[2])
    assert len(expected) == 4
    assert score.steps == pytest.approx(expected, rel=1e-5)
    assert score.value == pytest.approx(min(expected), rel=1e-5)
    assert score.passed is False
    assert f"step {expected.index(min(expected)) + 1} is the least likely" in (score.feedback or "")
    product = StepRewardModel(process, value="product", threshold=1e-9).score(TASK, SOLUTIONS[2])
    assert product.value == pytest.approx(expected[0] * expected[1] * expected[2] * expected[3], rel=1e-5)
    assert (product.passed, product.feedback) == (True, None)


def test_nothing_said_is_worth_nothing(process: Path) -> None:
    score = StepRewardModel(process).score(TASK, "\n ")
    assert (score.value, score.passed, score.steps) == (0.0, False, None)


def test_threads_share_batches_and_get_what_they_would_get_alone(outcome: Path, process: Path) -> None:
    texts = SOLUTIONS * 16
    judges: list[Verifier] = [RewardModel(outcome, batch_size=8), StepRewardModel(process, batch_size=8)]
    for judge in judges:

        def score(text: str, judge: Verifier = judge) -> float:
            return judge.score(TASK, text).value

        with ThreadPoolExecutor(16) as pool:
            together = list(pool.map(score, texts))
        assert together == pytest.approx([score(text) for text in texts], rel=1e-5)


def test_what_looks_like_a_special_token_is_text(outcome: Path) -> None:
    expected = 1 / (1 + exp(-reward("0: 1+1=??", "1<end>")))
    assert RewardModel(outcome).score(TASK, "1<end>").value == pytest.approx(expected, rel=1e-5)


def test_a_solution_that_does_not_fit_is_worth_nothing_and_says_why(outcome: Path, process: Path) -> None:
    for judge in (RewardModel(outcome, threshold=0.5), StepRewardModel(process)):
        score = judge.score(TASK, "1" * 60)
        assert (score.value, score.passed) == (0.0, False)
        assert "does not fit" in (score.feedback or "")


@pytest.mark.parametrize("padding", [True, False], ids=["padded", "one by one"])
def test_a_model_without_a_padding_token_judges_one_by_one(
    outcome: Path, tmp_path: Path, padding: bool
) -> None:
    directory = save(tmp_path / "m", "SequenceClassification", [[0.4, -0.8, 1.2, 2.0]])
    if not padding:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        (directory / "config.json").write_text(json.dumps({**config, "pad_token_id": None}), encoding="utf-8")
    judge = RewardModel(directory)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: judge.score(TASK, text).value, SOLUTIONS))
    assert found == pytest.approx([1 / (1 + exp(-reward("1+1=?", text))) for text in SOLUTIONS], rel=1e-5)


def test_a_rollout_is_judged_and_its_run_knows_the_weights(outcome: Path, tmp_path: Path) -> None:
    graph = one_shot(scripted(lambda messages, sample: SOLUTIONS[0]))
    tasks = [Task(id=str(number), problem="1+1=?") for number in range(3)]
    run = rollout(graph, tasks, verifier=RewardModel(outcome), store=tmp_path / "run", progress=False)
    scores = run.scores(subject="rollout")
    assert {row.score.name for row in scores} == {f"reward:{outcome}"}
    assert [row.score.value for row in scores] == pytest.approx(
        [1 / (1 + exp(-reward("0: 1+1=??", SOLUTIONS[0])))] * 3, rel=1e-5
    )
    assert run.settings["verifier"] == {"name": f"reward:{outcome}", "weights": "abc", "threshold": None}


def test_the_command_names_them_by_their_directories(outcome: Path, process: Path) -> None:
    assert verifier_named(f"reward:{outcome}", []) == RewardModel(str(outcome))
    assert verifier_named(f"prm:{process}", []) == StepRewardModel(str(process))


Make = Callable[[Path], object]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda outcome: RewardModel(outcome / "nowhere"), "there is no model in"),
        (
            lambda outcome: StepRewardModel(outcome),
            "holds Qwen3ForSequenceClassification, not a model for Token",
        ),
        (lambda outcome: RewardModel(outcome, threshold=0), "threshold is 0"),
        (lambda outcome: RewardModel(outcome, batch_size=0), "batch_size is 0"),
        (lambda outcome: StepRewardModel(outcome, value="mean"), "value is 'mean'"),  # type: ignore[arg-type]
        (lambda outcome: verifier_named("prm:nowhere", []), "there is no model in 'nowhere'"),
    ],
)
def test_what_cannot_judge_is_refused_at_once(outcome: Path, make: Make, said: str) -> None:
    with pytest.raises(UserError, match=said):
        make(outcome)


def test_a_head_with_other_labels_is_refused(tmp_path: Path) -> None:
    directory = save(tmp_path / "three", "SequenceClassification", [[1.0] * 4] * 3)
    with pytest.raises(UserError, match="has 3 labels; it must have 1"):
        RewardModel(directory).score(TASK, "1")
