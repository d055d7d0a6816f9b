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


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a tiny model to a new folder: 2 layers, room for 128 tokens, a byte-level tokenizer with ChatML.

    ``gpt2`` is the one to see positions with: it learns them one by one, where Llama only sees distances.
    """

    def make(*, kind: str = "llama", ends: list[int] | None = None, chat_template: str | None = CHATML) -> Path:
        import torch
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

        folder = tmp_path_factory.mktemp("tiny")
        words = Tokenizer(models.BPE())
        words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        words.decoder = decoders.ByteLevel()
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        trainer: Any = trainers.BpeTrainer(
            vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
        words.train_from_iterator(["user assistant system", "What is the answer? Say it."], trainer)
        fast: Any = PreTrainedTokenizerFast
        tokenizer = fast(tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>")
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


@pytest.fixture
def tiny(tiny_folder: Path) -> Iterator[CausalModel]:
    """The tiny model, loaded anew, so that a test may put hooks into it."""
    model = Causal().load(Config(str(tiny_folder), device="cpu", dtype="float32"))
    yield model
    model.close()


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Where the converted local model is kept between runs; the first one makes it (some 20 seconds)."""
    return Path(os.environ.get("ANNOTATE_TEST_CACHE") or tempfile.gettempdir()) / "annotate-test-models"


@pytest.fixture(scope="session")
def local(models_folder: Path) -> Iterator[CausalModel]:
    """The real local model, ready to talk."""
    model = Causal().load(Config(local_model.NAME, models=models_folder, device="cpu"))
    yield model
    model.close()
