"""People who take back their consent: nothing of theirs is exported or released any more."""

from __future__ import annotations

from django.db import connection, transaction

from labeling.errors import Fault, Invalid
from labeling.exports.models import Release, Withdrawal
from labeling.exports.selectors import releases as reads
from labeling.models import Annotation, Membership, Project, User
from labeling.services import events


def withdraw(project: Project, user: User, *, reason: str = "", by: User) -> tuple[Withdrawal, list[Release], bool]:
    """Leaves everything that a person said in a project out of what is exported from now on.

    Their answers stay in the project, and they may go on labelling: whether they leave it is another matter. Releases
    that were asked for before are not changed. Returns the withdrawal, the past releases that hold something of
    theirs, the newest first, and whether this call made it: a second one changes nothing. Raises Invalid for somebody
    who has no part in the project.
    """
    known = Membership.objects.filter(project=project, user=user).exists()
    if not known and not Annotation.objects.filter(queue__project=project, annotator=user).exists():
        raise Invalid(
            "This person has no part in the project.",
            errors=[Fault("email", "Nobody of this address is in the project or has answered anything in it.")],
        )
    with transaction.atomic():
        with connection.cursor() as cursor:
            # In this order: a release that has waited for all numbers given out before its cutoff has seen this one.
            cursor.execute("SELECT pg_current_xact_id()::text, clock_timestamp()")
            row = cursor.fetchone()
        assert row
        made, is_new = Withdrawal.objects.get_or_create(
            project=project, user=user, defaults={"at": row[1], "by": by, "reason": reason.strip()}
        )
        holding = reads.holding(made)
        if is_new:
            numbers = [release.number for release in holding]
            events.record("person.withdrew", made, by=by, project=project, user=user.pk, releases=numbers)
    return made, holding, is_new
