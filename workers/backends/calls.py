"""Calls to an endpoint over HTTP: several tries with pauses between them, and an error in one sentence.

Imports httpx, so it is itself imported only when a model is loaded.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn

import httpx

from workers.backends import completions
from workers.backends.base import GeneratorError
from workers.backends.completions import BadReply, Reply, Settings, Unanswered
from workers.backends.endpoints import Key

# Of the one, a line for each request would drown the worker's log. The other's DEBUG lines hold the headers of replies,
# in which a server may quote the key.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

CONNECT_SECONDS = 10.0
LARGEST_REPLY = 8 * 1024 * 1024  # bytes
REQUEST_IDS = ("x-request-id", "apim-request-id", "request-id")

_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|maximum context|too long|too many tokens", re.I)
_UNKNOWN_PARAMETER = ("unsupported_parameter", "unsupported_value")
_FIELDS = {"max_tokens": "max_tokens_field", "max_completion_tokens": "max_tokens_field"} | {
    name: name for name in ("model", "temperature", "top_p", "stop", "seed")
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to pause between tries, and by which clock. Tests bring a clock of their own.

    ``first``  seconds after the first try; twice as long after each one more, up to ``longest``
    """

    first: float = 0.5
    longest: float = 60.0
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    # So that many who were turned away together do not come back together.
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0)  # noqa: S311 - it guards nothing

    def pause(self, number: int) -> float:
        """Seconds to wait after so many tries that failed."""
        return min(self.longest, self.first * 2.0 ** min(number - 1, 30)) * self.jitter()

    def asked(self, retry_after: str) -> float:
        """Seconds that a Retry-After header asks for, as a number or a date, up to ``longest``. 0: nothing sensible."""
        value = retry_after.strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
            return min(float(value), self.longest)
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return min(max(0.0, (date - self.now()).total_seconds()), self.longest)


class _Passing(Exception):
    """A try that failed where another may not. The text goes on from “The endpoint …”.

    ``down``   it says something about the endpoint and not about this request
    ``pause``  seconds that the server asked for
    """

    def __init__(self, message: str, *, down: bool = False, pause: float = 0.0) -> None:
        super().__init__(message)
        self.down = down
        self.pause = pause


class Caller:
    """Calls one endpoint. Its calls know of each other: what turns one away makes the others wait too."""

    def __init__(self, settings: Settings, key: Key, pace: Pace) -> None:
        self._settings = settings
        self._key = key
        self._pace = pace
        try:
            self._verified = httpx.create_ssl_context()  # takes a tenth of a second: once
        except OSError as error:
            raise GeneratorError(
                "The certificates that the worker's SSL_CERT_FILE or SSL_CERT_DIR names cannot be read."
            ) from error
        self._quiet_until = 0.0
        self._given_up = 0  # calls in a row that the endpoint was too far gone to answer

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[httpx.AsyncClient]:
        """Connections for a while. They belong to the event loop that runs now."""
        limit = self._settings.in_flight
        timeout = self._settings.timeout
        try:
            client = httpx.AsyncClient(
                verify=self._verified,
                follow_redirects=False,
                timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
                limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit),
                headers={
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",  # a few packed bytes could hold more than the memory does
                    "User-Agent": "annotate",
                    **self._key.headers(self._settings.endpoint),
                },
            )
        except (ValueError, ImportError, httpx.InvalidURL):  # whose text may hold the proxy's password
            raise GeneratorError(
                "The proxy that the worker's environment names (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY) cannot be used."
            ) from None
        async with client:
            yield client

    async def ask(self, client: httpx.AsyncClient, body: bytes) -> Reply:
        """Send a request and read its reply. Raises Unanswered, or GeneratorError where all would end likewise."""
        tries = self._settings.retries
        for number in range(1, tries + 1):
            while (left := self._quiet_until - self._pace.clock()) > 0:
                await self._pace.sleep(left)
            try:
                return await self._try(client, body, number)
            except _Passing as trouble:
                pause = self._after(trouble, number)
                if number == tries:
                    times = f" It was tried {tries} times." if tries > 1 else ""
                    raise Unanswered(self._sentence(str(trouble)) + times, retry=True) from None
                if pause:
                    await self._pace.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _after(self, trouble: _Passing, number: int) -> float:
        """Seconds that this call pauses. Where the endpoint is in trouble, the other calls are held back too."""
        pause = self._pace.pause(number)
        if trouble.pause:
            pause = max(pause, trouble.pause)
            self._hold(pause)
            return 0.0
        if trouble.down and number == self._settings.retries:
            # Or a dead endpoint would go through all rows of a project within seconds.
            self._given_up += 1
            self._hold(self._pace.pause(self._given_up))
        return pause

    def _hold(self, seconds: float) -> None:
        self._quiet_until = max(self._quiet_until, self._pace.clock() + seconds)

    async def _try(self, client: httpx.AsyncClient, body: bytes, number: int) -> Reply:
        endpoint = self._settings.endpoint
        try:
            # One limit for the whole: httpx's own begins anew with every byte that trickles in.
            async with (
                asyncio.timeout(self._settings.timeout),
                client.stream("POST", endpoint.url, content=body) as response,
            ):
                data = await _read(response)
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                self._stop(f"has a certificate that is not trusted here: {self._shown(str(error))}")
            raise _Passing(f"cannot be reached: {self._shown(str(error))}", down=True) from None
        except httpx.ConnectTimeout:
            raise _Passing("cannot be reached: nothing answers there", down=True) from None
        except (TimeoutError, httpx.TimeoutException):
            raise _Passing(f"did not answer within {self._settings.timeout:g} seconds") from None
        except httpx.RequestError:
            raise _Passing("broke the connection off before its answer was whole") from None
        except BadReply as bad:
            raise Unanswered(self._sentence(str(bad)), retry=True) from None
        return self._judge(response, data, number)

    def _judge(self, response: httpx.Response, data: bytes, number: int) -> Reply:
        """A reply out of a response, or why there is none."""
        status, headers = response.status_code, response.headers
        if not 200 <= status < 300:
            self._refuse(status, headers, data)
        self._given_up = 0
        try:
            completion = completions.parse(data, headers.get("content-type", ""), self._shown)
        except BadReply as bad:
            raise Unanswered(self._sentence(str(bad)), retry=True) from None
        if any(self._key.is_given_away(choice.text) for choice in completion.choices):
            raise Unanswered(self._sentence("wrote the key that it was sent into its response"), retry=False)
        request_id = next((headers[name] for name in REQUEST_IDS if headers.get(name)), "")
        return Reply(completion, number, self._shown(request_id))

    def _refuse(self, status: int, headers: Mapping[str, str], data: bytes) -> NoReturn:
        """What a status other than 2xx comes to: wait, give the row up, or give the generator up."""
        found = completions.load(data)
        said = self._shown(completions.remark(found))
        because = f": {said}" if said else ""
        code, parameter = _code(found)
        if status in (401, 402, 403) or code == "insufficient_quota":
            self._stop_for_account(status, because)
        if status in (408, 409, 425, 429) or status >= 500:
            down = status in (429, 502, 503, 504)
            pause = self._pace.asked(headers.get("retry-after", ""))
            raise _Passing(f"answered with status {status}{because}", down=down, pause=pause)
        self._given_up = 0
        if 300 <= status < 400:
            self._stop(f"sends us on to another address (status {status}), and we do not follow")
        if status == 404 and re.search("model|deployment", said, re.I):
            self._stop(f"does not have the model {self._settings.model}{because}", "model")
        if status in (404, 405):
            self._stop(f"has no chat completions at its address (status {status}){because}")
        if code in _UNKNOWN_PARAMETER:
            self._stop(f"refuses this setting{because}", _FIELDS.get(parameter, "endpoint"))
        if code == "context_length_exceeded" or _TOO_LONG.search(said):
            raise Unanswered(_ended(f"The prompt is too long for the model{because}"), retry=False)
        raise Unanswered(self._sentence(f"refused the request (status {status}){because}"), retry=False)

    def _stop_for_account(self, status: int, because: str) -> NoReturn:
        variable = self._settings.endpoint.key_variable
        if status in (402, 429):
            self._stop(f"has no money or quota left for us{because}")
        if not self._key.secret:
            self._stop(f"wants a key, and there is none: an operator sets {variable}{because}")
        self._stop(f"refuses the key in {variable} (status {status}){because}")

    def _stop(self, what: str, field: str = "endpoint") -> NoReturn:
        sentence = self._sentence(what)
        raise GeneratorError(sentence, {field: sentence})

    def _sentence(self, rest: str) -> str:
        return _ended(f"The endpoint {self._settings.endpoint} {rest}")

    def _shown(self, text: object) -> str:
        """A server's words, fit to be shown. The key goes first: a cut might leave half of it."""
        return completions.one_line(self._key.blotted(text)) if isinstance(text, str) else ""


async def _read(response: httpx.Response) -> bytes:
    """The whole body, as long as it is of a sane size. Raises BadReply."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BadReply("answered with packed bytes that were not asked for")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > LARGEST_REPLY:
            raise BadReply(f"answered with more than {LARGEST_REPLY // 2**20} MB")
    return bytes(data)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _code(found: object) -> tuple[str, str]:
    """The stable code of an error and the parameter that it is about, where the server says them; or blanks."""
    error = found.get("error") if isinstance(found, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    return completions.one_line(error.get("code") or error.get("type")), completions.one_line(error.get("param"))
