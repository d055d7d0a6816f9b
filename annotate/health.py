"""Is the platform well? ``/healthz`` asks the database and the broker, each for two seconds at most."""

import logging
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

SECONDS = 2


@never_cache
@require_safe
def show(request: HttpRequest) -> JsonResponse:
    """200 where all parts answer, otherwise 503. Each part is named with ``ok`` or ``does not answer``."""
    parts = {"web": True, "database": _answers(_ask_database), "broker": _answers(_ask_broker)}
    well = all(parts.values())
    words = {name: "ok" if answers else "does not answer" for name, answers in parts.items()}
    return JsonResponse({"status": "ok" if well else "failing", **words}, status=200 if well else 503)


def _answers(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except (psycopg.Error, redis.RedisError, OSError) as error:
        logger.warning("health: %s: %s", ask.__name__, error)
        return False
    return True


def _ask_database() -> None:
    # A connection of its own: one from the pool would wait for the pool, and would not see that new ones fail.
    params = connection.get_connection_params()
    params["options"] = f"{params.get('options', '')} -c statement_timeout={SECONDS * 1000}"
    with psycopg.connect(**{**params, "connect_timeout": SECONDS}) as fresh:
        fresh.execute("SELECT 1")


def _ask_broker() -> None:
    with broker(timeout=SECONDS) as client:
        client.ping()


def broker(timeout: float) -> redis.Redis:
    """A client of the broker's server. ``timeout`` is in seconds, for connecting and for each answer."""
    # Celery writes redis+socket:///path?virtual_host=0 for what the client calls unix:///path?db=0.
    url: str = settings.CELERY_BROKER_URL
    if url.startswith("redis+socket:"):
        url = "unix:" + url.removeprefix("redis+socket:").replace("virtual_host=", "db=")
    return redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout)
