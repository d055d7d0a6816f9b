"""Accounts and tokens."""

from __future__ import annotations

import logging
import secrets
from typing import cast

from django.contrib.auth import authenticate
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from redis.exceptions import RedisError

from labeling.errors import Conflict, Fault, Invalid, NotAllowed
from labeling.models import ApiToken, Membership, Role, User
from labeling.prepared import Statement
from labeling.services import events
from labeling.text import sha256

TOKEN_BYTES = 32
MAX_EMAIL = 254
MAX_WRONG = 10
WRONG_SECONDS = 15 * 60

logger = logging.getLogger(__name__)

_BY_KEY = Statement(
    "SELECT {token}, {person} FROM labeling_apitoken token JOIN labeling_user person ON person.id = token.user_id"
    " WHERE token.digest = %(digest)s",
    token=ApiToken,
    person=User,
)


def clean_email(email: str) -> str:
    """The address in lower case. Raises Invalid when it is none."""
    email = (email or "").strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("That is no e-mail address.", errors=[Fault("email", error.messages[0])]) from error
    if len(email) > MAX_EMAIL:
        raise Invalid("That address is too long.", errors=[Fault("email", f"At most {MAX_EMAIL} characters.")])
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


@transaction.atomic
def invitation(user: User, *, by: User) -> tuple[str, str]:
    """Two words for the address at which somebody sets their first password: who it is, and a token that ends.

    Raises Conflict where the link would be a key to more than the inviter could give: an account that has a
    password, rights on the whole site, or a place in a project that the inviter does not manage.
    """
    if user.has_usable_password() or not user.is_active:
        raise Conflict(f"{user} has a password already. A lost one can be set by an administrator.")
    own = Membership.objects.filter(user=by, role=Role.MANAGER).values("project")
    elsewhere = not by.is_superuser and Membership.objects.filter(user=user).exclude(project__in=own).exists()
    if user.is_staff or user.is_superuser or elsewhere:
        raise Conflict(f"{user} is more than a member of your projects. An administrator can set their password.")
    events.record("person.invited", user, by=by, project=None)
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


def token_for_login(*, email: str, password: str, origin: str = "") -> tuple[ApiToken, str]:
    """A token for someone who proves who they are. Raises NotAllowed, the same for any wrong pair."""
    user = proven(email=email, password=password, origin=origin)
    return create_token(user, name="made by login", by=user)


def proven(*, email: str, password: str, origin: str) -> User:
    """The person whom an address and a password prove, asked for from the network address `origin`.

    Raises NotAllowed, the same for any wrong pair, and after MAX_WRONG wrong ones for every pair until a while
    has passed: guessing must not pay. Only the pair of address and origin is held up, so that nobody can lock
    somebody else out.
    """
    email = (email or "").strip().lower()
    counter = f"wrong-passwords:{sha256(f'{email} {origin}')}"
    if _wrong_so_far(counter) >= MAX_WRONG:
        minutes = WRONG_SECONDS // 60
        raise NotAllowed(f"Too many wrong passwords for this address. Wait {minutes} minutes and try again.")
    user = authenticate(username=email, password=password)
    if not isinstance(user, User):
        _count_wrong(counter)
        raise NotAllowed("That address and password do not go together. Mind capital letters in the password.")
    return user


def _wrong_so_far(counter: str) -> int:
    try:
        return int(cache.get(counter, 0))
    except RedisError as error:  # without the counter people must still get in
        logger.warning("Wrong passwords are not counted at present: %s", type(error).__name__)
        return 0


def _count_wrong(counter: str) -> None:
    try:
        cache.add(counter, 0, WRONG_SECONDS)
        cache.incr(counter)
    except (RedisError, ValueError):  # ValueError: it ran out in between, and counting starts anew
        return


@transaction.atomic
def revoke_token(token: ApiToken, *, by: User) -> None:
    """Ends a token at once."""
    events.record("token.revoked", token, by=by, project=None, name=token.name)
    token.delete()


def user_of_key(key: str) -> User | None:
    """Whose key this is, or None. Notes when it was last used, at most once a minute."""
    found = _BY_KEY.first(digest=sha256(key))
    if found is None:
        return None
    token, user = found
    if not user.is_active:
        return None
    now = timezone.now()
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > 60:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return cast(User, user)
