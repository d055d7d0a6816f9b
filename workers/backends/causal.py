"""Decoder-only language models of the Hugging Face kind, run here with torch.

Light to import: torch and transformers come in with ``load``.
"""

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from workers.backends import sources
from workers.backends.base import (
    Config,
    Failure,
    GeneratorError,
    Request,
    Result,
    RowError,
    check_request,
)
from workers.backends.chat import Chat, first_line

if TYPE_CHECKING:
    import torch

    from workers.backends.decoding import Row

logger = logging.getLogger(__name__)

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")


class Causal:
    """The backend's line in the table."""

    name = "causal"
    title = "Causal language model (Hugging Face)"

    def check(self, config: Config) -> None:
        """Whether the name and the revision can be right. Folders are looked at by the worker that has them."""
        sources.kind_of(config)

    def load(self, config: Config) -> "CausalModel":
        """Open the model: about a second for the local one, once it has been prepared."""
        try:
            return _open(config, sources.find(config))
        except GeneratorError:
            raise
        except ImportError as error:
            raise GeneratorError(f"A library for {config.model} is missing: {first_line(error)}") from error
        except Exception as error:  # a damaged file, an unknown architecture: they show themselves in many ways
            raise GeneratorError.of({"model": f"{config.model} cannot be loaded: {first_line(error)}"}) from error


class CausalModel:
    """A causal model in memory, with the chat template and the tokens that end a turn."""

    def __init__(self, model: Any, chat: Chat, provenance: dict[str, Any]) -> None:
        self._model: Any | None = model
        self._chat = chat
        self._provenance = provenance
        self._ends = _end_tokens(model, chat.tokenizer)
        self._vocabulary: int = model.get_input_embeddings().weight.shape[0]
        self._context: int | None = provenance["context_length"]
        # Rows × tokens of the smallest batch that did not fit into memory: no batch that large is tried again.
        self._too_large = float("inf")

    def generate(
        self, requests: Sequence[Request], heartbeat: Callable[[], None] | None = None
    ) -> list[Result | Failure]:
        """See ``base.Loaded``. Rows of like length and like ``max_new_tokens`` make the best batches."""
        from workers.backends.decoding import Row

        if self._model is None:
            raise GeneratorError("The model has been closed.")
        rows: list[Row | Failure] = []
        for request in requests:
            try:
                rows.append(Row(self._encode(request), request.sampling, request.seed))
            except RowError as error:
                rows.append(Failure(request.id, str(error)))
        self._decode([row for row in rows if isinstance(row, Row)], heartbeat)
        return [
            row if isinstance(row, Failure) else self._outcome(request, row)
            for request, row in zip(requests, rows, strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """What made a completion, down to the versions and the hashes."""
        return dict(self._provenance)

    def close(self) -> None:
        """Give the memory back, the device's too."""
        self._model = None
        _free_memory()

    def _encode(self, request: Request) -> list[int]:
        check_request(request)
        prompt = self._chat.encode(request.messages)
        if not prompt:
            raise RowError("The prompt is empty once it is written in the model's chat template.")
        if max(prompt) >= self._vocabulary:  # on a GPU this would take the whole process down
            raise RowError("The tokenizer made a token that the model does not have: they do not belong together.")
        new = request.sampling.max_new_tokens
        if self._context is not None and len(prompt) + new > self._context:
            raise RowError(
                f"The prompt is {len(prompt)} tokens long. With {new} new ones that is more than the "
                f"{self._context} this model can hold. Shorten the prompt or lower max_new_tokens."
            )
        return prompt

    def _decode(self, rows: "list[Row]", heartbeat: Callable[[], None] | None) -> None:
        """Decode the rows in one batch, or in halves of it, and halves of those, where it fails.

        A batch that is too large for the memory so shrinks until it fits, and a row that breaks the model fails
        alone.
        """
        from workers.backends.decoding import StepError, decode

        if not rows:
            return
        size = len(rows) * max(len(row.prompt) + row.sampling.max_new_tokens for row in rows)
        if size < self._too_large or len(rows) == 1:
            try:
                decode(
                    self._model, rows, ends=self._ends, pad=self._chat.tokenizer.pad_token_id or 0, heartbeat=heartbeat
                )
                return
            except StepError as error:
                message, memory = first_line(error), error.memory
            # Only here, past the except block: until then the traceback holds on to the batch's tensors.
            _free_memory()
            if memory and len(rows) > 1:
                self._too_large = min(self._too_large, size)
                logger.warning("%d rows of up to %d tokens do not fit into memory.", len(rows), size // len(rows))
            rows = [row for row in rows if not row.ended]
            for row in rows:
                row.start_again()
            if len(rows) == 1:
                rows[0].error, rows[0].retry = _why(rows[0], message, memory=memory), memory
                return
        middle = len(rows) // 2
        self._decode(rows[:middle], heartbeat)
        self._decode(rows[middle:], heartbeat)

    def _outcome(self, request: Request, row: "Row") -> Result | Failure:
        if row.finish_reason is None:
            return Failure(request.id, row.error, row.retry)
        text = row.tokens[:-1] if row.finish_reason == "stop" else row.tokens
        return Result(
            id=request.id,
            text=self._chat.decode(text),
            finish_reason=row.finish_reason,
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.tokens),
            seconds=row.seconds,
            seed=request.seed,
            provenance=self._provenance | {"sampling": asdict(request.sampling), "seed": request.seed},
        )


def _open(config: Config, source: sources.Source) -> CausalModel:
    """Read the tokenizer and the weights, and write down what they are."""
    import torch
    import transformers

    chatter: Any = transformers.utils.logging
    chatter.disable_progress_bar()
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    settings = transformers.AutoConfig.from_pretrained(source.folder, **options)
    device = _device(config.device)
    tokenizer = transformers.AutoTokenizer.from_pretrained(source.folder, **options)
    loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
        source.folder,
        config=settings,
        dtype=_dtype(config.dtype, settings, device),
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    model, report = loaded
    if report["missing_keys"]:
        # transformers only warns, and fills them with random numbers: the model would talk nonsense.
        missing = sorted(report["missing_keys"])
        raise GeneratorError.of(
            {"model": f"{config.model} is not whole: it has no weights for {missing[0]} ({len(missing)} missing)."}
        )
    model = model.to(device).eval()
    chat = Chat(tokenizer)
    provenance = {
        "backend": Causal.name,
        "model": config.model,
        "revision": source.revision,
        "source": source.note or source.kind,
        "weights_sha256": source.weights_sha256,
        "tokenizer_sha256": sources.tokenizer_sha256(source.folder),
        **chat.describe(),
        "architecture": type(model).__name__,
        "parameters": model.num_parameters(),
        "context_length": _context_length(settings, tokenizer),
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "versions": {library: metadata.version(library) for library in LIBRARIES},
    }
    return CausalModel(model, chat, provenance)


def _device(name: str) -> "torch.device":
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and (
        not torch.cuda.is_available() or (torch.device(name).index or 0) >= torch.cuda.device_count()
    ):
        raise GeneratorError.of({"device": f"This machine has no {name} that torch can use."})
    return torch.device(name)


def _dtype(name: str, settings: Any, device: "torch.device") -> "torch.dtype":
    """The dtype to compute in: the one that was asked for, or the one the weights are stored in."""
    import torch

    if name != "auto":
        asked: torch.dtype = getattr(torch, name)
        return asked
    stored = getattr(settings.get_text_config(decoder=True), "dtype", None) or torch.float32
    if device.type == "cpu" and stored in (torch.float16, torch.bfloat16):
        abilities = torch.cpu.get_capabilities()
        fast = any(abilities.get(ability) for ability in ("avx512_bf16", "amx_bf16", "bf16"))  # the last is ARM's
        # Processors without it emulate half precision, and are slower with it than in float32.
        return torch.bfloat16 if fast and stored is torch.bfloat16 else torch.float32
    return stored if isinstance(stored, torch.dtype) else torch.float32


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a turn: all of the generation config's, and the tokenizer's own."""
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)


def _context_length(settings: Any, tokenizer: Any) -> int | None:
    """How many tokens the model can hold, or None where it does not say."""
    length = getattr(settings.get_text_config(decoder=True), "max_position_embeddings", None)
    if isinstance(length, int) and length > 0:
        return length
    # Tokenizers without a limit say 10**30.
    return int(tokenizer.model_max_length) if tokenizer.model_max_length < 10**9 else None


def _why(row: "Row", message: str, *, memory: bool) -> str:
    if memory:
        return (
            f"There is not enough memory for this row alone: {len(row.prompt)} prompt tokens and up to "
            f"{row.sampling.max_new_tokens} new ones."
        )
    return f"The model failed on this row: {message}"


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
