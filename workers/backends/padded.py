"""The engine for a processor: padded batches of rows of like length, whose rows leave as they end and are replaced.

It holds the batch within a number of rows and of tokens (rows × the longest of them), and where that was still too much
for the memory, it halves.
"""

import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from workers.backends.base import Config
from workers.backends.chat import first_line
from workers.backends.decoding import Batch, Row, StepError, Words, decode, errors_of_a_step

logger = logging.getLogger(__name__)

# Rows of a batch. On two cores a batch of 32 was the fastest for a model of 135M; a GPU has room for more at a time.
WIDTH = {"cuda": 128}
WIDTH_OF_A_PROCESSOR = 32
# So many batches' worth of rows are sorted by length at a time.
WINDOW = 4
# The share of the free memory that keys and values may take. Joining and leaving copy them, a layer at a time.
SHARE_OF_MEMORY = 0.5


class Padded:
    """Makes rows in padded batches. ``make`` puts rows into a batch of the model's kind."""

    made_by: Mapping[str, str] = {"engine": "padded batches"}

    def __init__(self, make: Callable[[Sequence[Row]], Batch], words: Words, *, width: int, budget: int) -> None:
        self.width, self.budget = width, budget
        self._make, self._words = make, words
        # Rows × tokens of the smallest batch that did not fit into memory: no batch that large is tried again.
        self._too_large = float("inf")

    def make_all(self, rows: Sequence[Row], heartbeat: Callable[[], None] | None = None) -> None:
        """Decode the rows in one batch, or in halves of it, and halves of those, where it fails.

        A batch that is too large for the memory so shrinks until it fits, and a row that breaks the model fails
        alone.
        """
        if not rows:
            return
        if self._size(rows) < self._too_large or len(rows) == 1:
            try:
                decode(self._batch(rows), self._words, heartbeat=heartbeat)
                return
            except StepError as error:
                message, memory = first_line(error), error.memory
            # Only here, past the except block: until then the traceback holds on to the batch's tensors.
            rows = self._begin_again(rows, memory=memory)
            if len(rows) == 1:
                rows[0].error, rows[0].retry = _why(rows[0], message, memory=memory), memory
                return
        self._halve(rows, heartbeat)

    def serve(
        self,
        feed: Callable[[int], Sequence[Row]],
        emit: Callable[[Sequence[Row]], None],
        heartbeat: Callable[[], None] | None = None,
    ) -> None:
        """Make what ``feed`` gives until it gives no more, and ``emit`` each row once as it has ended."""
        waiting: list[Row] = []
        while True:
            if not waiting:
                self._ask(waiting, feed)
            if not waiting:
                return
            self._run(self._choose(waiting, self.width, 0, 0), waiting, feed, emit, heartbeat)

    def _run(
        self,
        rows: list[Row],
        waiting: list[Row],
        feed: Callable[[int], Sequence[Row]],
        emit: Callable[[Sequence[Row]], None],
        heartbeat: Callable[[], None] | None,
    ) -> None:
        """One running batch: from the first rows on until it is empty, or breaks and is made in halves."""
        running = list(rows)

        def done(ended: Sequence[Row]) -> None:
            for row in ended:
                running.remove(row)
            emit(ended)

        def refill(batch: Batch) -> Batch | None:
            if not batch.can_join:
                return None
            room = self.width - len(batch.rows)
            if len(waiting) < room:
                self._ask(waiting, feed)
            longest = max(batch.width + row.left for row in batch.rows)
            others = self._choose(waiting, room, len(batch.rows), longest, batch.width)
            running.extend(others)
            return self._batch(others) if others else None

        try:
            decode(self._batch(rows), self._words, heartbeat=heartbeat, refill=refill, done=done)
            return
        except StepError as error:
            message, memory = first_line(error), error.memory
        logger.warning("A batch of %d rows failed and is made in halves: %s", len(running), message)
        left = self._begin_again(running, memory=memory)
        if len(running) == 1 and left:
            left[0].error, left[0].retry = _why(left[0], message, memory=memory), memory
        else:
            self._halve(left, heartbeat)
        emit(running)

    def _ask(self, waiting: list[Row], feed: Callable[[int], Sequence[Row]]) -> None:
        """Fill the window, sorted so that the longest are at its end."""
        waiting += feed(WINDOW * self.width - len(waiting))
        waiting.sort(key=lambda row: (len(row.prompt), row.sampling.max_new_tokens))

    def _choose(self, waiting: list[Row], room: int, beside: int, longest: int, width: int = 0) -> list[Row]:
        """Take the longest waiting rows, as many as there is room for beside the rows that run.

        ``longest`` is how many columns those may come to take, ``width`` how many they take now. A row that is too
        long for the budget still runs alone.
        """
        limit = min(self.budget, self._too_large - 1)
        chosen: list[Row] = []
        while waiting and len(chosen) < room:
            row = waiting[-1]
            columns = max(longest, max(width, len(row.prompt)) + row.sampling.max_new_tokens)
            if beside + len(chosen) and (beside + len(chosen) + 1) * columns > limit:
                break
            longest = columns
            chosen.append(waiting.pop())
        return chosen

    def _batch(self, rows: Sequence[Row]) -> Batch:
        for row in rows:
            row.made_by = self.made_by
        with torch.inference_mode(), errors_of_a_step():
            return self._make(rows)

    def _begin_again(self, rows: Sequence[Row], *, memory: bool) -> list[Row]:
        """The rows that had not ended, with nothing made; where the memory ran out, remember for how many."""
        free_memory()
        if memory and len(rows) > 1:
            size = self._size(rows)
            self._too_large = min(self._too_large, size)
            logger.warning("%d rows of up to %d tokens do not fit into memory.", len(rows), size // len(rows))
        left = [row for row in rows if not row.ended]
        for row in left:
            row.start_again()
        return left

    def _halve(self, rows: Sequence[Row], heartbeat: Callable[[], None] | None) -> None:
        middle = len(rows) // 2
        self.make_all(rows[:middle], heartbeat)
        self.make_all(rows[middle:], heartbeat)

    @staticmethod
    def _size(rows: Sequence[Row]) -> int:
        return len(rows) * max(len(row.prompt) + row.sampling.max_new_tokens for row in rows)


def budget(model: Any) -> int:
    """How many tokens' keys and values fit into the memory that is free beside the model."""
    import psutil

    settings = model.config.get_text_config(decoder=True)
    heads = getattr(settings, "num_key_value_heads", None) or settings.num_attention_heads
    size = getattr(settings, "head_dim", None) or settings.hidden_size // settings.num_attention_heads
    layers = getattr(settings, "num_decoder_layers", None) or settings.num_hidden_layers
    bytes_a_token = 2 * layers * heads * size * model.dtype.itemsize
    on_gpu = model.device.type == "cuda"
    free: int = torch.cuda.mem_get_info(model.device)[0] if on_gpu else psutil.virtual_memory().available
    return max(1, int(SHARE_OF_MEMORY * free / bytes_a_token))


def width(model: Any, config: Config) -> int:
    """How many rows a batch of this model has: as many as suit the device, where nobody says otherwise."""
    return config.width or WIDTH.get(model.device.type, WIDTH_OF_A_PROCESSOR)


def free_memory() -> None:
    """Give back what nobody holds any more, the device's too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _why(row: Row, message: str, *, memory: bool) -> str:
    if memory:
        return (
            f"There is not enough memory for this row alone: {len(row.prompt)} prompt tokens and up to "
            f"{row.sampling.max_new_tokens} new ones."
        )
    return f"The model failed on this row: {message}"
