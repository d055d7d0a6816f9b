"""An event loop in a thread of its own, for a caller that must not be inside one."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Self

from workers.backends.base import Outcome, Request

# The resolver of names cannot be interrupted; its thread is then left behind and ends by itself.
JOIN_SECONDS = 5.0

Put = Callable[[Sequence[Outcome]], None]
# Answers requests that belong together: each exactly once, through Put.
Work = Callable[[Sequence[Request], Put], Awaitable[None]]


class Courier:
    """Takes requests to coroutines and brings outcomes back.

    ``feed``, ``emit`` and ``heartbeat`` use the caller's database connection, which belongs to the caller's thread, and
    Django refuses to use one in a thread that has a running event loop. So the loop runs in another thread, which
    never sees them, and the two speak through queues. ``session`` is entered in that thread and gives what does the
    work.

    Leaving it cancels whatever is under way.
    """

    def __init__(self, session: Callable[[], AbstractAsyncContextManager[Work]]) -> None:
        self._session = session
        self._brought: queue.SimpleQueue[Sequence[Outcome] | BaseException] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._inbox: asyncio.Queue[Sequence[Request]] | None = None
        self._thread = threading.Thread(target=self._run, name="requests", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop and self._main:
            try:
                self._loop.call_soon_threadsafe(self._main.cancel)
            except RuntimeError:  # the loop has ended by itself, by an error
                pass
        self._thread.join(JOIN_SECONDS)

    def send(self, requests: Sequence[Request]) -> None:
        """Have requests answered that belong together. Never waits."""
        if self._loop and self._inbox:
            try:
                self._loop.call_soon_threadsafe(self._inbox.put_nowait, requests)
            except RuntimeError:  # as above: `take` tells which error
                pass

    def take(self, seconds: float) -> tuple[list[Outcome], BaseException | None]:
        """What has come, after at most so many seconds, and the error that ends all if there was one."""
        outcomes: list[Outcome] = []
        try:
            brought = self._brought.get(timeout=seconds)
            while True:
                if isinstance(brought, BaseException):
                    return outcomes, brought
                outcomes += brought
                brought = self._brought.get_nowait()
        except queue.Empty:
            return outcomes, None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # whatever it is, the caller is the one to know
            self._brought.put(error)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with self._session() as work, asyncio.TaskGroup() as tasks:
            self._loop, self._main, self._inbox = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Queue()
            self._ready.set()
            while True:
                tasks.create_task(self._answer(work, await self._inbox.get()))

    async def _answer(self, work: Work, requests: Sequence[Request]) -> None:
        try:
            await work(requests, self._brought.put)
        except Exception as error:
            self._brought.put(error)
