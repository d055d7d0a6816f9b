"""Small pieces that many tests start from, made through the services as the platform itself makes them."""

import itertools
from collections.abc import Iterable
from typing import Any

from labeling.importing import PromptLine, Rejected
from labeling.importing.base import parse
from labeling.models import Annotation, Project, Prompt, Queue, Role, Slot, User
from labeling.selectors import slots as slot_reads
from labeling.services import annotations, imports, projects, queues, slots

_numbers = itertools.count(1)


def person(name: str = "") -> User:
    """An account; its address is `name`@example.org."""
    name = name or f"person{next(_numbers)}"
    return User.objects.create_user(f"{name}@example.org", "correct horse battery", name=name.title())


def project(by: User | None = None, *, annotators: Iterable[User] = (), slug: str = "", **fields: Any) -> Project:
    """A project, managed by `by`, with its annotators."""
    slug = slug or f"project-{next(_numbers)}"
    made = projects.create(name=slug.title(), slug=slug, by=by or person(), **fields)
    for annotator in annotators:
        projects.add_member(made, email=annotator.email, role=Role.ANNOTATOR, by=manager(made))
    return made


def manager(of: Project) -> User:
    """The project's first manager."""
    return User.objects.filter(memberships__project=of, memberships__role=Role.MANAGER).order_by("pk")[:1].get()


def lines(number: int, *, candidates: int = 0, start: int = 0, **fields: Any) -> list[PromptLine | Rejected]:
    """Prompt lines with external ids p0, p1 …, each with so many candidates."""
    return [
        parse(
            {
                "prompt": f"Question {n}?",
                "external_id": f"p{n}",
                "candidates": [{"text": f"Answer {c} to {n}", "model": f"model-{c}"} for c in range(candidates)],
                **fields,
            },
            n + 1,
        )
        for n in range(start, start + number)
    ]


def imported(into: Project, number: int, *, candidates: int = 0, start: int = 0, **fields: Any) -> list[Prompt]:
    """Prompts in a project, in the order of their lines."""
    found = lines(number, candidates=candidates, start=start, **fields)
    imports.import_lines(into, found, source="jsonl", by=manager(into))
    return list(Prompt.objects.filter(project=into).order_by("pk"))


def queue(of: Project, *, preset: str = "demonstrations", **fields: Any) -> Queue:
    """A queue of a project, open, of the preset `demonstrations` unless told otherwise."""
    slug = fields.pop("slug", f"queue-{next(_numbers)}")
    if "form" in fields:
        preset = ""
    return queues.create(of, name=slug.title(), slug=slug, preset=preset, by=manager(of), **fields)


def answered(slot: Slot, by: User, answers: dict[str, Any]) -> Annotation:
    """The slot's annotation with these answers."""
    annotation, _ = annotations.submit(slot, answers, lease=str(slot.lease), by=by)
    return annotation


def written(of: Queue, by: User, text: str = "A response.") -> Annotation:
    """The person takes the next slot of a writing queue and submits a text."""
    slot = slots.take_next(of, by=by)
    assert slot is not None
    return answered(slot, by, {"response": {"text": text}})


def ranked(of: Queue, by: User, order: list[list[str]]) -> Annotation:
    """The person takes the next slot of a ranking queue and ranks by the candidates' texts, best group first."""
    slot = slots.take_next(of, by=by)
    assert slot is not None
    keys = {candidate.text: candidate.key for candidate in slot_reads.candidates(slot)}
    return answered(slot, by, {"ranking": {"groups": [[keys[text] for text in group] for group in order]}})
