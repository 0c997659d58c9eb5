"""The embedded model's tokenizer: byte-level BPE in which every digit stands alone, and its chat template.

Text between digits is not split further, so the packaged prompts become a few tokens; any other text falls back to
bytes and comes back unchanged.
"""

from collections.abc import Iterator
from itertools import islice

from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from tutelage.training.embedded.corpus import Example, corpus

__all__ = ["CHAT_TEMPLATE", "CONTEXT_LENGTH", "END", "chat", "make_tokenizer"]

END = "<|end|>"
PAD = "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
CONTEXT_LENGTH = 1024
VOCABULARY = 1024

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def chat(example: Example) -> tuple[str, str]:
    """The example as the chat template writes it: what is given, and what is learnt."""
    return f"<|user|>{example.prompt}{END}<|assistant|>", f"{example.completion}{END}"


def make_tokenizer(examples: int = 60_000) -> PreTrainedTokenizerFast:
    """Learn the merges from a sample of the corpus; the same number of examples gives the same tokenizer."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(r"\d"), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(examples), trainer)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(ROLES),
        model_max_length=CONTEXT_LENGTH,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def texts(examples: int) -> Iterator[str]:
    """Prompts and completions of the first examples."""
    for example in islice(corpus(0, {}, 0.0), examples):
        yield example.prompt
        yield example.completion
