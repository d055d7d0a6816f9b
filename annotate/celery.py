"""The Celery application. Functions run by Celery are called jobs and live in ``<app>/jobs.py``."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")

app = Celery("annotate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Leave logging as the settings made it; without a receiver Celery replaces every handler."""
