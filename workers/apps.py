from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """What makes candidates: generators, their backends and the jobs that run them."""

    name = "workers"
    default_auto_field = "django.db.models.BigAutoField"
