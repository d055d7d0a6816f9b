from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Turns annotations into files that trainers load."""

    name = "labeling.exports"
    label = "exports"
    default_auto_field = "django.db.models.BigAutoField"
