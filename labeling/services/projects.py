"""Projects, their members and their guidelines."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.expressions import RawSQL
from django.utils.text import slugify

from labeling.errors import Conflict, Fault, Invalid
from labeling.licenses import LICENSES, MAX_ADDRESS, is_address
from labeling.models import GuidelinesVersion, Membership, Project, Role, Slot, SlotState, User
from labeling.services import claims, events, people
from labeling.services.abilities import clean_languages, clean_skills
from labeling.text import typed, unfit_text

MAX_GUIDELINES = 500_000
MAX_DESCRIPTION = 10_000
AS_ADDRESS = (
    f"it begins with https:// and has {MAX_ADDRESS} characters at most, none of them a space or a letter with marks."
)


def clean_slug(slug: str, *, name: str, what: str) -> str:
    """A slug that can stand in an address: as given, or made from the name."""
    given = slug or slugify(name)[:80].strip("-")
    if not given or given != slugify(given) or len(given) > 80:
        raise Invalid(
            f"The {what} needs an address.",
            errors=[Fault("slug", "Use small letters, digits and hyphens, at most 80, for example “my-project”.")],
        )
    return given


def clean_name(name: Any, *, what: str) -> str:
    """A name that can stand on a page: 1 to 200 characters on one line."""
    if not isinstance(name, str) or not name.strip() or len(name.strip()) > 200 or unfit_text(name):
        raise Invalid(f"The {what} needs a name.", errors=[Fault("name", "Give it a name of 1 to 200 characters.")])
    return " ".join(name.split())


def clean_description(text: Any) -> str:
    """What a project says of itself. Raises Invalid."""
    lines = typed(text) if isinstance(text, str) else None
    if lines is None or len(lines) > MAX_DESCRIPTION:
        raise Invalid(
            "The description is not usable.", errors=[Fault("description", "Give text of at most 10,000 characters.")]
        )
    if problem := unfit_text(lines):
        raise Invalid("The description is not usable.", errors=[Fault("description", f"The text {problem}")])
    return lines.strip()


def clean_license(text: Any) -> str:
    """A licence as a project keeps it: a name of `labeling.licenses`, an address, or nothing. Raises Invalid."""
    given = text.strip() if isinstance(text, str) else None
    if given is None or (given and given not in LICENSES and not is_address(given)):
        said = f"Choose one of: {', '.join(LICENSES)}; or give the address where it can be read: {AS_ADDRESS}"
        raise Invalid("The licence is not usable.", errors=[Fault("license", said)])
    return given


def clean_guidelines(text: Any) -> str:
    """Guidelines that can be stored: text without NUL or lone surrogates, of a size that a page can show."""
    if not isinstance(text, str) or len(text) > MAX_GUIDELINES:
        raise Invalid(
            "The guidelines are not usable.", errors=[Fault("guidelines", "Give text of at most 500,000 characters.")]
        )
    problem = unfit_text(text)
    if problem:
        raise Invalid("The guidelines are not usable.", errors=[Fault("guidelines", f"The text {problem}")])
    return text.replace("\r\n", "\n")


@transaction.atomic
def create(
    *, name: str, slug: str = "", guidelines: str = "", description: str = "", license: str = "", by: User
) -> Project:
    """A project with its first guidelines; whoever makes it manages it. Raises Invalid; Conflict for a taken slug."""
    name = clean_name(name, what="project")
    slug = clean_slug(slug, name=name, what="project")
    text = clean_guidelines(guidelines)
    said = {"description": clean_description(description), "license": clean_license(license)}
    try:
        with transaction.atomic():
            project = Project.objects.create(name=name, slug=slug, **said)
    except IntegrityError as error:
        raise Conflict(
            f"There is a project at “{slug}” already.", errors=[Fault("slug", "Choose another one.")]
        ) from error
    GuidelinesVersion.objects.create(project=project, number=1, text=text)
    Membership.objects.create(project=project, user=by, role=Role.MANAGER)
    named = {"license": project.license} if project.license else {}
    events.record("project.created", project, by=by, project=project, name=name, **named)
    return project


@transaction.atomic
def change(
    project: Project, *, name: str | None = None, description: str | None = None, license: str | None = None, by: User
) -> Project:
    """Sets what is said of a project; None leaves a thing as it is. Raises Invalid.

    Releases that were made keep what was said then. The slug stays: it is in addresses that others have.
    """
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    wanted = {
        "name": None if name is None else clean_name(name, what="project"),
        "description": None if description is None else clean_description(description),
        "license": None if license is None else clean_license(license),
    }
    before = {field: getattr(project, field) for field in wanted}
    changed = {field: [before[field], new] for field, new in wanted.items() if new not in (None, before[field])}
    if changed:
        for field, (_, new) in changed.items():
            setattr(project, field, new)
        project.save(update_fields=list(changed))
        events.record("project.changed", project, by=by, project=project, changed=changed)
    return project


def guidelines_of(project: Project) -> GuidelinesVersion:
    """The guidelines in force: the newest version."""
    return GuidelinesVersion.objects.filter(project=project).order_by("-number")[:1].get()


@transaction.atomic
def set_guidelines(project: Project, text: str, *, by: User) -> GuidelinesVersion:
    """A new version of the guidelines, or the present one when nothing changed."""
    text = clean_guidelines(text)
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    current = guidelines_of(project)
    if current.text == text:
        return current
    version = GuidelinesVersion.objects.create(project=project, number=current.number + 1, text=text)
    events.record("guidelines.changed", version, by=by, project=project, number=version.number)
    return version


def meet_guidelines(project: Project, number: int, *, by: User) -> None:
    """Remembers that a person has met the guidelines of that number, so that they are not announced again.

    Leaves no Event: the annotation that pins them is the record.
    """
    Membership.objects.filter(project=project, user=by, guidelines_seen__lt=number).update(guidelines_seen=number)


@transaction.atomic
def add_member(project: Project, *, email: str, role: str, by: User) -> tuple[Membership, bool]:
    """Gives a person a role, making an account without a password for a new address.

    Returns the membership and whether it is new. Raises Invalid for an unknown role, Conflict when it would take
    the last manager away.
    """
    if role not in Role.values:
        raise Invalid("There is no such role.", errors=[Fault("role", f"Choose one of: {', '.join(Role.values)}.")])
    user, _ = people.get_or_create(email)
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    membership, created = Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
    if not created and membership.role != role:
        _keep_a_manager(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)
        membership.role = role
        events.record("member.changed", membership, by=by, project=project, email=user.email, role=role)
    elif created:
        events.record("member.added", membership, by=by, project=project, email=user.email, role=role)
    return membership, created


@transaction.atomic
def change_member(
    membership: Membership, *, skills: Any = None, languages: Any = None, role: str | None = None, by: User
) -> Membership:
    """Sets what a person can do: skills with levels, and languages they read. Queues may ask for them; a change is in
    force with the next task they take. Raises Invalid, or Conflict when it would take the last manager away.
    """
    if role is not None and role not in Role.values:
        raise Invalid("There is no such role.", errors=[Fault("role", f"Choose one of: {', '.join(Role.values)}.")])
    project = Project.objects.select_for_update(no_key=True).get(pk=membership.project_id)
    membership = Membership.objects.select_related("user").select_for_update(of=("self",)).get(pk=membership.pk)
    before = {"skills": membership.skills, "languages": membership.languages, "role": membership.role}
    if skills is not None:
        membership.skills = clean_skills(skills, "skills")
    if languages is not None:
        membership.languages = clean_languages(languages, "languages")
    if role is not None and role != membership.role:
        _keep_a_manager(membership)
        membership.role = role
    changed = {name: getattr(membership, name) for name, old in before.items() if getattr(membership, name) != old}
    if changed:
        membership.save(update_fields=list(changed))
        events.record("member.changed", membership, by=by, project=project, email=membership.user.email, **changed)
    return membership


@transaction.atomic
def remove_member(membership: Membership, *, by: User) -> None:
    """Takes a person out of a project. Their work stays. Raises Conflict for the last manager."""
    project = Project.objects.select_for_update(no_key=True).get(pk=membership.project_id)
    _keep_a_manager(membership)
    # What was handed to them is everybody's again.
    handed = Slot.objects.filter(queue__project=project, reserved_for=membership.user_id, state=SlotState.OPEN)
    # In the order in which everybody locks several.
    held = list(handed.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk", flat=True))
    Slot.objects.filter(pk__in=held, state=SlotState.OPEN).update(
        reserved_for=None,
        reopened_xid=RawSQL(claims.THIS_XID, []),  # noqa: S611 - our own
    )
    events.record("member.removed", membership, by=by, project=project, email=membership.user.email)
    membership.delete()


def _keep_a_manager(membership: Membership) -> None:
    others = Membership.objects.filter(project=membership.project_id, role=Role.MANAGER).exclude(pk=membership.pk)
    if membership.role == Role.MANAGER and not others.exists():
        raise Conflict("This is the project's last manager. Make somebody else a manager first.")
