"""What tests of the `openai` backend start from. A test module takes the fixtures by naming them."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.workers.backends.asking import ask
from tests.workers.backends.openai_server import Server
from workers.backends.base import Config, Failure, GeneratorError, Result, clean_options
from workers.backends.calls import Pace
from workers.backends.openai import OpenAI, OpenAIModel

KEY = "sk-proj-1234567890abcdefghij"


class Clock:
    """Time that passes where somebody sleeps, and only there. ``slept`` is by how much each time."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)

    def pace(self) -> Pace:
        """Pauses by this clock: 1 second after the first try, then 2, 4, without chance."""
        return Pace(
            first=1.0,
            clock=lambda: self.seconds,
            now=lambda: datetime(2026, 10, 21, 7, 27, 53, tzinfo=UTC),
            sleep=self.sleep,
            jitter=lambda: 1.0,
        )


@pytest.fixture
def clock() -> Clock:
    """The clock of the test's pauses."""
    return Clock()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, named ``toy`` to the backend."""
    with Server() as running:
        monkeypatch.setenv("GENERATION_ENDPOINTS", f"other=https://example.org/v1 toy={running.address}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


Load = Callable[..., OpenAIModel]


@pytest.fixture
def load(server: Server, clock: Clock) -> Load:
    """Load the model ``toy`` with these options, its pauses on the test's clock."""

    def load(model: str = "toy", **options: Any) -> OpenAIModel:
        cleaned = clean_options(OpenAI().options, {"endpoint": "toy"} | options)
        return OpenAI(clock.pace()).load(Config(model, options=cleaned))

    return load


def failure(model: OpenAIModel, text: str) -> Failure:
    """How a row fails, between two neighbours that must not notice."""
    before, failed, after = model.generate([ask("One"), ask(text), ask("Two")])
    assert isinstance(before, Result)
    assert isinstance(after, Result)
    assert isinstance(failed, Failure)
    return failed


def broken(model: OpenAIModel, text: str = "Hi") -> GeneratorError:
    """How a row stops the whole generator."""
    with pytest.raises(GeneratorError) as caught:
        model.generate([ask(text)])
    return caught.value
