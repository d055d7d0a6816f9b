"""What a person changes about their own account."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from labeling.errors import Fault, Invalid
from labeling.models import User
from labeling.services import events
from labeling.text import unfit_text

# What may be chosen; the first of each is what holds for somebody who chose nothing.
PREFERENCES: dict[str, tuple[str, ...]] = {
    "theme": ("system", "light", "dark"),
    "layout": ("grid", "stack", "focus"),
    "keys": ("on", "off"),
}


def preference(user: User, name: str) -> str:
    """What the person chose, or what holds without a choice."""
    chosen = user.preferences.get(name)
    return chosen if chosen in PREFERENCES[name] else PREFERENCES[name][0]


@transaction.atomic
def prefer(user: User, chosen: dict[str, Any], *, by: User) -> User:
    """Keeps choices about the screens. Raises Invalid for one that does not exist. Leaves an Event for a change."""
    for name, value in chosen.items():
        if value not in PREFERENCES.get(name, ()):
            known = ", ".join(PREFERENCES.get(name, ())) or "none"
            raise Invalid("There is no such choice.", errors=[Fault(name, f"Choose one of: {known}.")])
    user = User.objects.select_for_update().get(pk=user.pk)
    wanted = user.preferences | chosen
    if wanted != user.preferences:
        user.preferences = wanted
        user.save(update_fields=["preferences"])
        events.record("user.preferences", user, by=by, project=None, chosen=chosen)
    return user


@transaction.atomic
def rename(user: User, name: str, *, by: User) -> User:
    """Sets the name that others see; empty for none. Raises Invalid for a text that is no name."""
    name = " ".join(name.split())
    if len(name) > 150 or unfit_text(name):
        raise Invalid("The name is not usable.", errors=[Fault("name", "Give a name of at most 150 characters.")])
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.name != name:
        user.name = name
        user.save(update_fields=["name"])
        events.record("user.renamed", user, by=by, project=None)
    return user


@transaction.atomic
def change_password(user: User, *, old: str, new: str, by: User) -> User:
    """Sets a new password. Raises Invalid when the old one is wrong or the new one is too easy to guess."""
    user = User.objects.select_for_update().get(pk=user.pk)
    if not user.check_password(old):
        raise Invalid("The password was not changed.", errors=[Fault("old", "That is not your present password.")])
    try:
        validate_password(new, user)
    except ValidationError as error:
        faults = [Fault("new", message) for message in error.messages]
        raise Invalid("The password was not changed.", errors=faults) from error
    user.set_password(new)
    user.save(update_fields=["password"])
    events.record("user.password_changed", user, by=by, project=None)
    return user
