"""What Celery beat does and when. Plain data: the settings import it."""

from typing import Any

TICK_SECONDS = 2.0

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # A tick that was not run before the next one is dropped: after a long stop there is one, not a thousand.
    "tick": {"task": "workers.jobs.tick", "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}},
}
