"""The decoding loop: one padded batch, a seed and sampling settings of its own for every row.

``transformers``' ``generate`` draws a whole batch from one random stream with one temperature, and runs every
row until the last one ends. Here each row has its own stream, so it makes the same text alone and in a batch
(up to the rounding of other matrix shapes), rows that have ended leave the batch, and waiting ones take their place.
"""

import inspect
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import DynamicCache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer

from workers.backends.base import FinishReason, Sampling
from workers.backends.picking import draws_of, pick

# Ended rows leave once they are an eighth of the batch: each time costs a copy of the key/value cache, about
# as much as one step does.
ENDED_SHARE = 1 / 8
# Tokens beyond the longest stop text that are read again at every step: the first ones of a piece of text may read
# otherwise than in the whole (half a letter, a space that opens a text).
STOP_MARGIN = 8


@dataclass(slots=True, eq=False)
class Row:
    """One row on its way. ``decode`` fills in all but the first three.

    ``text`` is what stands before a stop text, where one ended the row. ``made_by`` is what the engine that made it
    has to say in its provenance.
    """

    prompt: list[int]
    sampling: Sampling
    seed: int
    tokens: list[int] = field(default_factory=list)
    text: str | None = None
    finish_reason: FinishReason | None = None
    seconds: float = 0.0
    error: str = ""
    retry: bool = False
    made_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to make: the completion is whole, or it has failed."""
        return self.finish_reason is not None or bool(self.error)

    @property
    def left(self) -> int:
        """How many tokens it may still make."""
        return self.sampling.max_new_tokens - len(self.tokens)

    def start_again(self) -> None:
        """Forget what was made, to be made in another batch. The time it took still counts."""
        self.tokens = []


@dataclass(frozen=True, slots=True)
class Words:
    """What decoding must know of a tokenizer: the tokens that end a turn, one to pad with, and how tokens read."""

    ends: Collection[int]
    pad: int
    read: Callable[[Sequence[int]], str]


class StepError(Exception):
    """The model could not take a step with this batch. ``memory``: because it ran out of memory."""

    def __init__(self, message: str, *, memory: bool) -> None:
        super().__init__(message)
        self.memory = memory


def decode(
    batch: "Batch",
    words: Words,
    *,
    heartbeat: Callable[[], None] | None = None,
    refill: "Callable[[Batch], Batch | None] | None" = None,
    done: Callable[[Sequence[Row]], None] | None = None,
) -> None:
    """Fill in the rows' tokens, one step for the whole batch at a time, until all have ended.

    ``heartbeat`` is called after every step. ``done`` is given the rows that ended, as they leave; ``refill`` may then
    give a batch of others, which join this one. Raises StepError; rows that had ended by then are whole.
    """
    with torch.inference_mode():
        clock = time.perf_counter()
        while batch.rows:
            clock = _step(batch, words, clock)
            with errors_of_a_step():
                left = batch.drop_ended()
            if left and done is not None:
                done(left)
            if left and batch.rows and refill is not None and (others := refill(batch)) is not None:
                _step(others, words, time.perf_counter())
                with errors_of_a_step():
                    batch.join(others)
                clock = time.perf_counter()
            if heartbeat is not None:
                heartbeat()


def _step(batch: "Batch", words: Words, clock: float) -> float:
    """One step for every row of the batch, which share the time since ``clock``. Returns the time now."""
    with errors_of_a_step():
        tokens, usable = batch.step()
    now = time.perf_counter()
    unended = [row for row in batch.rows if not row.ended]
    for row, token, good in zip(batch.rows, tokens, usable, strict=True):
        if not row.ended:
            row.seconds += (now - clock) / len(unended)
            take(row, token, good, words)
    return now


@contextmanager
def errors_of_a_step() -> Iterator[None]:
    """Whatever torch raises, as a StepError. Not around the heartbeat, whose errors are the caller's."""
    try:
        yield
    except torch.AcceleratorError:  # the device is lost to this process: no other batch can go better
        raise
    except (RuntimeError, MemoryError, IndexError, ValueError, TypeError) as error:
        raise StepError(str(error), memory=is_memory(error)) from error


def take(row: Row, token: int, usable: bool, words: Words) -> None:
    """Add a token to a row, and see whether that ends it."""
    if not usable:
        row.error = (
            "The model gave no usable probabilities (infinity or not a number). "
            "Another dtype, such as float32, may help."
        )
        return
    row.tokens.append(token)
    if token in words.ends:
        row.finish_reason = "stop"
    elif row.sampling.stop and (text := _before_stop(row, words.read)) is not None:
        row.finish_reason, row.text = "stop", text
    elif row.left <= 0:
        row.finish_reason = "length"


def _before_stop(row: Row, read: Callable[[Sequence[int]], str]) -> str | None:
    """The text before the first of the row's stop texts, or None where none has come up.

    Looked for in the last tokens, as many as can hold the longest one, a byte each; then in the whole.
    """
    stops = row.sampling.stop
    tail = row.tokens[-max(len(stop.encode("utf-8", "surrogatepass")) for stop in stops) - STOP_MARGIN :]
    if not any(stop in read(tail) for stop in stops):
        return None
    whole = read(row.tokens)
    found = [whole.find(stop) for stop in stops if stop in whole]
    return whole[: min(found)] if found else None


class Batch:
    """The tensors of the rows that are being decoded. Shapes: B rows, T tokens so far, V words.

    A kind of model says how it takes the next step (``_logits``) and which of its own tensors go with a row.
    """

    def __init__(self, model: Any, rows: Sequence[Row], words: Words) -> None:
        self.model, self.rows, self.device = model, list(rows), model.device
        self.ends = self._tensor(sorted(words.ends))
        self.temperature = torch.tensor([row.sampling.temperature for row in rows], device=self.device)
        self.top_p = torch.tensor([row.sampling.top_p for row in rows], device=self.device)
        # Before so many tokens the end tokens are barred.
        self.least = self._tensor([row.sampling.min_new_tokens for row in rows])
        self.least_of_all = max(row.sampling.min_new_tokens for row in rows)
        self.made = torch.zeros_like(self.least)
        longest = max(row.sampling.max_new_tokens for row in rows)
        self.draws = torch.zeros(len(rows), longest)  # every row's random numbers, all at once
        for number, row in enumerate(rows):
            self.draws[number, : row.sampling.max_new_tokens] = draws_of(row.seed, row.sampling.max_new_tokens)
        self.draws = self.draws.to(self.device)

    def step(self) -> tuple[list[int], list[bool]]:
        """The next token of each row, and whether the model gave numbers that one can draw from."""
        logits = self._logits().float()
        if self.least_of_all:
            barred = (self.made < self.least)[:, None] & torch.zeros_like(logits, dtype=torch.bool).index_fill_(
                1, self.ends, True
            )
            logits = logits.masked_fill(barred, -torch.inf)
        # Rows that have ended and not yet left may be past their last number.
        place = self.made.clamp(max=self.draws.shape[1] - 1)[:, None]
        tokens, usable = pick(logits, self.draws.gather(1, place)[:, 0], self.temperature, self.top_p)
        self.made += 1
        self._go_on(tokens)
        return tokens.tolist(), usable.tolist()

    def drop_ended(self) -> list[Row]:
        """Take rows that have ended out of the batch, once there are enough of them to be worth it. Gives them back."""
        keep = [number for number, row in enumerate(self.rows) if not row.ended]
        if len(self.rows) - len(keep) < max(1, ENDED_SHARE * len(self.rows)):
            return []
        left = [row for row in self.rows if row.ended]
        self.rows = [self.rows[number] for number in keep]
        if keep:
            self._keep(self._tensor(keep))
        return left

    def join(self, other: "Batch") -> None:
        """Take in the rows of another batch, after its first step. Only where ``can_join``."""
        self.rows += other.rows
        for name in ("temperature", "top_p", "least", "made"):
            setattr(self, name, torch.cat([getattr(self, name), getattr(other, name)]))
        self.least_of_all = max(self.least_of_all, other.least_of_all)
        longest = max(self.draws.shape[1], other.draws.shape[1])
        self.draws = torch.cat([pad(draws, (0, longest - draws.shape[1])) for draws in (self.draws, other.draws)])

    @property
    def can_join(self) -> bool:
        """Whether other rows can come in while these are on their way."""
        return False

    @property
    def width(self) -> int:
        """How many columns the rows take by now, gaps included."""
        raise NotImplementedError

    def _logits(self) -> torch.Tensor:
        """The logits (B, V) of the next token of each row."""
        raise NotImplementedError

    def _go_on(self, tokens: torch.Tensor) -> None:
        """Put the tokens (B) that were picked where the next step looks for them."""
        raise NotImplementedError

    def _keep(self, index: torch.Tensor) -> None:
        """Keep the rows with these numbers, in this order."""
        self.temperature, self.top_p, self.draws = self.temperature[index], self.top_p[index], self.draws[index]
        self.least, self.made = self.least[index], self.made[index]

    def _tensor(self, numbers: list[Any]) -> torch.Tensor:
        return torch.tensor(numbers, device=self.device, dtype=torch.long)


class DecoderBatch(Batch):
    """Rows of a decoder-only model: prompt and completion are one sequence, padded on the left."""

    def __init__(self, model: Any, rows: Sequence[Row], words: Words) -> None:
        super().__init__(model, rows, words)
        width = max(len(row.prompt) for row in rows)
        gaps = [width - len(row.prompt) for row in rows]
        self.ids = self._tensor([[words.pad] * gap + row.prompt for gap, row in zip(gaps, rows, strict=True)])
        mask = self._tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
        # Positions count from each row's own first token, or a row's text would hang on its neighbours' lengths.
        self.positions = (mask.cumsum(-1) - 1).clamp(min=0)
        # Without a mask attention takes a faster way, so it is left out where nothing is padded.
        self.mask: torch.Tensor | None = mask if any(gaps) else None
        self.cache: Any = DynamicCache(config=model.config)
        accepted = inspect.signature(model.forward).parameters
        self.has_positions = "position_ids" in accepted
        self.options: dict[str, Any] = {"use_cache": True, "return_dict": True}
        if "logits_to_keep" in accepted:  # else the logits of the whole prompt: B × T × V floats
            self.options["logits_to_keep"] = 1

    @property
    def width(self) -> int:
        columns: int = self.cache.get_seq_length() + self.ids.shape[1]
        return columns

    @property
    def can_join(self) -> bool:
        """Whether the cache is one of keys and values that stand side by side, as they do in nearly every model."""
        return all(type(layer) is DynamicLayer for layer in self.cache.layers)

    def join(self, other: Batch) -> None:
        """See ``Batch``. Columns that no row needs any more go; the shorter side gets a gap on its left."""
        assert isinstance(other, DecoderBatch)
        masks = [side.mask if side.mask is not None else side._whole_mask() for side in (self, other)]
        # What stands left of every row's first token was the prompt of somebody who has left.
        trims = [int(mask.argmax(-1).min()) for mask in masks]
        width = max(mask.shape[1] - trim for mask, trim in zip(masks, trims, strict=True))
        gaps = [width - mask.shape[1] for mask in masks]  # below 0 where columns go
        mask = torch.cat([pad(mask, (gap, 0)) for mask, gap in zip(masks, gaps, strict=True)])
        self.mask = None if bool(mask.all()) else mask
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            for name in ("keys", "values"):  # (B, heads, T, size)
                sides = [getattr(mine, name), getattr(theirs, name)]
                joined = torch.cat([pad(side, (0, 0, gap, 0)) for side, gap in zip(sides, gaps, strict=True)])
                setattr(mine, name, joined)
        self.ids = torch.cat([self.ids, other.ids])
        self.positions = torch.cat([self.positions, other.positions])
        super().join(other)

    def _whole_mask(self) -> torch.Tensor:
        return torch.ones(len(self.rows), self.width, device=self.device, dtype=torch.long)

    def _logits(self) -> torch.Tensor:
        if self.has_positions:
            self.options["position_ids"] = self.positions
        output = self.model(input_ids=self.ids, attention_mask=self.mask, past_key_values=self.cache, **self.options)
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _go_on(self, tokens: torch.Tensor) -> None:
        self.ids = tokens[:, None]
        self.positions = self.positions[:, -1:] + 1
        if self.mask is not None:
            self.mask = pad(self.mask, (0, 1), value=1)

    def _keep(self, index: torch.Tensor) -> None:
        super()._keep(index)
        self.cache.reorder_cache(index)  # meant for beams, but it is "these rows, in this order" for every cache layer
        self.ids, self.positions = self.ids[index], self.positions[index]
        if self.mask is not None:
            self.mask = self.mask[index]


class EncoderBatch(Batch):
    """Rows of an encoder-decoder model: the encoder reads the prompts once, padded on the right.

    ``opening`` are the tokens that every completion starts from; they are no part of it.
    """

    def __init__(self, model: Any, rows: Sequence[Row], words: Words, opening: Sequence[int]) -> None:
        super().__init__(model, rows, words)
        width = max(len(row.prompt) for row in rows)
        gaps = [width - len(row.prompt) for row in rows]
        source = self._tensor([row.prompt + [words.pad] * gap for gap, row in zip(gaps, rows, strict=True)])
        self.mask = self._tensor([[1] * (width - gap) + [0] * gap for gap in gaps])
        self.encoded = model.get_encoder()(input_ids=source, attention_mask=self.mask, return_dict=True)
        self.ids = self._tensor([list(opening)] * len(rows))
        settings = model.config.get_text_config(decoder=True)
        self.cache: Any = EncoderDecoderCache(DynamicCache(config=settings), DynamicCache(config=settings))

    def _logits(self) -> torch.Tensor:
        output = self.model(
            encoder_outputs=self.encoded,
            attention_mask=self.mask,
            decoder_input_ids=self.ids,
            past_key_values=self.cache,
            use_cache=True,
            return_dict=True,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _go_on(self, tokens: torch.Tensor) -> None:
        self.ids = tokens[:, None]

    def _keep(self, index: torch.Tensor) -> None:
        super()._keep(index)
        self.cache.reorder_cache(index)
        self.ids, self.mask = self.ids[index], self.mask[index]
        self.encoded.last_hidden_state = self.encoded.last_hidden_state[index]


def is_memory(error: BaseException) -> bool:
    """Whether this is how running out of memory looks."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()  # the CPU allocator raises a bare RuntimeError
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
