"""Encoder-decoder models of the Hugging Face kind, such as BART and T5: they read a text and write another.

They know no conversation: the last message of the user, with the prompt's documents in it, is what the encoder reads.
Light to import: torch and transformers come in with ``load``.
"""

from typing import Any

from workers.backends import fitting, loading
from workers.backends.base import Config, GeneratorError, Option, Request, RowError
from workers.backends.causal import end_tokens
from workers.backends.fitting import Prompt
from workers.backends.running import RunningModel


class Seq2Seq:
    """The backend's line in the table."""

    name = "seq2seq"
    title = "Encoder-decoder model (Hugging Face)"
    options = (
        *loading.OPTIONS,
        Option("prefix", "Prefix", "What the model was taught to be asked with, such as “summarize:” of T5."),
    )

    def check(self, config: Config) -> None:
        """Whether the name and the options can be right. Folders are looked at by the worker that has them."""
        loading.check(config)
        if config.model.endswith(".gguf"):
            raise GeneratorError.of({"model": "A GGUF file is run by the backend causal only."})

    def load(self, config: Config) -> "Seq2SeqModel":
        """Open the model."""
        self.check(config)
        return Seq2SeqModel(loading.open_model(config, "seq2seq"), config)


class Seq2SeqModel(RunningModel):
    """An encoder-decoder model in memory."""

    def __init__(self, opened: loading.Opened, config: Config) -> None:
        from workers.backends import padded
        from workers.backends.decoding import EncoderBatch, Words

        model, self._tokenizer = opened.model, opened.tokenizer
        self._prefix = str(config.options.get("prefix") or "")
        self._rule = str(config.options.get("context") or "refuse")
        self._reads, self._writes = _lengths(model.config, opened.tokenizer)
        opening = _opening(model)
        words = Words(end_tokens(model, opened.tokenizer), opened.tokenizer.pad_token_id or 0, self._read)
        batches = padded.Padded(
            lambda rows: EncoderBatch(model, rows, words, opening),
            words,
            width=padded.width(model, config),
            budget=padded.budget(model),
        )
        # The tokens that close a text (</s>) stay where it is cut.
        self._ending = len(self._ids("")) - len(self._tokenizer("", add_special_tokens=False)["input_ids"])
        self._ending = min(self._ending, sum(token in words.ends for token in self._ids("a")[-1:]))
        provenance = opened.provenance | {"prefix": self._prefix, "context_length": self._reads}
        super().__init__(model, words, provenance, batches)

    def _prompt(self, request: Request) -> Prompt:
        new = request.sampling.max_new_tokens
        if self._writes is not None and new > self._writes:
            raise RowError(f"This model writes at most {self._writes} tokens, not {new}: lower max_new_tokens.")
        said = [message["content"] for message in request.messages if message["role"] == "user"]
        if not said or not said[-1].strip():
            raise RowError("The prompt holds no text of a user for the model to read.")
        text = f"{self._prefix} {said[-1]}" if self._prefix else said[-1]
        try:
            ids = self._ids(text)
        except Exception as error:  # half a surrogate pair is no Unicode
            raise RowError("The tokenizer cannot read this text.") from error
        return fitting.fit_text(ids, text, context=self._reads, rule=self._rule, ending=self._ending)

    def _ids(self, text: str) -> list[int]:
        """The tokens of a text. Words that spell a control token (``</s>``) stay words."""
        ids: list[int] = self._tokenizer(text, split_special_tokens=True)["input_ids"]
        return ids

    def _read(self, tokens: Any) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def _opening(model: Any) -> list[int]:
    """The tokens that every completion starts from, which the model does not choose."""
    settings = model.generation_config
    start = settings.decoder_start_token_id
    if start is None:
        start = getattr(model.config, "decoder_start_token_id", None)
    if start is None:
        raise GeneratorError.of(
            {"model": "The model does not say with which token it starts (decoder_start_token_id)."}
        )
    forced = settings.forced_bos_token_id
    return [start] if forced is None else [start, forced]


def _lengths(settings: Any, tokenizer: Any) -> tuple[int | None, int | None]:
    """How many tokens the encoder can read and the decoder can write; None where there is no limit.

    BART learned a number of positions. T5 sees distances and has no limit, but was taught on texts of ``n_positions``.
    """
    learned = getattr(settings, "max_position_embeddings", None)
    if learned:
        return learned, learned - 2  # the tokens it starts from stand before what it writes
    taught = getattr(settings, "n_positions", None)
    if not taught and tokenizer.model_max_length < 10**9:
        taught = int(tokenizer.model_max_length)
    return taught, None
