"""The engine for a GPU: transformers' continuous batching, with rows streamed in and out of a running batch.

A row that ends frees its place in the paged cache at once, so that a short completion never waits for a long one. Each
row keeps a seed and sampling settings of its own: instead of transformers' samplers, ``RowSampler`` picks the tokens,
with the very numbers that the padded batches draw by. It knows which number is due from the row's place in its own
text, not from the step, so that a row that was put off and read again goes on where it was.
"""

import gc
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workers.backends.decoding import Row, Words, is_memory, take
from workers.backends.padded import Padded, budget, free_memory
from workers.backends.picking import draws_of, pick, pick_on_device

logger = logging.getLogger(__name__)

IN_FLIGHT = {"cuda": 256, "cpu": 32}
FEWEST_IN_FLIGHT = 8
# New rows are asked for once so much of the room is free, so that a queue is not asked for one row at a time.
ROOM_SHARE = 1 / 16
BEAT = 0.05  # seconds: how long to wait for a row to end before the heartbeat
# After so many sessions that broke, this model is served in padded batches.
MOST_BROKEN = 3
SHARE_OF_MEMORY = 0.8
PAGE = 256  # tokens; what the flash attention kernels want
CPU_BATCH_TOKENS = 1024
# Where the numbers of rows with unusable logits are noted: rows so far apart are never on their way together.
MARKS = 2**20


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sampler must know of a row: its number, its settings and the random numbers of all its tokens."""

    number: int
    prompt_tokens: int
    temperature: float
    top_p: float
    least: int
    draws: list[float]

    def __deepcopy__(self, memo: object) -> "Plan":
        """Itself: transformers copies it for every row that is put off."""
        return self


class RowSampler:
    """Picks each row's token by its own plan; stands where transformers has its list of logits processors.

    What it is given for a step stands in five lines of whole numbers, a column for each row: the draw, the temperature
    and top_p (floats, bit by bit), whether end tokens are barred, and the row's number. What it returns is -inf for
    all tokens but the picked one. ``captured`` says that the steps are recorded into CUDA graphs.
    """

    tensors_required = 5
    do_processing = True

    def __init__(self, words: Words, device: torch.device, *, captured: bool) -> None:
        self._pick = pick_on_device if captured else pick
        self._ends = torch.tensor(sorted(words.ends), dtype=torch.long, device=device)
        # Where rows with unusable logits leave their number; the last place is for columns that are no row's.
        self._marks = torch.full((MARKS + 1,), -1, dtype=torch.int32, device=device)

    def was_unusable(self, number: int) -> bool:
        """Whether the model gave this row numbers that nothing can be drawn from."""
        return int(self._marks[number % MARKS]) == number

    def check_kwargs(self, kwargs: dict[str, Any]) -> None:
        """Part of what is replaced: there is nothing to check."""

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        """Part of what is replaced: what stands in columns that are no row's."""
        int32_tensor.zero_()
        int32_tensor[4] = -1

    def prepare_tensor_args(self, requests_in_batch: Sequence[Any], arg_storage: torch.Tensor) -> torch.Tensor:
        """Write the five lines for the rows that get a token in this step."""
        floats: list[tuple[float, float, float]] = []
        whole: list[tuple[int, int]] = []
        for request in requests_in_batch:
            if not request.has_new_token:
                continue
            plan: Plan | None = request.state.logit_processor_kwargs.get("plan")
            if plan is None:  # transformers' own, to warm up
                floats.append((0.0, 0.0, 1.0))
                whole.append((0, -1))
                continue
            # The step has been counted in already, and of a row that was put off its tokens are read again, so this
            # is its place in its own text. Steps may be planned ahead of a row's end: they take the last number again.
            place = request.state.position_offset - plan.prompt_tokens
            floats.append((plan.draws[min(place, len(plan.draws) - 1)], plan.temperature, plan.top_p))
            whole.append((int(place < plan.least), plan.number))
        lines = torch.zeros(5, arg_storage.shape[1], dtype=torch.int32)
        lines[4] = -1
        lines[:3, : len(floats)] = torch.tensor(floats, dtype=torch.float32).view(torch.int32).T
        lines[3:, : len(whole)] = torch.tensor(whole, dtype=torch.int32).T
        arg_storage.copy_(lines)
        return arg_storage

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, logits_processor_args: torch.Tensor
    ) -> torch.Tensor:
        """-inf for every token but the one that is picked, for each row of ``scores`` (B, V)."""
        lines = logits_processor_args[:, : scores.shape[0]]
        draws, temperature, top_p = lines[:3].contiguous().view(torch.float32).unbind()
        barred, numbers = lines[3] > 0, lines[4]
        ends = scores.index_select(1, self._ends)
        scores = scores.index_copy(1, self._ends, ends.masked_fill(barred[:, None], -torch.inf))
        tokens, usable = self._pick(scores, draws, temperature, top_p)
        places = torch.where(numbers < 0, MARKS, numbers % MARKS).long()
        self._marks.scatter_(0, places, torch.where(usable, self._marks[places], numbers))
        if len(self._ends):  # a row that is spoilt ends here
            tokens = torch.where(usable, tokens, self._ends[0])
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens[:, None], 0.0)


class Continuous:
    """Makes rows by continuous batching; those it cannot make go to ``padded``, which finds out why.

    ``padded`` also takes over where continuous batching itself breaks, so that no row is lost to it.
    """

    def __init__(self, model: Any, words: Words, padded: Padded, *, in_flight: int = 0) -> None:
        self._model, self._words, self._padded = model, words, padded
        self.in_flight = in_flight or IN_FLIGHT.get(model.device.type, FEWEST_IN_FLIGHT)
        self._numbers = itertools.count()
        self._broken = 0
        self.made_by = {"engine": "continuous batching", "attention": _paged(model.config._attn_implementation)}

    def serve(
        self,
        feed: Callable[[int], Sequence[Row]],
        emit: Callable[[Sequence[Row]], None],
        heartbeat: Callable[[], None] | None = None,
    ) -> None:
        """Make what ``feed`` gives until it gives no more, and ``emit`` each row once as it has ended."""
        while self._broken < MOST_BROKEN and (first := feed(self.in_flight)):
            session = _Session(self, first, feed, emit, heartbeat)
            left = session.run()
            if session.error is not None:
                self._note(session.error)
            for start in range(0, len(left), self._padded.width):
                some = left[start : start + self._padded.width]
                self._padded.make_all(some, heartbeat)
                emit(some)
        if self._broken >= MOST_BROKEN:
            self._padded.serve(feed, emit, heartbeat)

    def _note(self, error: Exception) -> None:
        if isinstance(error, torch.AcceleratorError):  # the device is lost to this process
            raise error
        logger.warning("Continuous batching broke off, its rows are made in padded batches: %s", error)
        if is_memory(error) and self.in_flight > FEWEST_IN_FLIGHT:
            self.in_flight = max(FEWEST_IN_FLIGHT, self.in_flight // 2)
        else:
            self._broken += 1

    def start(self) -> tuple[Any, RowSampler]:
        """A manager that is ready to take rows, and the sampler in it."""
        from transformers import ContinuousBatchingConfig, GenerationConfig

        device = self._model.device
        settings: dict[str, Any] = {"page_size": PAGE}
        if device.type == "cpu":
            context = getattr(self._model.config.get_text_config(), "max_position_embeddings", 4096)
            tokens = min(self.in_flight * context, budget(self._model))
            settings = {"page_size": 32, "num_blocks": -(-tokens // 32), "max_batch_tokens": CPU_BATCH_TOKENS}
        else:
            settings["max_memory_percent"] = _share_of_memory(device)
        manager = self._model.init_continuous_batching(
            generation_config=GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=self._words.pad),
            continuous_batching_config=ContinuousBatchingConfig(
                max_requests_per_batch=self.in_flight, auto_switch_to_flash=False, **settings
            ),
        )
        captured = any(manager.continuous_batching_config.cuda_graph_booleans)
        sampler = RowSampler(self._words, device, captured=captured)
        manager.logit_processor = sampler
        manager.start()
        return manager, sampler

    def add(self, manager: Any, row: Row) -> int | None:
        """Hand a row over. Returns its number, or None where the manager takes no more."""
        sampling, number = row.sampling, next(self._numbers)
        plan = Plan(
            number,
            len(row.prompt),
            float(sampling.temperature),
            float(sampling.top_p),
            sampling.min_new_tokens,
            draws_of(row.seed, sampling.max_new_tokens).tolist() if sampling.temperature > 0 else [0.0],
        )
        taken = manager.add_request(
            row.prompt,
            request_id=str(number),
            max_new_tokens=sampling.max_new_tokens,
            streaming=bool(sampling.stop),  # to see a stop text as it comes up
            eos_token_id=list(self._words.ends),
            plan=plan,
        )
        return None if taken is None else number

    @property
    def words(self) -> Words:
        """What is known of the tokenizer."""
        return self._words


class _Session:
    """One run of a manager: from the first rows until nothing is fed and nothing is on its way, or until it breaks."""

    def __init__(
        self,
        engine: Continuous,
        first: Sequence[Row],
        feed: Callable[[int], Sequence[Row]],
        emit: Callable[[Sequence[Row]], None],
        heartbeat: Callable[[], None] | None,
    ) -> None:
        self._engine, self._feed, self._emit, self._heartbeat = engine, feed, emit, heartbeat
        self._waiting = list(first)
        self._flying: dict[str, Row] = {}
        # Rows that this way of making them failed.
        self._spoilt: list[Row] = []
        self.error: Exception | None = None

    def run(self) -> list[Row]:
        """Make the rows. Returns those that were not made, as if they had never been begun.

        Whatever the heartbeat raises stops everything first, and then reaches the caller.
        """
        try:
            manager, sampler = self._engine.start()
        except (RuntimeError, ValueError, MemoryError) as error:
            self.error = error
            return self._waiting
        try:
            self._loop(manager, sampler)
            hard = self.error is not None
        except BaseException:
            hard = True
            raise
        finally:
            manager.stop(block=True, hard_stop=hard)
            manager.destroy()
            del manager, sampler
            gc.collect()
        left = [*self._spoilt, *self._flying.values(), *self._waiting]
        for row in left:
            row.start_again()
        if left:
            free_memory()
        return left

    def _loop(self, manager: Any, sampler: RowSampler) -> None:
        clock = time.perf_counter()
        while True:
            self._fill(manager)
            if not self._flying:
                return
            ended = self._collect(manager, sampler)
            now = time.perf_counter()
            share = (now - clock) / (len(self._flying) + len(ended))
            for row in (*self._flying.values(), *ended):
                row.seconds += share
            clock = now
            if made := [row for row in ended if row.ended]:
                self._emit(made)
            if self._heartbeat is not None:
                self._heartbeat()
            if self.error is not None:
                return

    def _fill(self, manager: Any) -> None:
        """Hand over what there is room for, and ask for more. A session that spoils rows takes no more of them."""
        room = self._engine.in_flight - len(self._flying)
        if self._flying and room < max(1, self._engine.in_flight * ROOM_SHARE):
            return
        if not self._waiting and room and not self._spoilt:
            self._waiting = list(self._feed(room))
        while self._waiting and room:
            number = self._engine.add(manager, self._waiting[0])
            if number is None:
                return
            self._flying[str(number)] = self._waiting.pop(0)
            room -= 1

    def _collect(self, manager: Any, sampler: RowSampler) -> list[Row]:
        """What has come by now, after a moment's wait where nothing has: the rows that are on their way no more."""
        ended: list[Row] = []
        output = manager.get_result(timeout=BEAT)
        while output is not None:
            if (row := self._flying.get(output.request_id)) is not None:
                self._read(row, output, manager, sampler)
                if row.ended or row in self._spoilt[-1:]:
                    del self._flying[output.request_id]
                    ended.append(row)
            output = None if manager.output_router.output_queue.empty() else manager.get_result(timeout=0)
        if self.error is None and (fatal := manager.background_thread_status.fatal_error) is not None:
            self.error = fatal
        elif self.error is None and not manager.is_running():
            self.error = RuntimeError("The thread of continuous batching has ended.")
        return ended

    def _read(self, row: Row, output: Any, manager: Any, sampler: RowSampler) -> None:
        """Take a row's new tokens. Where it cannot be made like this, it counts as spoilt."""
        if output.error is not None:
            self._spoilt.append(row)
            return
        for token in output.generated_tokens[len(row.tokens) :]:
            take(row, token, True, self._engine.words)
            if row.ended:
                break
        if row.ended and not output.is_finished():  # by a stop text, of which the manager knows nothing
            manager.cancel_request(output.request_id)
        if row.ended and sampler.was_unusable(int(output.request_id)):
            row.finish_reason, row.text = None, None
            self._spoilt.append(row)
        elif row.ended:
            row.made_by = self._engine.made_by


def why_not(model: Any) -> str:
    """Why this model cannot be served by continuous batching; blank where it can."""
    from transformers.generation.continuous_batching.cache import ATTN_TYPE_TO_ALLOCATOR, group_layers_by_attn_type

    if not getattr(model, "_supports_attention_backend", False):
        return f"{type(model).__name__} cannot be served by continuous batching: use padded batches."
    if len(set(getattr(model, "hf_device_map", {}).values())) > 1:
        return "A model that is spread over devices cannot be served by continuous batching: use padded batches."
    try:
        kinds = group_layers_by_attn_type(model.config.get_text_config())
    except ValueError as error:
        return f"{type(model).__name__} cannot be served by continuous batching: {error}"
    if not kinds.keys() <= ATTN_TYPE_TO_ALLOCATOR.keys():
        return f"{type(model).__name__} cannot be served by continuous batching: use padded batches."
    return ""


def _paged(attention: str) -> str:
    """The attention that continuous batching uses where the model has this one."""
    return "paged|eager" if attention == "eager" else attention


def _share_of_memory(device: torch.device) -> float:
    """How much of what transformers takes for free memory may be used: others may hold some of the device."""
    free, total = torch.cuda.mem_get_info(device)
    reserved, allocated = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
    really = free + reserved - allocated
    taken_for_free = max(1, total - max(reserved, allocated))
    return min(SHARE_OF_MEMORY, float(SHARE_OF_MEMORY * really / taken_for_free))
