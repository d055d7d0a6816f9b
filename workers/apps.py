from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """What makes candidates: generators, their backends and the jobs that run them."""

    name = "workers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have `manage.py check_counts` look at the numbers that are kept here, too."""
        from labeling.selectors import counts
        from workers.selectors.counts import GENERATORS

        counts.register(GENERATORS)
