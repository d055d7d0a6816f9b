"""Accounts and tokens."""

from __future__ import annotations

import secrets

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.errors import Fault, Invalid, NotAllowed
from labeling.models import ApiToken, User
from labeling.services import events
from labeling.text import sha256

TOKEN_BYTES = 32


def clean_email(email: str) -> str:
    """The address in lower case. Raises Invalid when it is none."""
    email = (email or "").strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("That is no e-mail address.", errors=[Fault("email", error.messages[0])]) from error
    return email


def get_or_create(email: str) -> tuple[User, bool]:
    """The account of an address, made without a password where there was none."""
    email = clean_email(email)
    user = User.objects.filter(email=email).first()
    if user:
        return user, False
    try:
        with transaction.atomic():
            return User.objects.create_user(email), True
    except IntegrityError:  # somebody else made it at this very moment
        return User.objects.get(email=email), False


@transaction.atomic
def create_token(user: User, *, name: str = "", by: User) -> tuple[ApiToken, str]:
    """A new token and its key. The key is shown this once: only its SHA-256 is kept."""
    key = secrets.token_urlsafe(TOKEN_BYTES)
    token = ApiToken.objects.create(user=user, name=name[:100], digest=sha256(key), prefix=key[:6])
    events.record("token.created", token, by=by, project=None, name=token.name)
    return token, key


def token_for_login(*, email: str, password: str) -> tuple[ApiToken, str]:
    """A token for someone who proves who they are. Raises NotAllowed, the same for any wrong pair."""
    user = authenticate(username=(email or "").strip().lower(), password=password)
    if not isinstance(user, User):
        raise NotAllowed("That address and password do not go together.")
    return create_token(user, name="made by login", by=user)


@transaction.atomic
def revoke_token(token: ApiToken, *, by: User) -> None:
    """Ends a token at once."""
    events.record("token.revoked", token, by=by, project=None, name=token.name)
    token.delete()


def user_of_key(key: str) -> User | None:
    """Whose key this is, or None. Notes when it was last used, at most once a minute."""
    token = ApiToken.objects.select_related("user").filter(digest=sha256(key)).first()
    if token is None or not token.user.is_active:
        return None
    now = timezone.now()
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > 60:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user
