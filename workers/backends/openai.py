"""Any server that speaks OpenAI's chat completions protocol: OpenAI, Azure, vLLM, TGI, llama.cpp, Ollama.

``endpoints.py`` says which servers there are, ``completions.py`` what is sent and how replies are read, ``calls.py``
how often it is tried, and ``courier.py`` runs the calls beside the caller.

Light to import: httpx comes in with ``load``.
"""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

from workers.backends import completions, endpoints
from workers.backends.base import (
    Config,
    Emit,
    Failure,
    Feed,
    GeneratorError,
    Option,
    Outcome,
    Request,
    Result,
    RowError,
    check_request,
)
from workers.backends.completions import Choice, Completion, Reply, Settings, Unanswered
from workers.backends.courier import Courier, Put, Work

if TYPE_CHECKING:
    from workers.backends.calls import Caller, Pace

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
MAX_TOKENS_FIELDS = ("max_tokens", "max_completion_tokens")
# The least and the most that each number may be.
BOUNDS = {
    "in_flight": (1, 512),
    "timeout": (0.1, 3600),
    "retries": (1, 10),
    "price_in": (0, 100_000),
    "price_out": (0, 100_000),
}


@dataclass(frozen=True)
class OpenAI:
    """The backend's line in the table. ``pace`` is for tests that bring a clock of their own."""

    pace: "Pace | None" = None
    name = "openai"
    title = "Chat completions endpoint (OpenAI, vLLM and others)"
    options = (
        Option("endpoint", "Endpoint", "One of those that an operator has named for this site."),
        Option("in_flight", "At once", "Responses that are asked for at the same time.", "number", (), 8, True),
        Option("timeout", "Timeout", "Seconds to wait for an answer before trying again.", "number", (), 120),
        Option("retries", "Tries", "How often a request is tried, the first time included.", "number", (), 4, True),
        Option("several", "Several per call", "Asks for the samples of a prompt in one call (n).", "flag", (), False),
        Option("price_in", "Price in", "For a million tokens of prompts.", "number", (), 0),
        Option("price_out", "Price out", "For a million tokens of responses.", "number", (), 0),
        Option(
            "max_tokens_field",
            "Name of the limit",
            "What the server calls the limit of new tokens. OpenAI's newer models want the second.",
            "choice",
            MAX_TOKENS_FIELDS,
            MAX_TOKENS_FIELDS[0],
        ),
        Option("seed", "Send seeds", "Off for servers that refuse a seed.", "flag", (), True),
    )

    def check(self, config: Config) -> None:
        """Whether an operator has named the endpoint, and whether the numbers make sense. Looks at no key."""
        self._settings(config)

    def load(self, config: Config) -> "OpenAIModel":
        """Ready at once: nothing is asked of the endpoint yet, so that it may still be starting."""
        settings = self._settings(config)
        key = endpoints.key_of(settings.endpoint, os.environ)
        try:
            from workers.backends.calls import Caller, Pace
        except ImportError as error:
            raise GeneratorError(f"A library for endpoints is missing here: {error.name}.") from error
        return OpenAIModel(settings, Caller(settings, key, self.pace or Pace()))

    def _settings(self, config: Config) -> Settings:
        given = {option.name: option.default for option in self.options} | dict(config.options)
        errors: dict[str, str] = {}
        if config.revision:
            errors["revision"] = "An endpoint has no revisions. Leave it blank, and name a dated model."
        for name, (least, most) in BOUNDS.items():
            if not least <= given[name] <= most:
                errors[name] = f"Must be from {least:g} to {most:g}, not {given[name]:g}."
        try:
            given["endpoint"] = endpoints.find(given["endpoint"], os.environ)
        except GeneratorError as error:
            errors |= error.errors
        if errors:
            raise GeneratorError.of(errors)
        if config.width:
            given["in_flight"] = min(given["in_flight"], config.width)
        return Settings(model=config.model.strip(), **{option.name: given[option.name] for option in self.options})


class OpenAIModel:
    """A model behind an endpoint."""

    def __init__(self, settings: Settings, caller: "Caller") -> None:
        self._settings = settings
        self._caller = caller
        self._closed = False
        self._several = settings.several

    def generate(self, requests: Sequence[Request], heartbeat: Callable[[], None] | None = None) -> list[Outcome]:
        """See ``base.Loaded``."""
        # Ids are the caller's own and may come twice; numbers do not.
        waiting = deque(replace(request, id=str(number)) for number, request in enumerate(requests))
        made: dict[int, Outcome] = {}

        def feed(most: int) -> list[Request]:
            return [waiting.popleft() for _ in range(min(most, len(waiting)))]

        def emit(outcomes: Sequence[Outcome]) -> None:
            for outcome in outcomes:
                number = int(outcome.id)
                made[number] = replace(outcome, id=requests[number].id)

        self.serve(feed, emit, heartbeat)
        return [made[number] for number in range(len(requests))]

    def serve(self, feed: Feed, emit: Emit, heartbeat: Callable[[], None] | None = None) -> None:
        """See ``base.Loaded``. A heartbeat whenever something came, and twice a second while nothing does."""
        if self._closed:
            raise GeneratorError("The model has been closed.")
        going = 0
        with Courier(self._session) as courier:
            while True:
                free = self._settings.in_flight - going
                requests = feed(free) if free > 0 else ()
                for group in self._groups(requests):
                    courier.send(group)
                going += len(requests)
                if not going:
                    return
                if heartbeat is not None:
                    heartbeat()
                outcomes, error = courier.take(BEAT_SECONDS)
                if outcomes:
                    emit(outcomes)
                    going -= len(outcomes)
                if error is not None:
                    raise error

    def describe(self) -> dict[str, Any]:
        """What is asked, and where. Of the address no more than its host."""
        return {
            "backend": OpenAI.name,
            "model": self._settings.model,
            "revision": "",
            "endpoint": self._settings.endpoint.name,
            "host": self._settings.endpoint.host,
            "versions": {"httpx": metadata.version("httpx")},
        }

    def close(self) -> None:
        """There is nothing to give back: connections end with ``serve``."""
        self._closed = True

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Work]:
        async with self._caller.connected() as client:
            yield _Session(self, self._settings, partial(self._caller.ask, client)).answer

    def ask_one_by_one(self) -> None:
        """From now on, because the endpoint cannot do more in one call."""
        if self._several:
            logger.warning("The endpoint %s ignores n: it is asked once for each response.", self._settings.endpoint)
        self._several = False

    def _groups(self, requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
        """Requests that one call can answer: samples of the same prompt, where that is wanted and the server can."""
        groups: dict[object, list[Request]] = {}
        for number, request in enumerate(requests):
            alike = (repr(request.messages), request.sampling) if self._several else number
            groups.setdefault(alike, []).append(request)
        yield from groups.values()


class _Session:
    """Answers requests for as long as its connections last. Lives in the event loop's thread."""

    def __init__(self, model: OpenAIModel, settings: Settings, ask: Callable[[bytes], Awaitable[Reply]]) -> None:
        self._model = model
        self._settings = settings
        self._ask = ask
        self._busy = _Busy()

    async def answer(self, requests: Sequence[Request], put: Put) -> None:
        """Answer samples of one prompt, in one call where that brings them all."""
        rows: list[_Row] = []
        for request in requests:
            if why := self._why_not(request):
                put([Failure(request.id, why)])
            else:
                rows.append(_Row(request, self._busy.enter()))
        while rows:
            made = await self._call(rows)
            put(made)
            rows = rows[len(made) :]
            if rows and len(made) == 1:
                self._model.ask_one_by_one()
                await asyncio.gather(*(self._answer_alone(row, put) for row in rows))
                return

    async def _answer_alone(self, row: "_Row", put: Put) -> None:
        put(await self._call([row]))

    def _why_not(self, request: Request) -> str:
        """Why a request cannot be sent; blank where it can."""
        try:
            check_request(request)
            completions.body(self._settings, request, 1)
        except RowError as error:
            return str(error)
        except UnicodeEncodeError:
            return "The prompt holds half a character (a lone surrogate), which cannot be sent."
        return ""

    async def _call(self, rows: Sequence["_Row"]) -> list[Outcome]:
        """What one call brings for the first of the rows: one outcome at least."""
        try:
            reply = await self._ask(completions.body(self._settings, rows[0].request, len(rows)))
        except Unanswered as error:
            for row in rows:
                self._busy.leave(row.since)
            return [Failure(row.request.id, str(error), error.retry) for row in rows]
        return self._outcomes(rows, reply)

    def _outcomes(self, rows: Sequence["_Row"], reply: Reply) -> list[Outcome]:
        """One for each choice that was asked for. Where a call brought several, they share what it took."""
        request, made = rows[0].request, reply.completion
        choices = made.choices[: len(rows)]
        prompt, parts, usage = _tokens(request, made, choices)
        common = self._model.describe() | {
            "served_model": made.model,
            "system_fingerprint": made.fingerprint,
            "request_id": reply.request_id,
            "tries": reply.tries,
            "usage": usage,
            "prompt_sha256": completions.prompt_sha256(request.messages),
            "seed_sent": request.seed if self._settings.seed else None,
        }
        outcomes: list[Outcome] = []
        for number, (choice, tokens) in enumerate(zip(choices, parts, strict=True)):
            row = rows[number]
            seconds = self._busy.leave(row.since)
            cost = self._settings.cost(prompt / len(choices), tokens)
            if choice.error:
                outcomes.append(Failure(row.request.id, choice.error, choice.retry, prompt, tokens, cost))
                continue
            own = {"sampling": row.request.sampling.as_json(), "seed": row.request.seed}
            own |= {"n": len(rows), "choice": number} if len(rows) > 1 else {}
            own |= {"finish_reason_said": choice.said} if choice.said != choice.finish_reason else {}
            outcomes.append(
                Result(
                    id=row.request.id,
                    text=choice.text,
                    finish_reason=choice.finish_reason,
                    prompt_tokens=prompt,
                    completion_tokens=tokens,
                    seconds=seconds,
                    seed=row.request.seed,
                    provenance=common | own,
                    cost=cost,
                )
            )
        return outcomes


@dataclass(frozen=True, slots=True)
class _Row:
    """A request under way, with what the clock of `_Busy` said when it began."""

    request: Request
    since: float


class _Busy:
    """Shares out the time: the rows that are under way at a moment share it equally, so that the shares add up to the
    time in which anything was under way, however many were at once."""

    def __init__(self) -> None:
        self._rows = 0
        self._share = 0.0  # seconds of a row that has been there from the beginning
        self._at = time.perf_counter()

    def enter(self) -> float:
        """A row begins. Returns what `leave` needs."""
        self._move(1)
        return self._share

    def leave(self, since: float) -> float:
        """A row ends. Returns its share, in seconds."""
        self._move(-1)
        return self._share - since

    def _move(self, by: int) -> None:
        now = time.perf_counter()
        if self._rows:
            self._share += (now - self._at) / self._rows
        self._at = now
        self._rows += by


def _tokens(request: Request, made: Completion, choices: Sequence[Choice]) -> tuple[int, list[int], str]:
    """Tokens of the prompt and of each choice, and how they are known: ``reported``; ``shared``: the server counts all
    the choices together, and they are shared out by length; ``estimated``: it does not count."""
    prompt = made.prompt_tokens or completions.estimate("".join(message["content"] for message in request.messages))
    if made.completion_tokens:
        parts = completions.split(made.completion_tokens, [len(choice.text) + 1 for choice in choices])
    else:
        most = request.sampling.max_new_tokens
        parts = [min(most, completions.estimate(choice.text)) for choice in choices]
    if not made.prompt_tokens or not made.completion_tokens:
        return prompt, parts, "estimated"
    return prompt, parts, "shared" if len(choices) > 1 else "reported"
