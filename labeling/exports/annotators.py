"""Names for the people whose answers are exported, and finding whom a name means.

A file names annotators by pseudonyms alone. A choice that was made by an e-mail address says `account-…` instead of it:
that is neither the address nor the pseudonym, so no report, log or release tells whose pseudonym is whose.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import salted_hmac

from labeling.exports.selection import Person
from labeling.models import Annotation, Membership, Project, User


class Unknown(Exception):
    """Nobody goes by this name. What it says is for people."""


def pseudonym(project_id: int, user_id: int, release: int | None = None) -> str:
    """A name for an annotator that says nothing: the same within a project, another one in every other project.

    In a release it is another one than anywhere else, so that nobody can follow a person from one to the next. It
    hangs on SECRET_KEY, so nobody can work out from an export who of the people they know is meant.
    """
    whose = project_id if release is None else f"{project_id}:release {release}"
    return f"person-{_keyed('labeling.exports.annotator', whose, user_id)}"


def account_name(project_id: int, user_id: int) -> str:
    """What a choice calls somebody who was named by address."""
    return f"account-{_keyed('labeling.exports.account', project_id, user_id)}"


def _keyed(salt: str, whose: int | str, user_id: int) -> str:
    return salted_hmac(salt, f"{whose}:{user_id}", algorithm="sha256").hexdigest()[:16]


def find(project: Project, name: str) -> Person:
    """Whom an e-mail address, a pseudonym or an account name means in a project. Raises Unknown where it is nobody."""
    if "@" in name:
        # Not get_by_natural_key: whether an address has an account elsewhere is not for this project to know.
        user = _people(project).filter(email=name.strip().lower()).first()
        if user is None:
            raise Unknown(f"Nobody in this project has the address “{name}”.")
        return Person(account_name(project.pk, user.pk), user.pk)
    naming = account_name if name.startswith("account-") else pseudonym
    for pk in _people(project).values_list("pk", flat=True):
        if naming(project.pk, pk) == name:
            return Person(name, pk)
    raise Unknown(
        f"Nobody in this project goes by “{name}”. "
        "Give an e-mail address, or a pseudonym (person-…) as exports have it."
    )


def _people(project: Project) -> QuerySet[User]:
    """Whoever is in the project, or has answered in it."""
    answers = Annotation.objects.filter(annotator=OuterRef("pk"), queue__project=project)
    members = Membership.objects.filter(user=OuterRef("pk"), project=project)
    return User.objects.filter(Q(Exists(members)) | Q(Exists(answers))).order_by("pk")
