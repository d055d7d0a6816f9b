"""What tests of generators and generations start from."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from labeling.models import Project
from tests import make
from workers.backends.base import Result, serve_in_batches
from workers.models import Generation, GenerationState, Generator
from workers.services import generations, generators, planning
from workers.services.generations import Worker


def echo(project: Project, **fields: Any) -> Generator:
    """A generator on the backend that needs no model."""
    given: dict[str, Any] = {"name": "echo", "backend": "echo", "model": "echo", "candidates_per_prompt": 2} | fields
    return generators.create(project, **given, by=make.manager(project))


def worker(**fields: Any) -> Worker:
    return Worker(name=generations.worker_name(), **fields)


def run(**fields: Any) -> int:
    planning.plan_all()
    return generations.work(worker(**fields), seconds=60)


def states() -> dict[str, int]:
    return {state: n for state in GenerationState.values if (n := Generation.objects.filter(state=state).count())}


class Scripted:
    """A loaded model whose next outcomes a test decides: `script` is called with each batch of `width` rows at most."""

    def __init__(self, script: Any, width: int) -> None:
        self.script, self.width = script, width

    def generate(self, requests: Any, heartbeat: Any = None) -> Any:
        return self.script(requests, heartbeat)

    def serve(self, feed: Any, emit: Any, heartbeat: Any = None) -> None:
        serve_in_batches(self, self.width, feed, emit, heartbeat)

    def describe(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def scripted(generator: Generator, script: Any, *, width: int = 16, **fields: Any) -> Worker:
    generator.tokens_made = 1  # past its first batch, which is a small one
    found = worker(**fields)
    found._models[generations.model_key(generator)] = Scripted(script, width)
    return found


def make_once(generator: Generator, found: Worker) -> int:
    """One stretch of work for a generator, to the end of its rows. Returns how many rows were claimed."""
    return generations.make(generator, found, until=time.monotonic() + 60)


def result(request: Any, text: str | None = None, **fields: Any) -> Result:
    """What came out for a request: words of its own where no text is given, so that no two are alike."""
    if text is None:
        digest = hashlib.sha256(str(request.seed).encode()).hexdigest()
        text = " ".join(digest[place : place + 5] for place in range(0, 60, 5))
    given: dict[str, Any] = {
        "finish_reason": "stop",
        "prompt_tokens": 3,
        "completion_tokens": 5,
        "seconds": 0.1,
    } | fields
    return Result(id=request.id, text=text, seed=request.seed, provenance={"versions": {}}, **given)
