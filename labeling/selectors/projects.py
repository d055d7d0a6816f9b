"""How far projects are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, Max, QuerySet, When

from labeling.models import GuidelinesVersion, Membership, Project, Role, SlotState, User
from labeling.selectors import counts as kept_counts
from labeling.selectors import queues
from labeling.selectors.queues import Progress
from labeling.text import typed_number


@dataclass(frozen=True)
class ProjectCounts:
    """What is in a project now. `waiting` prompts are still being given candidates by a generator."""

    prompts: int
    waiting: int
    candidates: int
    tasks: int
    tasks_done: int
    slots: dict[str, int]
    annotations: int
    queues: tuple[Progress, ...]


def counts(project: Project) -> ProjectCounts:
    """The counts of a project and of each of its queues, in three statements."""
    progress = tuple(queues.progress(project.queues.all()))
    kept = kept_counts.of_project(project)
    return ProjectCounts(
        prompts=kept["prompt"],
        waiting=kept["prompt.waiting"],
        candidates=kept["candidate"],
        tasks=sum(one.counts.tasks for one in progress),
        tasks_done=sum(one.counts.tasks_done for one in progress),
        slots={state: sum(one.counts.slots[state] for one in progress) for state in SlotState.values},
        annotations=sum(one.counts.annotations for one in progress),
        queues=progress,
    )


@dataclass(frozen=True)
class Joined:
    """A project as one person sees it: with their role in it."""

    project: Project
    role: Role


def joined(user: User, projects: Sequence[Project]) -> list[Joined]:
    """The projects as they were given, each with the person's role. Superusers manage all of them."""
    ids = [project.pk for project in projects]
    roles = dict(Membership.objects.filter(user=user, project__in=ids).values_list("project_id", "role"))
    if user.is_superuser:
        roles = dict.fromkeys(ids, Role.MANAGER.value)
    return [Joined(project, Role(roles[project.pk])) for project in projects if project.pk in roles]


def who_acts(slug: str) -> User | None:
    """In whose name a command works on a project where nobody is named: its first manager, or a superuser."""
    active = User.objects.filter(is_active=True).order_by("pk")
    managers = active.filter(memberships__project__slug=slug, memberships__role=Role.MANAGER)
    return managers.first() or active.filter(is_superuser=True).first()


def guidelines_number(project: Project) -> int:
    """The number of the guidelines in force."""
    newest = GuidelinesVersion.objects.filter(project=project).aggregate(number=Max("number"))
    return int(newest["number"] or 0)


def members(project: Project) -> QuerySet[Membership]:
    """Who is in a project: managers first, then reviewers and annotators, each by e-mail address."""
    order = Case(*(When(role=role, then=place) for place, role in enumerate((Role.MANAGER, Role.REVIEWER))), default=2)
    return Membership.objects.filter(project=project).select_related("user").order_by(order, "user__email")


def guidelines_seen(project: Project, user: User) -> int | None:
    """The number of the guidelines that a member has met while labelling, 0 for none; None for who is no member."""
    return Membership.objects.filter(project=project, user=user).values_list("guidelines_seen", flat=True).first()


def guidelines_versions(project: Project) -> QuerySet[GuidelinesVersion]:
    """Every text that the guidelines had, the newest first, without the texts."""
    return GuidelinesVersion.objects.filter(project=project).defer("text").order_by("-number")


def guidelines(project: Project, number: str = "") -> GuidelinesVersion:
    """The guidelines of that number, or those in force where there is no such number."""
    versions = GuidelinesVersion.objects.filter(project=project).order_by("-number")
    known = typed_number(number, digits=9)
    return (None if known is None else versions.filter(number=known).first()) or versions[:1].get()
