"""What the models that run in this process have in common: requests in, rows through an engine, outcomes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workers.backends.base import (
    Emit,
    Failure,
    Feed,
    GeneratorError,
    Outcome,
    Request,
    Result,
    RowError,
    check_request,
)
from workers.backends.fitting import Prompt

if TYPE_CHECKING:
    from workers.backends.continuous import Continuous
    from workers.backends.decoding import Row, Words
    from workers.backends.padded import Padded


class RunningModel:
    """A model in memory. A kind of model says what it is given for a request (``_prompt``).

    ``padded`` makes any row; ``continuous``, where there is one, is what ``serve`` uses.
    """

    def __init__(
        self,
        model: Any,
        words: Words,
        provenance: dict[str, Any],
        padded: Padded,
        continuous: Continuous | None = None,
    ) -> None:
        self._model: Any | None = model
        self._words = words
        self._provenance = provenance
        self._padded: Padded | None = padded
        self._continuous = continuous
        self._vocabulary: int = model.get_input_embeddings().weight.shape[0]

    def generate(self, requests: Sequence[Request], heartbeat: Callable[[], None] | None = None) -> list[Outcome]:
        """See ``base.Loaded``. Rows of like length and like ``max_new_tokens`` make the best batches."""
        padded = self._open()
        outcomes: list[Outcome] = []
        for start in range(0, len(requests), padded.width):
            some = requests[start : start + padded.width]
            asked = [self._row(request) for request in some]
            padded.make_all([row for row, _ in asked if not row.ended], heartbeat)
            outcomes += [
                self._outcome(request, row, prompt) for request, (row, prompt) in zip(some, asked, strict=True)
            ]
        return outcomes

    def serve(self, feed: Feed, emit: Emit, heartbeat: Callable[[], None] | None = None) -> None:
        """See ``base.Loaded``."""
        padded = self._open()
        engine = self._continuous or padded
        asked: dict[Row, tuple[Request, Prompt | None]] = {}

        def rows(number: int) -> list[Row]:
            """At most so many rows that can be made; those that cannot are answered at once."""
            while requests := feed(number):
                new = []
                for request in requests:
                    row, prompt = self._row(request)
                    asked[row] = request, prompt
                    new.append(row)
                give([row for row in new if row.ended])
                if usable := [row for row in new if not row.ended]:
                    return usable
            return []

        def give(ended: Sequence[Row]) -> None:
            if ended:
                emit([self._outcome(request, row, prompt) for row in ended for request, prompt in [asked.pop(row)]])

        engine.serve(rows, give, heartbeat)

    def describe(self) -> dict[str, Any]:
        """What made a completion, down to the versions and the hashes."""
        return dict(self._provenance)

    def close(self) -> None:
        """Give the memory back, the device's too."""
        from workers.backends.padded import free_memory

        self._model = self._padded = self._continuous = None
        free_memory()

    def _open(self) -> Padded:
        if self._padded is None:
            raise GeneratorError("The model has been closed.")
        return self._padded

    def _prompt(self, request: Request) -> Prompt:
        """What the model is given. Raises RowError where the request cannot be written for it, or does not fit."""
        raise NotImplementedError

    def _row(self, request: Request) -> tuple[Row, Prompt | None]:
        """The row of a request; one that has ended with its error where there is no prompt for it."""
        from workers.backends.decoding import Row

        try:
            check_request(request)
            prompt = self._prompt(request)
            if not prompt.ids:
                raise RowError("The prompt is empty once it is written for the model.")
            if max(prompt.ids) >= self._vocabulary:  # on a GPU this would take the whole process down
                raise RowError("The tokenizer made a token that the model does not have: they do not belong together.")
        except RowError as error:
            return Row([], request.sampling, request.seed, error=str(error)), None
        return Row(prompt.ids, request.sampling, request.seed), prompt

    def _outcome(self, request: Request, row: Row, prompt: Prompt | None) -> Outcome:
        if row.finish_reason is None or prompt is None:
            return Failure(
                request.id,
                row.error,
                row.retry,
                prompt_tokens=len(row.prompt) if row.tokens else 0,
                completion_tokens=len(row.tokens),
            )
        text = row.text
        if text is None:
            text = self._words.read(row.tokens[:-1] if row.tokens[-1] in self._words.ends else row.tokens)
        return Result(
            id=request.id,
            text=text,
            finish_reason=row.finish_reason,
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.tokens),
            seconds=row.seconds,
            seed=request.seed,
            provenance=self._provenance
            | prompt.as_json()
            | {**row.made_by, "sampling": request.sampling.as_json(), "seed": request.seed},
        )
