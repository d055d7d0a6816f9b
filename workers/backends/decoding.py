"""The decoding loop: one padded batch, a seed and sampling settings of its own for every row.

``transformers``' ``generate`` draws a whole batch from one random stream with one temperature, and runs every
row until the last one ends. Here each row has its own stream, so it makes the same text alone and in a batch
(up to the rounding of other matrix shapes), and rows that have ended leave the batch.
"""

import inspect
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache

from workers.backends.base import FinishReason, Sampling

# Ended rows leave once they are an eighth of the batch: each time costs a copy of the key/value cache, about
# as much as one step does.
ENDED_SHARE = 1 / 8
# How many of the likeliest tokens are looked at first for top_p; it grows where they do not hold enough.
NUCLEUS_GUESS = 256


@dataclass(slots=True)
class Row:
    """One row on its way. ``decode`` fills in all but the first three."""

    prompt: list[int]
    sampling: Sampling
    seed: int
    tokens: list[int] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    seconds: float = 0.0
    error: str = ""
    retry: bool = False

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to make: the completion is whole, or it has failed."""
        return self.finish_reason is not None or bool(self.error)

    def start_again(self) -> None:
        """Forget what was made, to be made in another batch. The time it took still counts."""
        self.tokens.clear()


class StepError(Exception):
    """The model could not take a step with this batch. ``memory``: because it ran out of memory."""

    def __init__(self, message: str, *, memory: bool) -> None:
        super().__init__(message)
        self.memory = memory


def decode(
    model: Any, rows: Sequence[Row], *, ends: Collection[int], pad: int, heartbeat: Callable[[], None] | None = None
) -> None:
    """Fill in the rows' tokens, one step for the whole batch at a time, until all have ended.

    ``ends`` are the token ids that end a turn, ``pad`` any token id: it stands left of the shorter prompts,
    masked. ``heartbeat`` is called after every step. Raises StepError; rows that had ended by then are whole.
    """
    with torch.inference_mode():
        with _errors_of_a_step():
            batch = _Batch(model, rows, pad)
        clock = time.perf_counter()
        while batch.rows:
            with _errors_of_a_step():
                tokens, usable = batch.step()
            now = time.perf_counter()
            unended = [row for row in batch.rows if not row.ended]
            for row, token, good in zip(batch.rows, tokens, usable, strict=True):
                if not row.ended:
                    row.seconds += (now - clock) / len(unended)
                    _take(row, token, good, ends)
            clock = now
            with _errors_of_a_step():
                batch.drop_ended()
            if heartbeat is not None:
                heartbeat()


@contextmanager
def _errors_of_a_step() -> Iterator[None]:
    """Whatever torch raises, as a StepError. Not around the heartbeat, whose errors are the caller's."""
    try:
        yield
    except torch.AcceleratorError:  # the device is lost to this process: no other batch can go better
        raise
    except (RuntimeError, MemoryError, IndexError, ValueError, TypeError) as error:
        raise StepError(str(error), memory=_is_memory(error)) from error


def _take(row: Row, token: int, usable: bool, ends: Collection[int]) -> None:
    if not usable:
        row.error = (
            "The model gave no usable probabilities (infinity or not a number). "
            "Another dtype, such as float32, may help."
        )
        return
    row.tokens.append(token)
    if token in ends:
        row.finish_reason = "stop"
    elif len(row.tokens) >= row.sampling.max_new_tokens:
        row.finish_reason = "length"


class _Batch:
    """The tensors of the rows that are being decoded. Shapes: B rows, T tokens so far, V words."""

    def __init__(self, model: Any, rows: Sequence[Row], pad: int) -> None:
        self.model, self.rows, self.device = model, list(rows), model.device
        width = max(len(row.prompt) for row in rows)
        gaps = [width - len(row.prompt) for row in rows]
        self.ids = self._tensor([[pad] * gap + row.prompt for gap, row in zip(gaps, rows, strict=True)])
        mask = self._tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
        # Positions count from each row's own first token, or a row's text would hang on its neighbours' lengths.
        self.positions = (mask.cumsum(-1) - 1).clamp(min=0)
        # Without a mask attention takes a faster way, so it is left out where nothing is padded.
        self.mask: torch.Tensor | None = mask if any(gaps) else None
        self.temperature = torch.tensor([row.sampling.temperature for row in rows], device=self.device)
        self.top_p = torch.tensor([row.sampling.top_p for row in rows], device=self.device)
        # Every row's random numbers, all at once (B, longest completion): drawn on the CPU, so that the same
        # seed draws the same numbers on every device.
        longest = max(row.sampling.max_new_tokens for row in rows)
        self.draws = torch.zeros(len(rows), longest)
        for number, row in enumerate(rows):
            stream = torch.Generator().manual_seed(row.seed)
            count = row.sampling.max_new_tokens
            self.draws[number, :count] = torch.rand(count, generator=stream)
        self.draws = self.draws.to(self.device)
        self.cache: Any = DynamicCache(config=model.config)
        self.steps = 0
        accepted = inspect.signature(model.forward).parameters
        self.has_positions = "position_ids" in accepted
        self.options: dict[str, Any] = {"use_cache": True, "return_dict": True}
        if "logits_to_keep" in accepted:  # else the logits of the whole prompt: B × T × V floats
            self.options["logits_to_keep"] = 1

    def step(self) -> tuple[list[int], list[bool]]:
        """The next token of each row, and whether the model gave numbers that one can draw from."""
        if self.has_positions:
            self.options["position_ids"] = self.positions
        output = self.model(input_ids=self.ids, attention_mask=self.mask, past_key_values=self.cache, **self.options)
        logits = output.logits[:, -1].float()
        tokens, usable = pick(logits, self.draws[:, self.steps], self.temperature, self.top_p)
        self.steps += 1
        self.ids = tokens[:, None]
        self.positions = self.positions[:, -1:] + 1
        if self.mask is not None:
            self.mask = torch.cat([self.mask, self.mask.new_ones(len(self.rows), 1)], dim=-1)
        return tokens.tolist(), usable.tolist()

    def drop_ended(self) -> None:
        """Take rows that have ended out of the batch, once there are enough of them to be worth it."""
        keep = [number for number, row in enumerate(self.rows) if not row.ended]
        if len(self.rows) - len(keep) < max(1, ENDED_SHARE * len(self.rows)):
            return
        self.rows = [self.rows[number] for number in keep]
        if not keep:
            return
        index = self._tensor(keep)
        self.cache.reorder_cache(index)  # meant for beams, but it is "these rows, in this order" for every cache layer
        self.ids, self.positions, self.draws = self.ids[index], self.positions[index], self.draws[index]
        self.temperature, self.top_p = self.temperature[index], self.top_p[index]
        if self.mask is not None:
            self.mask = self.mask[index]

    def _tensor(self, numbers: list[Any]) -> torch.Tensor:
        return torch.tensor(numbers, device=self.device)


def pick(
    logits: torch.Tensor, draws: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token for each row: the likeliest where its temperature is 0, else drawn by the row's own number.

    ``logits`` (B, V) float32; ``draws`` (B) uniform in [0, 1); ``temperature`` and ``top_p`` (B).
    Returns the token ids (B) and whether each row's logits were usable (B).
    """
    largest, tokens = logits.max(-1)
    usable = largest.isfinite()  # max hands on a NaN, and is infinite where all are -inf
    for chosen, draw in (
        ((temperature > 0) & (top_p >= 1) & usable, _draw_from_all),
        ((temperature > 0) & (top_p < 1) & usable, _draw_from_nucleus),
    ):
        index = chosen.nonzero()[:, 0]
        if len(index):
            probabilities = (logits[index] / temperature[index, None]).softmax(-1)
            tokens[index] = draw(probabilities, draws[index], top_p[index])
    return tokens, usable


def _draw_from_all(probabilities: torch.Tensor, draws: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    return _invert(probabilities, draws)


def _draw_from_nucleus(probabilities: torch.Tensor, draws: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Draw from the fewest likeliest tokens whose probabilities reach top_p, the one that reaches it included.

    Sorting the whole vocabulary in every step would cost more than the model does; a few hundred tokens
    nearly always hold enough.
    """
    words = probabilities.shape[-1]
    count = min(words, NUCLEUS_GUESS)
    while True:
        values, ids = probabilities.topk(count)
        held = values.cumsum(-1)
        if count == words or bool((held[:, -1] >= top_p).all()):
            break
        count = min(words, count * 8)
    weights = values * (held - values < top_p[:, None])
    # In the order of the vocabulary, not of the probabilities: where two tokens are nearly equal, rounding may
    # swap their ranks, and a draw must not jump with it.
    ids, order = ids.sort(-1)
    return ids.gather(-1, _invert(weights.gather(-1, order), draws)[:, None])[:, 0]


def _invert(weights: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """The index at which the running sum of ``weights`` (B, N) passes ``draws`` (B) of its total."""
    # float64, because 50,000 float32 additions would drift; and a float32 draw below 1 times the total then
    # cannot round up to the total, past the last token.
    sums = weights.double().cumsum(-1)
    return torch.searchsorted(sums, draws.double()[:, None] * sums[:, -1:], right=True)[:, 0]


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()  # the CPU allocator raises a bare RuntimeError
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
