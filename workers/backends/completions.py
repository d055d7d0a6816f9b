"""The chat completions protocol: what is sent, and what is made of what comes back. No network here.

Servers speak it loosely, so what comes back is read with suspicion: everything in it may be missing or of another kind,
and each way to be wrong has its sentence.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.backends.base import FinishReason, Message, Request
from workers.backends.endpoints import Endpoint

LONGEST_REMARK = 300  # characters of a server's own words in an error or in the provenance
_MOST_TOKENS = 10_000_000  # more than any model can hold: a count above it is a mistake of the server's
_BYTES_PER_TOKEN = 4  # of English text, about; for servers that do not count
_LENGTH = ("length", "max_tokens", "model_length")

# Makes a server's words fit to be shown: `one_line`, or what also takes a key out of them.
Shown = Callable[[object], str]


class BadReply(Exception):
    """A reply that is none. The text goes on from “The endpoint …”, without a full stop."""


class Unanswered(Exception):
    """A call that brought nothing. The text is a whole sentence for the rows; ``retry``: it may go better later."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


@dataclass(frozen=True, slots=True)
class Settings:
    """How to ask: the model and the options of the backend, checked.

    ``in_flight``  completions asked for at once, at most
    ``timeout``    seconds for one try
    ``retries``    tries for each request, the first one included
    ``several``    samples of one prompt are asked for in one call
    ``price_in``, ``price_out``  for a million tokens
    ``seed``       the rows' seeds are sent
    """

    endpoint: Endpoint
    model: str
    in_flight: int
    timeout: float
    retries: int
    several: bool
    price_in: float
    price_out: float
    max_tokens_field: str
    seed: bool

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One response: its text, or why there is none. ``said`` is the reason to end in the server's own word."""

    text: str = ""
    finish_reason: FinishReason = "stop"
    said: str = ""
    error: str = ""
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply that could be read. Tokens are those of the whole reply, None where the server did not count them."""

    choices: tuple[Choice, ...]
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call brought, with how many tries it took and the name that the server gave the request."""

    completion: Completion
    tries: int
    request_id: str


def body(settings: Settings, request: Request, number: int) -> bytes:
    """The request as JSON, for so many samples of it.

    Temperature and top_p are always sent: servers have defaults of their own, and the provenance must be true.
    """
    sampling = request.sampling
    asked: dict[str, Any] = {
        "model": settings.model,
        "messages": _plain(request.messages),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        settings.max_tokens_field: sampling.max_new_tokens,
    }
    if sampling.stop:
        asked["stop"] = list(sampling.stop)
    if sampling.min_new_tokens:
        asked["min_tokens"] = sampling.min_new_tokens
    if settings.seed:
        asked["seed"] = request.seed
    if number > 1:
        asked["n"] = number
    return _dump(asked)


def prompt_sha256(messages: Sequence[Message]) -> str:
    """SHA-256 of the messages as they stand in the body: JSON without white space, in UTF-8."""
    return hashlib.sha256(_dump(_plain(messages))).hexdigest()


def parse(data: bytes, content_type: str, shown: Shown) -> Completion:
    """Read the body of a reply whose status says that all is well. Raises BadReply."""
    found = load(data)
    if not isinstance(found, Mapping):
        kind = _kind(data, content_type) if found is None else "with JSON of another kind"
        raise BadReply(f"answered {kind} where a JSON object was expected")
    choices = found.get("choices")
    if not isinstance(choices, list):
        message = shown(remark(found))
        raise BadReply(f"answered with an error: {message}" if message else "answered with JSON that has no choices")
    if not choices:
        raise BadReply("answered with an empty list of choices")
    usage = found.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    return Completion(
        choices=tuple(_choice(choice, shown) for choice in choices),
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        model=shown(found.get("model")),
        fingerprint=shown(found.get("system_fingerprint")),
    )


def load(data: bytes) -> object:
    """The JSON in a body, or None where there is none."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # bad UTF-8 and endless numbers are ValueErrors too
        return None


def remark(found: object) -> object:
    """What a server says is wrong, as it says it; blank where it says nothing. There is no standard for it."""
    if not isinstance(found, Mapping):
        return ""
    error = found.get("error")
    if isinstance(error, Mapping):
        return error.get("message") or error.get("code") or error.get("type")
    detail = found.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        return detail[0].get("msg")
    return error or found.get("message") or detail


def one_line(value: object) -> str:
    """A server's words made fit to show: one line, bounded, nothing unprintable. Blank where it is no text."""
    if not isinstance(value, str):
        return ""
    head = value[: 4 * LONGEST_REMARK]
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in head).split())
    return line if len(line) <= LONGEST_REMARK else line[: LONGEST_REMARK - 1] + "…"


def estimate(text: str) -> int:
    """About how many tokens a text is, for servers that do not count."""
    return max(1, math.ceil(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN))


def split(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` in whole parts as the weights (above 0) are, with nothing lost in rounding."""
    parts: list[int] = []
    whole, passed = sum(weights), 0
    for weight in weights:
        passed += weight
        parts.append(total * passed // whole - sum(parts))
    return parts


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _kind(data: bytes, content_type: str) -> str:
    """What came where JSON was expected."""
    if not data.strip():
        return "with nothing"
    if "html" in content_type or data.lstrip()[:1] == b"<":
        return "with a web page"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "with bytes that are not UTF-8"
    kind = one_line(content_type.partition(";")[0])
    return f"with {kind}" if kind and kind != "application/json" else "with broken JSON"


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if is_count else None  # type: ignore[return-value]


def _choice(choice: object, shown: Shown) -> Choice:
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        return Choice(error="The server sent a choice without a message.", retry=True)
    said = shown(choice.get("finish_reason"))
    if said == "content_filter":
        return Choice(error="The server's content filter held this response back.")
    if said in ("error", "abort"):
        return Choice(error="The server broke this response off.", retry=True)
    text = _text(message.get("content"))
    if not text and (error := _why_no_text(message, said, shown)):
        return Choice(error=error)
    if text is None:
        return Choice(error="The server sent a response without text.", retry=True)
    return Choice(text=text, finish_reason="length" if said in _LENGTH else "stop", said=said)


def _text(content: object) -> str | None:
    """The text of a message, also where it comes in parts. None where there is none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if texts else None


def _why_no_text(message: Mapping[str, Any], said: str, shown: Shown) -> str:
    """Why a message has no text, where it says so."""
    if message.get("tool_calls") or message.get("function_call"):
        return "The model answered with a call of a tool and no text."
    if refusal := shown(message.get("refusal")):
        return f"The model refused: {refusal}"
    if said in _LENGTH:
        return "The model used up max_new_tokens before its answer began. One that thinks first needs more."
    return ""
