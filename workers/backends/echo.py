"""A backend without a model, for tests and for trying the platform out: it answers in an instant, or as asked.

Its model is named ``echo``, with options behind a question mark, as in ``echo?fail=poison&seconds=0.5``:

``fail``     rows whose prompt holds this text fail
``broken``   loading fails, with this text
``seconds``  how long each batch takes
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any
from urllib.parse import parse_qsl

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
    serve_in_batches,
)

_OPENINGS = ("Briefly:", "In short,", "Let us see.", "Here is one way to put it:", "A fair question.", "Well,")
_SENTENCES = (
    "It depends on what it is for.",
    "The simplest answer is often the best one.",
    "There are three things to keep in mind.",
    "Start small, look at the result, and go on from there.",
    "Most people would begin with the second part.",
    "An example makes it clearer.",
    "That is harder than it looks.",
    "Nobody has to decide this today.",
)
_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Options:
    """What stands behind the question mark of the model's name."""

    fail: str = ""
    broken: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, model: str) -> "Options":
        """Read the model's name. Raises GeneratorError for what it does not know."""
        name, _, query = model.partition("?")
        try:
            given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
            seconds = float(given.pop("seconds", 0))
        except ValueError as error:
            raise GeneratorError.of({"model": f"{model!r} has an option that cannot be read: {error}"}) from error
        if name != "echo" or given.keys() - {"fail", "broken"} or not 0 <= seconds <= 3600:
            raise GeneratorError.of(
                {"model": f"{model!r} must be echo, or echo? with fail=TEXT, broken=TEXT or seconds=0 to 3600."}
            )
        return cls(**given, seconds=seconds)


class Echo:
    """The backend's line in the table."""

    name = "echo"
    title = "Echo (no model, for trying things out)"
    options: tuple[Option, ...] = ()

    def check(self, config: Config) -> None:
        """Whether the options can be read."""
        Options.of(config.model)
        if config.revision:
            raise GeneratorError.of({"revision": "Echo has no revisions. Leave it blank."})

    def load(self, config: Config) -> "EchoModel":
        """Ready at once, unless it was told to be broken."""
        self.check(config)
        options = Options.of(config.model)
        if options.broken:
            raise GeneratorError.of({"model": options.broken})
        return EchoModel(config.model, options)


class EchoModel:
    """Answers with a few stock sentences around the prompt's own words."""

    def __init__(self, model: str, options: Options) -> None:
        self._options = options
        self._closed = False
        self._provenance: dict[str, Any] = {
            "backend": Echo.name,
            "model": model,
            "revision": "",
            "versions": {"annotate": _own_version()},
        }

    def generate(self, requests: Sequence[Request], heartbeat: Callable[[], None] | None = None) -> list[Outcome]:
        """See ``base.Loaded``. A heartbeat ten times a second until ``seconds`` are over, and one at least."""
        if self._closed:
            raise GeneratorError("The model has been closed.")
        started = time.perf_counter()
        while requests:
            left = self._options.seconds - (time.perf_counter() - started)
            time.sleep(max(0.0, min(left, 0.1)))
            if heartbeat is not None:
                heartbeat()
            if left <= 0.1:
                break
        share = (time.perf_counter() - started) / max(1, len(requests))
        return [self._answer(request, share) for request in requests]

    def serve(self, feed: Feed, emit: Emit, heartbeat: Callable[[], None] | None = None) -> None:
        """See ``base.Loaded``."""
        serve_in_batches(self, 16, feed, emit, heartbeat)

    def describe(self) -> dict[str, Any]:
        """Which echo, and of which version."""
        return dict(self._provenance)

    def close(self) -> None:
        """There is nothing to give back."""
        self._closed = True

    def _answer(self, request: Request, seconds: float) -> Result | Failure:
        try:
            check_request(request)
        except RowError as error:
            return Failure(request.id, str(error))
        if self._options.fail and any(self._options.fail in message["content"] for message in request.messages):
            return Failure(request.id, f"The prompt holds {self._options.fail!r}, on which this echo was told to fail.")
        words = _WORD.findall(_text(request))
        made = words[: request.sampling.max_new_tokens]
        return Result(
            id=request.id,
            text="".join(made),
            finish_reason="stop" if len(made) == len(words) else "length",
            prompt_tokens=sum(len(_WORD.findall(message["content"])) for message in request.messages),
            completion_tokens=len(made),
            seconds=seconds,
            seed=request.seed,
            provenance=self._provenance | {"sampling": request.sampling.as_json(), "seed": request.seed},
        )


def _text(request: Request) -> str:
    """A few sentences that only the messages and the seed decide; at temperature 0 only the messages do."""
    seed = request.seed if request.sampling.temperature > 0 else 0
    turns = [f"{message['role']}\x1f{message['content']}" for message in request.messages]
    digest = hashlib.sha256("\x1e".join([str(seed), *turns]).encode("utf-8", "surrogatepass")).hexdigest()
    draw = random.Random(digest)  # noqa: S311 - it varies a text, it guards nothing
    asked = " ".join(request.messages[-1]["content"].split()[:12])
    sentences = draw.sample(_SENTENCES, draw.randint(1, 4))
    return f"Take {digest[:8]}. {draw.choice(_OPENINGS)} “{asked}” {' '.join(sentences)}"


def _own_version() -> str:
    try:
        return metadata.version("annotate")
    except metadata.PackageNotFoundError:  # run from a checkout that was not installed
        return "unknown"
