"""The Django project: settings, the table of addresses, and everything that starts the platform."""

from annotate.celery import app as celery_app

__all__ = ["celery_app"]
