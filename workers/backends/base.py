"""What every backend speaks: how to sample, what is asked, what comes back, and the ways to fail.

Pure: no database, no Django, and neither torch nor transformers, so the web process may import this to
check what a manager typed.
"""

import hashlib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypedDict, runtime_checkable

# The largest whole number that JSON readers with 64-bit floats (JavaScript, pandas, jq) give back unchanged.
LARGEST_SEED = 2**53 - 1
ROLES = ("system", "user", "assistant", "tool")
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16", "float16")
MOST_STOPS = 8
LONGEST_STOP = 100  # characters

FinishReason = Literal["stop", "length"]


class BackendError(Exception):
    """Something that a backend cannot do. The text is a sentence for the person who set the generator up."""


class GeneratorError(BackendError):
    """The generator itself is wrong (its settings, its model, the machine): none of its rows can be made.

    ``errors`` maps the field that is wrong to what is wrong with it; it is empty where no field is to blame.
    """

    def __init__(self, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.errors: dict[str, str] = dict(errors or {})

    @classmethod
    def of(cls, errors: Mapping[str, str]) -> Self:
        """One error out of several wrong fields; its text names them all."""
        return cls(" ".join(f"{name}: {message}" for name, message in errors.items()), errors)


class RowError(BackendError):
    """This one row cannot be made; the others of its batch can. Inside a backend only: it becomes a Failure."""


class Message(TypedDict):
    """One turn of a conversation. ``role`` is one of ROLES."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    ``max_new_tokens``  the longest completion, in tokens of the model
    ``temperature``     divides the logits; 0 takes the likeliest token every time
    ``top_p``           draws from the fewest likeliest tokens that hold this much probability together
                        (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751); 1 draws from all
    ``seed``            where the seeds of the generator's rows start from (see ``derive_seed``)
    ``min_new_tokens``  before so many tokens the model may not end its turn
    ``stop``            texts that end the completion where they come up; they are not part of it
    """

    max_new_tokens: int = 512
    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0
    min_new_tokens: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        errors: dict[str, str] = {}
        if not _is_whole(self.max_new_tokens) or not 1 <= self.max_new_tokens <= 32768:
            errors["max_new_tokens"] = f"Must be a whole number from 1 to 32768, not {self.max_new_tokens!r}."
        # Below 0.01 the division overflows in float32 for some models, for nothing: it is as good as 0.
        if not _is_number(self.temperature) or not (self.temperature == 0 or 0.01 <= self.temperature <= 2):
            errors["temperature"] = f"Must be 0 (always the likeliest) or from 0.01 to 2, not {self.temperature!r}."
        if not _is_number(self.top_p) or not 0 < self.top_p <= 1:
            errors["top_p"] = f"Must be a number above 0 and up to 1 (no limit), not {self.top_p!r}."
        if not _is_whole(self.seed) or not 0 <= self.seed <= LARGEST_SEED:
            errors["seed"] = f"Must be a whole number from 0 to {LARGEST_SEED}, not {self.seed!r}."
        if not _is_whole(self.min_new_tokens) or not 0 <= self.min_new_tokens <= 32768:
            errors["min_new_tokens"] = f"Must be a whole number from 0 to 32768, not {self.min_new_tokens!r}."
        elif "max_new_tokens" not in errors and self.min_new_tokens > self.max_new_tokens:
            errors["min_new_tokens"] = f"Must not be more than max_new_tokens, which is {self.max_new_tokens}."
        if problem := _wrong_stops(self.stop):
            errors["stop"] = problem
        if errors:
            raise GeneratorError.of(errors)

    def as_json(self) -> dict[str, Any]:
        """What is stored and shown: settings that are off are left out."""
        shown = {name: getattr(self, name) for name in ("max_new_tokens", "temperature", "top_p", "seed")}
        if self.min_new_tokens:
            shown["min_new_tokens"] = self.min_new_tokens
        if self.stop:
            shown["stop"] = list(self.stop)
        return shown

    @classmethod
    def parse(cls, data: object) -> Self:
        """Sampling out of JSON. What is left out takes its default; what is not known is an error."""
        if not isinstance(data, Mapping):
            raise GeneratorError.of({"sampling": f"Must be an object with {_listed(cls)}."})
        unknown = sorted(str(key) for key in data if key not in {f.name for f in fields(cls)})
        if unknown:
            raise GeneratorError.of({name: f"Is not known here. Known are {_listed(cls)}." for name in unknown})
        given = dict(data)
        if isinstance(given.get("stop"), list):
            given["stop"] = tuple(given["stop"])
        return cls(**given)


def default_models_folder() -> Path:
    """Where converted models are kept when nobody says otherwise: ``models/`` in ``ANNOTATE_HOME``."""
    return Path(os.environ.get("ANNOTATE_HOME") or ".annotate").expanduser().resolve() / "models"


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a backend's own, as forms show it and as programs send it in ``options``.

    ``kind``     ``text``; ``choice``: one of ``choices``; ``number``: not negative, whole where ``whole``; ``flag``
    ``default``  what stands for a setting that is left out; a value that equals it is not stored
    """

    name: str
    title: str
    help: str
    kind: Literal["text", "choice", "number", "flag"] = "text"
    choices: tuple[str, ...] = ()
    default: str | float | bool = ""
    whole: bool = False


def clean_options(known: Sequence[Option], given: object) -> dict[str, Any]:
    """Options as they are stored: of the right kind, without those that say what they would say anyway.

    Raises GeneratorError with a sentence for each that is wrong or not known.
    """
    if not isinstance(given, Mapping):
        raise GeneratorError.of({"options": "Must be an object."})
    table = {option.name: option for option in known}
    listed = ", ".join(table) or "none for this backend"
    errors = {str(name): f"Is not known here. Known are: {listed}." for name in given if name not in table}
    cleaned: dict[str, Any] = {}
    for name, value in given.items():
        if name not in table:
            continue
        option = table[name]
        if value is None or value == "":
            continue
        problem = _wrong_option(option, value)
        if problem:
            errors[name] = problem
        elif value != option.default or isinstance(value, bool) != isinstance(option.default, bool):
            cleaned[name] = value.strip() if isinstance(value, str) else value
    if errors:
        raise GeneratorError.of(errors)
    return cleaned


def _wrong_option(option: Option, value: object) -> str:
    """What is wrong with an option's value; blank where nothing is."""
    if option.kind == "flag":
        return "" if isinstance(value, bool) else "Must be true or false."
    if option.kind == "number":
        if not _is_number(value) or value < 0 or (option.whole and not _is_whole(value)):  # type: ignore[operator]
            return f"Must be a {'whole ' if option.whole else ''}number from 0."
        return ""
    if not isinstance(value, str) or len(value) > 500 or any(ord(letter) < 32 for letter in value):
        return "Must be a line of at most 500 characters."
    if option.kind == "choice" and value not in option.choices:
        return f"Must be one of: {', '.join(option.choices)}."
    return ""


@dataclass(frozen=True, slots=True)
class Config:
    """Which model to run and where.

    ``model``     what the backend calls a model: a special name, a folder, a hub name
    ``revision``  the commit of a hub model; blank for everything else
    ``options``   the backend's own settings, those of ``Backend.options``
    ``models``    folder for models that a backend converts; made when needed
    ``may_run_code``  an operator allowed this very model to bring its own code; a manager cannot
    ``width``     how many rows are made at once at most; 0 leaves it to the backend
    """

    model: str
    revision: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    models: Path = field(default_factory=default_models_folder)
    may_run_code: bool = False
    width: int = 0

    def __post_init__(self) -> None:
        errors: dict[str, str] = {}
        if not self.model.strip():
            errors["model"] = "Name a model."
        if self.device not in DEVICES and not re.fullmatch(r"cuda:\d+", self.device):
            errors["device"] = f"Must be one of {', '.join(DEVICES)}, or a numbered one such as cuda:0."
        if self.dtype not in DTYPES:
            errors["dtype"] = f"Must be one of {', '.join(DTYPES)}."
        if errors:
            raise GeneratorError.of(errors)

    @property
    def device(self) -> str:
        """``auto`` (CUDA where there is one, or else the CPU), or one of DEVICES, or ``cuda:1``."""
        return str(self.options.get("device") or "auto")

    @property
    def dtype(self) -> str:
        """``auto`` (as the weights are stored, or float32 where the processor has no fast half precision), or one
        of DTYPES."""
        return str(self.options.get("dtype") or "auto")


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to be made.

    ``id`` is the caller's own and comes back with the outcome. ``seed`` is this row's own: with the same
    messages, sampling and model it makes the same completion, whatever else is in the batch. ``messages``
    are checked by the backend, so that a bad row becomes a Failure and not an exception for its neighbours.
    ``tools`` are what the model may call, for backends that can show them to it.
    """

    id: str
    messages: Sequence[Message]
    sampling: Sampling
    seed: int
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One completion.

    ``text``               the decoded completion and nothing else: no prompt, no special tokens, untrimmed
    ``finish_reason``      ``stop``: the model ended its turn; ``length``: ``max_new_tokens`` ended it
    ``prompt_tokens``      tokens of the whole prompt, chat template included
    ``completion_tokens``  tokens made, the token that ended the turn included
    ``seconds``            this row's share of its batch: the shares add up to the time the batch took,
                           so that tokens over seconds, summed over any rows, is the real throughput
    ``provenance``         what made it: ``Loaded.describe()`` with the sampling and the seed; JSON. Where the backend
                           writes the prompt itself, ``prompt_sha256``: of the text that the model was given
    ``cost``               what it cost, in the currency of the generator's prices; 0 where nothing is paid
    """

    id: str
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    seed: int
    provenance: Mapping[str, Any]
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One row that could not be made. ``error`` is a sentence for people; ``retry``: it may go better later.

    ``prompt_tokens``, ``completion_tokens`` and ``cost`` are what was used for nothing.
    """

    id: str
    error: str
    retry: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


Outcome = Result | Failure
# "At most so many more requests": fewer or none where there are no more at this moment.
Feed = Callable[[int], Sequence[Request]]
# Takes outcomes away as they come, in any order.
Emit = Callable[[Sequence[Outcome]], None]


@runtime_checkable
class Loaded(Protocol):
    """A model that is ready. Not for several threads at once."""

    def generate(self, requests: Sequence[Request], heartbeat: Callable[[], None] | None = None) -> list[Outcome]:
        """One outcome for each request, in their order.

        ``heartbeat`` is called after every step (about a token for every row). What it raises ends the batch
        and reaches the caller: that is how a worker renews its claim, or stops when it is told to.
        Raises GeneratorError where no row can be made.
        """
        ...

    def serve(self, feed: Feed, emit: Emit, heartbeat: Callable[[], None] | None = None) -> None:
        """Makes what ``feed`` gives, as many at once as suit this model, until it gives no more and all is done.

        Each request is answered exactly once, through ``emit``, as soon as it is done. ``heartbeat`` as in
        ``generate``. Raises GeneratorError where no row can be made; what was emitted before stays.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What this is, as JSON: at least ``backend``, ``model``, ``revision``, ``versions``."""
        ...

    def close(self) -> None:
        """Give the memory back. Closing twice is fine; generating after it is a GeneratorError."""
        ...


def serve_in_batches(model: Loaded, width: int, feed: Feed, emit: Emit, heartbeat: Callable[[], None] | None) -> None:
    """``Loaded.serve`` for a model that makes one batch after the other, of ``width`` rows at most."""
    while requests := feed(width):
        emit(model.generate(requests, heartbeat))


@runtime_checkable
class Backend(Protocol):
    """A kind of model that can be run: one line of the table in ``workers.backends``."""

    @property
    def name(self) -> str:
        """Its key in the table."""
        ...

    @property
    def title(self) -> str:
        """Its name on screens."""
        ...

    @property
    def options(self) -> tuple[Option, ...]:
        """The settings that are its own, in the order in which forms show them."""
        ...

    def check(self, config: Config) -> None:
        """Raise GeneratorError for what can be seen to be wrong without loading or fetching anything.

        ``config.options`` have been through ``clean_options``.
        """
        ...

    def load(self, config: Config) -> Loaded:
        """Make the model ready: seconds to minutes. Raises GeneratorError with one sentence."""
        ...


def derive_seed(start: int, *parts: str | int) -> int:
    """The seed of one row: from its generator's seed and what names the row (its prompt, its sample number).

    SHA-256, cut to what JSON keeps exactly. Rows of one generator so get unrelated seeds, and a row made again
    gets its old one. ``parts`` are kept apart from each other: ("1", "23") is not ("12", "3").
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in (start, *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def check_request(request: Request) -> None:
    """Raise RowError unless the request is a conversation that a model can answer, with a usable seed."""
    if not _is_whole(request.seed) or not 0 <= request.seed <= LARGEST_SEED:
        raise RowError(f"The seed {request.seed!r} is not a whole number from 0 to {LARGEST_SEED}.")
    messages: object = request.messages
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise RowError("The prompt has no messages.")
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, Mapping) or not {"role", "content"} <= message.keys():
            raise RowError(f"Message {number} of the prompt is not an object with role and content.")
        if message["role"] not in ROLES:
            raise RowError(f"Message {number} has the role {message['role']!r}; known are {', '.join(ROLES)}.")
        if not isinstance(message["content"], str):
            raise RowError(f"The content of message {number} is not text.")
    if messages[-1]["role"] not in ("user", "tool"):
        raise RowError(f"The prompt ends with a {messages[-1]['role']} message; only a user's can be answered.")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    # Compared, not converted: a whole number may have more digits than a float can hold.
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def _wrong_stops(stops: object) -> str:
    """What is wrong with the texts that end a completion; blank where nothing is."""
    if not isinstance(stops, tuple) or not all(isinstance(stop, str) for stop in stops):
        return "Must be a list of texts."
    if len(stops) > MOST_STOPS:
        return f"Give at most {MOST_STOPS} texts, not {len(stops)}."
    if not all(0 < len(stop) <= LONGEST_STOP for stop in stops):
        return f"Each text needs 1 to {LONGEST_STOP} characters."
    return ""


def _listed(kind: type[Sampling]) -> str:
    return ", ".join(f.name for f in fields(kind))
