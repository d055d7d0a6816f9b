from django.apps import AppConfig


class LabelingConfig(AppConfig):
    """The domain: projects, prompts, queues, slots and annotations, with the screens to work on them."""

    name = "labeling"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Labelling"
