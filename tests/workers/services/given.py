"""What tests of generators and generations start from."""

from __future__ import annotations

from typing import Any

from labeling.models import Project
from tests import make
from workers.backends.base import Result
from workers.models import Generation, GenerationState, Generator
from workers.services import generations, generators
from workers.services.generations import Worker


def echo(project: Project, **fields: Any) -> Generator:
    """A generator on the backend that needs no model."""
    given: dict[str, Any] = {"name": "echo", "backend": "echo", "model": "echo", "candidates_per_prompt": 2} | fields
    return generators.create(project, **given, by=make.manager(project))


def worker(**fields: Any) -> Worker:
    return Worker(name=generations.worker_name(), **fields)


def run(**fields: Any) -> int:
    generators.plan_all()
    return generations.work(worker(**fields), seconds=60)


def states() -> dict[str, int]:
    return {state: n for state in GenerationState.values if (n := Generation.objects.filter(state=state).count())}


class Scripted:
    """A loaded model whose next outcomes a test decides: `script` is called with each batch."""

    def __init__(self, script: Any) -> None:
        self.script = script

    def generate(self, requests: Any, heartbeat: Any = None) -> Any:
        return self.script(requests, heartbeat)

    def describe(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def scripted(generator: Generator, script: Any, **fields: Any) -> Worker:
    generator.tokens_made = 1  # past its first batch, which is a small one
    found = worker(**fields)
    found._loaded = ((generator.backend, generator.model, generator.revision), Scripted(script))
    return found


def result(request: Any, text: str = "text") -> Result:
    return Result(request.id, text, "stop", 3, 5, 0.1, request.seed, {"versions": {}})
