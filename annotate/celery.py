"""The Celery application. Functions run by Celery are called jobs and live in ``<app>/jobs.py``."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import after_task_publish, beat_init, setup_logging, worker_process_init

from annotate import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")

app = Celery("annotate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Leave logging as the settings made it; without a receiver Celery replaces every handler."""


@beat_init.connect
def show_that_beat_lives(sender: Any, **_: object) -> None:
    """Have beat touch ``<its schedule file>.alive`` whenever the broker took a message from it, for health checks."""
    alive = Path(f"{sender.schedule_filename}.alive")
    after_task_publish.connect(lambda **_: alive.touch(), weak=False)


@worker_process_init.connect
def keep_what_is_loaded(**_: object) -> None:
    """Tell the garbage collector that what is loaded stays, as `annotate.web` does."""
    garbage.settle()
