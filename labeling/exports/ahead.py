"""Asking the database for what comes next while rows are made of what it gave: both work at the same time.

In pipeline mode a statement is sent and its answer read later. What needs the answers of several statements, one after
the other, goes through as many stages. All stages are at work at the same time, each on another batch of prompts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg.pq import TransactionStatus

from labeling.exports.groups import Answer, Connection

# How many prompts are fetched together: few at first, so that the first rows come at once; then as many as bring
# about so many characters of text, whether prompts are a line or a book. With the one that rows are made of, four
# batches are in memory, and one more for each of two things that are only looked up where they are asked for: groups,
# and prompts that are shuffled.
FIRST_PROMPTS, MOST_PROMPTS = 5, 50
TEXT_AT_ONCE = 500_000

# Gives so many of the next rows.
Fetch = Callable[[int], Answer]
# Takes what the stage before gives, reads what was asked for it, and may ask for more.
Stage = Callable[[Any], Any]


@contextmanager
def declared(own: Connection, name: str, statement: str, parameters: Mapping[str, Any]) -> Iterator[Fetch]:
    """A cursor of the server. Unlike psycopg's own it can be asked for rows in pipeline mode, which must end first."""
    own.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {statement}", parameters)
    try:
        yield lambda number: own.execute(f"FETCH FORWARD {number:d} FROM {name}")
    finally:
        # After an error there is no transaction to close it in, and no cursor any more.
        if own.info.transaction_status is TransactionStatus.INTRANS:
            own.execute(f"CLOSE {name}")


class Pace:
    """How many prompts to fetch next, by how much text the last ones were. `ended`: there are no more.

    Other batches are on their way when one is done: the longest of the last few counts, and what is known of a batch
    before it is done can only make the next one smaller.
    """

    def __init__(self) -> None:
        self.number = FIRST_PROMPTS
        self.ended = False
        self._lengths: deque[float] = deque(maxlen=12)

    def see(self, read: int, characters: int) -> None:
        """So many prompts come, with so many characters of their own."""
        self._lengths.append(characters / read)
        self.number = min(self.number, self._fit)

    def learn(self, read: int, characters: int) -> None:
        """So many prompts are done, with so many characters in all that belonged to them."""
        self._lengths.append(characters / read)
        self.number = min(MOST_PROMPTS, 2 * self.number, self._fit)

    @property
    def _fit(self) -> int:
        return max(1, int(TEXT_AT_ONCE / max(1, *self._lengths)))


def one_by_one(first: Callable[[], Any], stages: Sequence[Stage]) -> Generator[Any, None, None]:
    """What the last stage gives for all that `first` gives, which gives None at the end. A stage may give None too: of
    such a one nothing more comes.
    """
    while (found := first()) is not None:
        for stage in stages:
            found = stage(found)
            if found is None:
                break
        else:
            yield found


def at_once(own: Connection, first: Callable[[], Any], stages: Sequence[Stage]) -> Generator[Any, None, None]:
    """The same, and all stages are at work at the same time, each on another one: what they ask for is on its way while
    the last that is done is used.
    """
    waiting: list[Any] = [None] * (1 + len(stages))
    with own.pipeline() as pipeline:
        while True:
            # Everything that was sent is read before anything else is sent: psycopg reads no answer without the others.
            pipeline.sync()
            done = waiting.pop()
            passed_on = [*map(_pass_on, stages, waiting)]
            waiting = [first(), *passed_on]  # new ones last: by then it is known how long the newest are
            own.pgconn.send_flush_request()  # or the server would keep the end of its last answer
            own.pgconn.flush()
            if done is not None:
                yield done
            elif all(one is None for one in waiting):
                return


def _pass_on(stage: Stage, found: Any) -> Any:
    return None if found is None else stage(found)
