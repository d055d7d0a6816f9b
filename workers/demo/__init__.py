"""The demo projects: one with prompts of the platform's own, a generator on the local model and two queues; and one
with a queue for every recipe.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from django.db import transaction

from labeling.importing import SOURCES
from labeling.importing.base import PromptLine, Rejected
from labeling.models import Project, Role, User
from labeling.questions import PRESETS
from labeling.services import imports, projects, queues
from workers.backends.local_model import NAME as LOCAL_MODEL
from workers.services import generators

FOLDER = Path(__file__).parent
SLUG = "demo"
RECIPES = "recipes"
RECIPE_PROMPTS = 8  # of the demo's own, beside those with sources
MANAGER = "manager@example.org"
ANNOTATORS = {"ann@example.org": "Ann", "ben@example.org": "Ben"}
CANDIDATES = 4
SAMPLING = {"max_new_tokens": 160, "temperature": 0.6, "top_p": 0.95, "seed": 20}


def people(password: str) -> User:
    """The demo's manager and annotators, all with one password; accounts that stand already keep theirs."""
    for email, name in {MANAGER: "Mira", **ANNOTATORS}.items():
        user, created = User.objects.get_or_create(email=email, defaults={"name": name})
        if created:
            user.set_password(password)
            user.save(update_fields=["password"])
    return User.objects.get(email=MANAGER)


@transaction.atomic
def make(password: str) -> Project:
    """The whole demo, or nothing of it. A demo project that stands already is left as it is."""
    existing = Project.objects.filter(slug=SLUG).first()
    if existing:
        return existing
    manager = people(password)
    project = projects.create(
        name="Demo: everyday questions",
        slug=SLUG,
        guidelines=(FOLDER / "guidelines.md").read_text(encoding="utf-8"),
        by=manager,
    )
    _add_annotators(project, manager)
    queues.create(
        project,
        name="Write",
        slug="write",
        preset="demonstrations",
        overlap=1,
        by=manager,
    )
    queues.create(
        project,
        name="Rank",
        slug="rank",
        preset="ranking",
        overlap=2,
        candidates_min=CANDIDATES,
        candidates_max=CANDIDATES,
        by=manager,
    )
    _add_generator(project, manager)
    with (FOLDER / "prompts.jsonl").open("rb") as stream:
        imports.import_lines(project, SOURCES["jsonl"](stream), source="jsonl", filename="demo.jsonl", by=manager)
    return project


def _add_annotators(project: Project, manager: User) -> None:
    for email in ANNOTATORS:
        projects.add_member(project, email=email, role=Role.ANNOTATOR, by=manager)


def _add_generator(project: Project, manager: User) -> None:
    """Before the prompts come: they then know how many candidates to wait for."""
    generators.create(
        project,
        name="SmolLM2 135M",
        backend="causal",
        model=LOCAL_MODEL,
        candidates_per_prompt=CANDIDATES,
        sampling=SAMPLING,
        by=manager,
    )


def _recipe_lines() -> Iterator[PromptLine | Rejected]:
    with (FOLDER / "sources.jsonl").open("rb") as sources, (FOLDER / "prompts.jsonl").open("rb") as own:
        yield from chain(SOURCES["jsonl"](sources), islice(SOURCES["jsonl"](own), RECIPE_PROMPTS))


@transaction.atomic
def make_recipes(password: str, *, file: Path | None = None) -> Project:
    """A project with a queue for every preset, or nothing of it. One that stands already only gets the file's prompts.

    `file`: prompts as JSON Lines that bring their candidates, in place of the demo's own prompts and the local model.
    """
    project = Project.objects.filter(slug=RECIPES).first()
    manager = people(password)
    if project is None:
        project = projects.create(
            name="Demo: every recipe",
            slug=RECIPES,
            guidelines=(FOLDER / "guidelines.md").read_text(encoding="utf-8"),
            by=manager,
        )
        _add_annotators(project, manager)
        for preset in PRESETS.values():
            queues.create(project, name=preset.title, slug=preset.slug, preset=preset.slug, overlap=2, by=manager)
        if file is None:
            _add_generator(project, manager)
            imports.import_lines(project, _recipe_lines(), source="jsonl", filename="recipes.jsonl", by=manager)
    if file is not None:
        with file.open("rb") as stream:
            imports.import_lines(project, SOURCES["jsonl"](stream), source="jsonl", filename=file.name, by=manager)
    return project


def new_password() -> str:
    """A password that can be read out: three groups of letters and digits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))
