"""The shapes of what goes in and out of the API of generators."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from workers.models import GeneratorState
from workers.selectors import progress


class SamplingFields(serializers.Serializer[Any]):
    """How tokens are drawn. What is left out takes the default shown."""

    max_new_tokens = serializers.IntegerField(required=False, help_text="The longest completion, in tokens; 512.")
    temperature = serializers.FloatField(required=False, help_text="0 takes the likeliest token every time; 0.8.")
    top_p = serializers.FloatField(required=False, help_text="Nucleus sampling; 0.95.")
    seed = serializers.IntegerField(required=False, help_text="Where the seeds of its rows start from; 0.")
    min_new_tokens = serializers.IntegerField(required=False, help_text="No turn ends before so many tokens; 0.")
    stop = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Texts that end a completion and are left out of it."
    )


class Changeable(serializers.Serializer[Any]):
    """What may be changed later, for what is made from then on."""

    weight = serializers.FloatField(
        required=False, allow_null=True, help_text="Its share where the project draws from several; null makes its own."
    )
    group = serializers.CharField(
        required=False, allow_blank=True, help_text="Which workers hold its model: those that serve generation.GROUP."
    )
    # Kept as JSON: the drawers check it and name every wrong field.
    hygiene = serializers.DictField(required=False, help_text="{check: off | mark | replace}, what differs.")
    replacements = serializers.IntegerField(required=False, help_text="How often a dropped response is made anew; 2.")
    max_tokens = serializers.IntegerField(required=False, allow_null=True, help_text="Tokens that it makes at most.")
    max_cost = serializers.DecimalField(
        max_digits=14, decimal_places=6, required=False, allow_null=True, help_text="What it may cost, in all."
    )


class GeneratorIn(Changeable):
    """A generator to be made."""

    name = serializers.CharField(max_length=100)
    backend = serializers.CharField(max_length=50)
    model = serializers.CharField(max_length=300)
    revision = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    candidates_per_prompt = serializers.IntegerField(required=False, default=1)
    sampling = serializers.DictField(required=False)
    variants = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="Sample n is drawn with variant n, around and around."
    )
    options = serializers.DictField(required=False, help_text="The backend's own settings.")
    system = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)


class GeneratorChange(Changeable):
    """What can be changed: `active` sets it going, `paused` stops it after what is in hand; and its settings."""

    state = serializers.ChoiceField(choices=[GeneratorState.ACTIVE.value, GeneratorState.PAUSED.value], required=False)
    name = serializers.CharField(max_length=100, required=False)
    candidates_per_prompt = serializers.IntegerField(required=False)


class GeneratorOut(serializers.Serializer[Any]):
    """A generator with its progress. `tokens_per_second` is over everything it has made."""

    id = serializers.IntegerField(source="generator.pk")
    name = serializers.CharField(source="generator.name")
    backend = serializers.CharField(source="generator.backend")
    model = serializers.CharField(source="generator.model")
    revision = serializers.CharField(source="generator.revision", allow_blank=True)
    options = serializers.DictField(source="generator.options")
    candidates_per_prompt = serializers.IntegerField(source="generator.candidates_per_prompt")
    sampling = SamplingFields(source="generator.sampling")
    variants = serializers.ListField(child=serializers.DictField(), source="generator.variants")
    system = serializers.CharField(source="generator.system", allow_blank=True)
    weight = serializers.FloatField(source="generator.weight", allow_null=True)
    group = serializers.CharField(source="generator.group", allow_blank=True)
    hygiene = serializers.DictField(source="generator.hygiene")
    replacements = serializers.IntegerField(source="generator.replacements")
    max_tokens = serializers.IntegerField(source="generator.max_tokens", allow_null=True)
    max_cost = serializers.DecimalField(max_digits=14, decimal_places=6, source="generator.max_cost", allow_null=True)
    state = serializers.ChoiceField(source="generator.state", choices=GeneratorState.choices)
    pending = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    tokens_made = serializers.IntegerField(source="generator.tokens_made")
    tokens_read = serializers.IntegerField(source="generator.tokens_read")
    cost = serializers.DecimalField(max_digits=16, decimal_places=6, source="generator.cost")
    tokens_per_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.SerializerMethodField()
    last_error = serializers.CharField(source="generator.last_error", allow_blank=True)

    def get_seconds_left(self, found: progress.Progress) -> float | None:
        return found.left.total_seconds() if found.left else None


class Found(serializers.Serializer[Any]):
    """What one hygiene check found. `share` is of all responses that were looked at."""

    check = serializers.CharField(source="name")
    title = serializers.CharField()
    action = serializers.CharField()
    marked = serializers.IntegerField()
    dropped = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class ReasonOut(serializers.Serializer[Any]):
    """Why rows failed, and how many for that reason."""

    error = serializers.CharField()
    number = serializers.IntegerField()


class Report(serializers.Serializer[Any]):
    """What was found in a generator's responses, and why rows of it failed."""

    findings = Found(many=True)
    failures = ReasonOut(many=True)


class SharedIn(serializers.Serializer[Any]):
    """What the generators of a project share."""

    drawn_per_prompt = serializers.IntegerField(
        required=False, help_text="So many candidates of each prompt are drawn from the generators with a weight."
    )
    budget = serializers.DecimalField(max_digits=14, decimal_places=6, required=False, allow_null=True)
    currency = serializers.CharField(max_length=3, required=False)


class SharedOut(serializers.Serializer[Any]):
    """What the generators of a project share, and what they have cost."""

    drawn_per_prompt = serializers.IntegerField()
    budget = serializers.DecimalField(max_digits=14, decimal_places=6, allow_null=True)
    currency = serializers.CharField()
    cost = serializers.DecimalField(max_digits=16, decimal_places=6)


class WaterMarksIn(serializers.Serializer[Any]):
    """Between how many tasks a queue is kept ahead of its annotators."""

    low = serializers.IntegerField()
    high = serializers.IntegerField()
    lead_minutes = serializers.IntegerField(required=False, default=60)


class WaterMarksOut(WaterMarksIn):
    """Its water marks, what is ready, and what that comes to. All in tasks; `pace` is of the last hour."""

    ready = serializers.IntegerField()
    making = serializers.IntegerField()
    pace = serializers.FloatField()
    refill_at = serializers.IntegerField()
    wanted = serializers.IntegerField()


class Moved(serializers.Serializer[Any]):
    """How many rows were moved."""

    moved = serializers.IntegerField()
