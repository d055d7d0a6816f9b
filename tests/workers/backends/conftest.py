"""A tiny model with random weights, built in a second, and the real local model, converted once for all runs."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.backends import local_model
from workers.backends.base import Config
from workers.backends.causal import Causal, CausalModel

CHATML = (
    "{% for message in messages %}"
    "{% if message['content'] == 'refuse me' %}{{ raise_exception('This template refuses that.') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_tokenizer(*, closing: bool = False) -> Any:
    """A byte-level tokenizer of 300 words; with ``closing`` it ends every text with its end token, as encoders want."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer: Any = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    words.train_from_iterator(["user assistant system", "What is the answer? Say it."], trainer)
    if closing:
        words.post_processor = processors.TemplateProcessing(single="$A <|im_end|>", special_tokens=[("<|im_end|>", 2)])
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>")


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a tiny model to a new folder: 2 layers, room for 128 tokens, a byte-level tokenizer with ChatML.

    ``gpt2`` is the one to see positions with: it learns them one by one, where Llama only sees distances.
    """

    def make(*, kind: str = "llama", ends: list[int] | None = None, chat_template: str | None = CHATML) -> Path:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        folder = tmp_path_factory.mktemp("tiny")
        tokenizer = tiny_tokenizer()
        tokenizer.chat_template = chat_template
        tokenizer.save_pretrained(folder)

        torch.manual_seed(0)
        # Wide weights, so that the text hangs on the prompt and no two tokens are nearly equal.
        common = {"vocab_size": len(tokenizer), "initializer_range": 0.4, "eos_token_id": 2, "pad_token_id": 0}
        sizes = {
            "llama": {
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "max_position_embeddings": 128,
            },
            "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
        }
        settings = AutoConfig.for_model(kind, bos_token_id=None, **common, **sizes[kind])
        auto: Any = AutoModelForCausalLM
        model = auto.from_config(settings)
        model.generation_config.eos_token_id = [2] if ends is None else ends
        model.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_folder(make_model: Callable[..., Path]) -> Path:
    """The tiny model's folder. Tests read it and leave it as it is."""
    return make_model()


@pytest.fixture(scope="session")
def make_reader(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a tiny encoder-decoder model to a new folder: BART's shape, which learned 64 positions, or T5's."""

    def make(*, kind: str = "bart", **changes: Any) -> Path:
        import torch
        from transformers import AutoConfig, AutoModelForSeq2SeqLM

        folder = tmp_path_factory.mktemp("reader")
        tokenizer = tiny_tokenizer(closing=True)
        tokenizer.save_pretrained(folder)
        torch.manual_seed(0)
        sizes: dict[str, dict[str, Any]] = {
            "bart": {
                "d_model": 32,
                "encoder_layers": 2,
                "decoder_layers": 2,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "max_position_embeddings": 64,
                "init_std": 0.6,
                "bos_token_id": 1,
            },
            "t5": {
                "d_model": 32,
                "d_kv": 8,
                "d_ff": 64,
                "num_layers": 2,
                "num_heads": 4,
                "n_positions": 64,
                "initializer_factor": 1.0,
                "tie_word_embeddings": False,
            },
        }
        common = {"vocab_size": len(tokenizer), "eos_token_id": 2, "pad_token_id": 0, "decoder_start_token_id": 2}
        settings = AutoConfig.for_model(kind, **(common | sizes[kind] | changes))
        auto: Any = AutoModelForSeq2SeqLM
        model = auto.from_config(settings)
        model.generation_config.forced_bos_token_id = 1 if kind == "bart" else None
        model.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def reader_folder(make_reader: Callable[..., Path]) -> Path:
    """The tiny encoder-decoder model's folder. Tests read it and leave it as it is."""
    return make_reader()


@pytest.fixture
def tiny(tiny_folder: Path) -> Iterator[CausalModel]:
    """The tiny model, loaded anew, so that a test may put hooks into it."""
    model = Causal().load(Config(str(tiny_folder), options={"device": "cpu", "dtype": "float32"}))
    yield model
    model.close()


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Where the converted local model is kept between runs; the first one makes it (some 20 seconds)."""
    return Path(os.environ.get("ANNOTATE_TEST_CACHE") or tempfile.gettempdir()) / "annotate-test-models"


@pytest.fixture(scope="session")
def local(models_folder: Path) -> Iterator[CausalModel]:
    """The real local model, ready to talk."""
    model = Causal().load(Config(local_model.NAME, models=models_folder, options={"device": "cpu"}))
    yield model
    model.close()
