"""The demo project: prompts of the platform's own, a generator on the local model, and two queues."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.db import transaction

from labeling.importing import SOURCES
from labeling.models import Project, Role, User
from labeling.services import projects, prompts, queues
from workers.backends.local_model import NAME as LOCAL_MODEL
from workers.services import generators

FOLDER = Path(__file__).parent
SLUG = "demo"
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
    for email in ANNOTATORS:
        projects.add_member(project, email=email, role=Role.ANNOTATOR, by=manager)
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
    # The generator first: prompts then know how many candidates to wait for.
    generators.create(
        project,
        name="SmolLM2 135M",
        backend="causal",
        model=LOCAL_MODEL,
        candidates_per_prompt=CANDIDATES,
        sampling=SAMPLING,
        by=manager,
    )
    with (FOLDER / "prompts.jsonl").open("rb") as stream:
        prompts.import_lines(project, SOURCES["jsonl"](stream), source="jsonl", filename="demo.jsonl", by=manager)
    return project


def new_password() -> str:
    """A password that can be read out: three groups of letters and digits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))
