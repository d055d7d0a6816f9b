"""Who may see and touch what. The only way a view, an API call or a command on someone's behalf gets an object.

An outsider and a wrong number get the same answer, NotFound. A member who may see a thing but not do what they
asked gets NotAllowed, in words.
"""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from labeling.errors import NotAllowed, NotFound
from labeling.models import (
    Annotation,
    ApiToken,
    Delivery,
    DuplicateGroup,
    FormVersion,
    GuidelinesVersion,
    Membership,
    Project,
    Prompt,
    PromptImport,
    Queue,
    Role,
    Slot,
    Task,
    User,
    Webhook,
)
from labeling.prepared import Statement

Person = User | AnonymousUser

_QUEUE = Statement(
    """
    SELECT {queue}, {project}, {form}, member.role
    FROM labeling_queue queue
    JOIN labeling_project project ON project.id = queue.project_id AND project.archived_at IS NULL
    LEFT JOIN labeling_formversion form ON form.id = queue.form_id
    LEFT JOIN labeling_membership member ON member.project_id = project.id AND member.user_id = %(person)s
    WHERE queue.id = %(queue)s
    """,
    queue=Queue,
    project=Project,
    form=FormVersion,
)
_SLOT = Statement(
    """
    SELECT {slot}, {queue}, {project}, {form}, {guidelines}, member.role
    FROM labeling_slot slot
    JOIN labeling_queue queue ON queue.id = slot.queue_id
    JOIN labeling_project project ON project.id = queue.project_id AND project.archived_at IS NULL
    LEFT JOIN labeling_formversion form ON form.id = slot.form_id
    LEFT JOIN labeling_guidelinesversion guidelines ON guidelines.id = slot.guidelines_id
    LEFT JOIN labeling_membership member ON member.project_id = project.id AND member.user_id = %(person)s
    WHERE slot.id = %(slot)s
    """,
    slot=Slot,
    queue=Queue,
    project=Project,
    form=FormVersion,
    guidelines=GuidelinesVersion,
)
_RANK = {Role.ANNOTATOR: 0, Role.REVIEWER: 1, Role.MANAGER: 2}


def role_in(user: Person, project: Project) -> Role | None:
    """The person's role in the project; superusers count as managers everywhere. None for an outsider."""
    given = None
    if isinstance(user, User) and user.is_active and not user.is_superuser:
        given = Membership.objects.filter(project=project, user=user).values_list("role", flat=True).first()
    return _role(user, given)


def _role(user: Person, given: str | None) -> Role | None:
    """The role of somebody whose membership says `given`, None for none."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_superuser:
        return Role.MANAGER
    return Role(given) if given else None


def _admit(user: Person, project: Project, least: Role, what: str) -> None:
    _check(role_in(user, project), project, least, what)


def _check(role: Role | None, project: Project, least: Role, what: str) -> None:
    if role is None:
        raise NotFound(f"There is no such {what}.")
    if _RANK[role] < _RANK[least]:
        raise NotAllowed(f"Only a {least.label.lower()} of “{project}” may do this.")


def visible_projects(user: Person) -> QuerySet[Project]:
    """The projects that a person is in; all of them for a superuser."""
    projects = Project.objects.filter(archived_at__isnull=True)
    if not isinstance(user, User):
        return projects.none()
    return projects if user.is_superuser else projects.filter(memberships__user=user)


def may_create_projects(user: Person) -> bool:
    """Staff, superusers, and whoever manages a project already."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if user.is_staff or user.is_superuser:
        return True
    return Membership.objects.filter(user=user, role=Role.MANAGER).exists()


def get_project(user: Person, slug: str, *, least: Role = Role.ANNOTATOR) -> Project:
    """The project, if the person has at least the role `least` in it. Raises NotFound or NotAllowed."""
    project = Project.objects.filter(slug=slug, archived_at__isnull=True).first()
    if project is None:
        raise NotFound("There is no such project.")
    _admit(user, project, least, "project")
    return project


def get_queue(user: Person, queue_id: int, *, least: Role = Role.ANNOTATOR) -> Queue:
    """The queue, if the person has at least the role `least` in its project. Raises NotFound or NotAllowed."""
    found = _QUEUE.first(queue=queue_id, person=user.pk) if 0 <= queue_id < 2**63 else None
    if found is None:
        raise NotFound("There is no such queue.")
    queue, queue.project, queue.form, role = found
    _check(_role(user, role), queue.project, least, "queue")
    return cast(Queue, queue)


def get_held_slot(user: Person, slot_id: int) -> Slot:
    """A slot to write to, for members of its project. Whether they still hold it is for the lease to say."""
    found = _SLOT.first(slot=slot_id, person=user.pk) if 0 <= slot_id < 2**63 else None
    if found is None:
        raise NotFound("There is no such slot.")
    slot, slot.queue, slot.queue.project, slot.form, slot.guidelines, role = found
    _check(_role(user, role), slot.queue.project, Role.ANNOTATOR, "slot")
    return cast(Slot, slot)


def get_slot(user: Person, slot_id: int) -> Slot:
    """A slot to look at: for its annotator, and for reviewers and managers of the project."""
    slot = get_held_slot(user, slot_id)
    if isinstance(user, User) and slot.annotator_id != user.pk:
        _admit(user, slot.queue.project, Role.REVIEWER, "slot")
    return slot


def get_task(user: Person, task_id: int) -> Task:
    """A task to move about, for managers of its project."""
    tasks = Task.objects.select_related("queue__project").filter(queue__project__archived_at__isnull=True)
    task = tasks.filter(pk=task_id).first()
    if task is None:
        raise NotFound("There is no such task.")
    _admit(user, task.queue.project, Role.MANAGER, "task")
    return task


def get_import(user: Person, slug: str, import_id: int) -> PromptImport:
    """The record of an import, for managers of its project."""
    project = get_project(user, slug, least=Role.MANAGER)
    found = PromptImport.objects.filter(project=project, pk=import_id).first()
    if found is None:
        raise NotFound("There is no such import.")
    return found


def get_duplicate_group(user: Person, slug: str, group_id: int) -> DuplicateGroup:
    """Prompts that say the same, for managers of their project."""
    project = get_project(user, slug, least=Role.MANAGER)
    found = DuplicateGroup.objects.filter(project=project, pk=group_id).first()
    if found is None:
        raise NotFound("There is no such group. A newer search may have found others.")
    return found


def get_membership(user: Person, slug: str, membership_id: int) -> Membership:
    """Somebody's place in a project, for its managers."""
    project = get_project(user, slug, least=Role.MANAGER)
    found = Membership.objects.select_related("user").filter(project=project, pk=membership_id).first()
    if found is None:
        raise NotFound("There is no such member.")
    return found


def get_webhook(user: Person, slug: str, webhook_id: int) -> Webhook:
    """A webhook of a project, for its managers."""
    project = get_project(user, slug, least=Role.MANAGER)
    found = Webhook.objects.select_related("project").filter(project=project, pk=webhook_id).first()
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


def get_delivery(user: Person, slug: str, webhook_id: int, delivery_id: int) -> Delivery:
    """A message for a webhook, for the managers of its project."""
    webhook = get_webhook(user, slug, webhook_id)
    found = Delivery.objects.select_related("webhook__project").filter(webhook=webhook, pk=delivery_id).first()
    if found is None:
        raise NotFound("There is no such delivery. What is over is kept for 30 days.")
    return found


def get_prompt(user: Person, slug: str, prompt_id: int) -> Prompt:
    """A prompt with all that is known of it, for managers: whoever judges its candidates must not see their models."""
    project = get_project(user, slug, least=Role.MANAGER)
    found = Prompt.objects.filter(project=project, pk=prompt_id).first()
    if found is None:
        raise NotFound("There is no such prompt.")
    return found


def get_annotation(user: Person, annotation_id: int) -> Annotation:
    """Somebody's answers to judge, for reviewers and managers of their project."""
    found = Annotation.objects.select_related("queue__project").filter(queue__project__archived_at__isnull=True)
    annotation = found.filter(pk=annotation_id).first() if 0 <= annotation_id < 2**63 else None
    if annotation is None:
        raise NotFound("There are no such answers.")
    _admit(user, annotation.queue.project, Role.REVIEWER, "annotation")
    return annotation


def get_token(user: Person, token_id: int) -> ApiToken:
    """One of the person's own tokens."""
    found = ApiToken.objects.filter(pk=token_id, user=user).first() if isinstance(user, User) else None
    if found is None:
        raise NotFound("There is no such token.")
    return found


def visible_annotations(user: Person, project: Project) -> QuerySet[Annotation]:
    """All annotations for reviewers and managers, their own for annotators; none that were taken back."""
    annotations = Annotation.objects.filter(queue__project=project, undone_at__isnull=True)
    role = role_in(user, project)
    if role is None or not isinstance(user, User):
        return annotations.none()
    return annotations.filter(annotator=user) if role is Role.ANNOTATOR else annotations
