"""What Celery beat does and when. Plain data: the settings import it."""

from typing import Any

TICK_SECONDS = 2.0

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # A tick that was not run before the next one is dropped: after a long stop there is one, not a thousand.
    "tick": {"task": "workers.jobs.tick", "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}},
    "tidy": {"task": "workers.jobs.tidy", "schedule": 3600.0, "options": {"expires": 3600.0}},
}
