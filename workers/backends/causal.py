"""Decoder-only language models of the Hugging Face kind, run here with torch.

Light to import: torch and transformers come in with ``load``.
"""

from typing import Any

from workers.backends import fitting, loading
from workers.backends.base import Config, GeneratorError, Option, Request
from workers.backends.chat import Chat
from workers.backends.fitting import Prompt
from workers.backends.running import RunningModel


class Causal:
    """The backend's line in the table."""

    name = "causal"
    title = "Causal language model (Hugging Face)"
    options = (
        *loading.OPTIONS,
        Option("file", "GGUF file", "Its name, where the model is a GGUF file inside the folder."),
        Option(
            "engine",
            "Engine",
            "auto: continuous batching on a GPU, padded batches on a processor.",
            "choice",
            ("auto", "padded", "continuous"),
            "auto",
        ),
    )

    def check(self, config: Config) -> None:
        """Whether the name and the options can be right. Folders are looked at by the worker that has them."""
        loading.check(config)

    def load(self, config: Config) -> "CausalModel":
        """Open the model: about a second for the local one, once it has been prepared."""
        opened = loading.open_model(config, "causal")
        return CausalModel(opened, config)


class CausalModel(RunningModel):
    """A causal model in memory, with the chat template and the tokens that end a turn."""

    def __init__(self, opened: loading.Opened, config: Config) -> None:
        from workers.backends import continuous, padded
        from workers.backends.decoding import DecoderBatch, Words

        model, tokenizer = opened.model, opened.tokenizer
        self._chat = Chat(tokenizer)
        self._ends = end_tokens(model, tokenizer)
        self._context = context_length(model.config, tokenizer)
        self._rule = str(config.options.get("context") or "refuse")
        words = Words(self._ends, tokenizer.pad_token_id or 0, self._chat.decode)
        batches = padded.Padded(
            lambda rows: DecoderBatch(model, rows, words),
            words,
            width=padded.width(model, config),
            budget=padded.budget(model),
        )
        asked = str(config.options.get("engine") or "auto")
        running = None
        if asked == "continuous" or (asked == "auto" and model.device.type == "cuda"):
            problem = continuous.why_not(model)
            if problem and asked == "continuous":
                raise GeneratorError.of({"engine": problem})
            if not problem:
                running = continuous.Continuous(model, words, batches, in_flight=config.width)
        provenance = opened.provenance | self._chat.describe() | {"context_length": self._context}
        super().__init__(model, words, provenance, batches, running)

    def _prompt(self, request: Request) -> Prompt:
        return fitting.fit_chat(
            self._chat.with_tools(request.tools),
            request.messages,
            context=self._context,
            new=request.sampling.max_new_tokens,
            rule=self._rule,
        )


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a turn: all of the generation config's, and the tokenizer's own."""
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)


def context_length(settings: Any, tokenizer: Any) -> int | None:
    """How many tokens the model can hold, or None where it does not say."""
    length = getattr(settings.get_text_config(decoder=True), "max_position_embeddings", None)
    if isinstance(length, int) and length > 0:
        return length
    # Tokenizers without a limit say 10**30.
    return int(tokenizer.model_max_length) if tokenizer.model_max_length < 10**9 else None
