"""Generators over JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.models import Role
from workers.access import get_generator
from workers.models import Generator, GeneratorState
from workers.selectors import progress
from workers.services import generators


class SamplingFields(serializers.Serializer[Any]):
    """How tokens are drawn. What is left out takes the default shown."""

    max_new_tokens = serializers.IntegerField(required=False, help_text="The longest completion, in tokens; 512.")
    temperature = serializers.FloatField(required=False, help_text="0 takes the likeliest token every time; 0.8.")
    top_p = serializers.FloatField(required=False, help_text="Nucleus sampling; 0.95.")
    seed = serializers.IntegerField(required=False, help_text="Where the seeds of its rows start from; 0.")


class GeneratorIn(serializers.Serializer[Any]):
    """A generator to be made."""

    name = serializers.CharField(max_length=100)
    backend = serializers.CharField(max_length=50)
    model = serializers.CharField(max_length=300)
    revision = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    candidates_per_prompt = serializers.IntegerField(required=False, default=1)
    # Kept as JSON: the drawer of backends checks it and names every wrong field.
    sampling = serializers.DictField(required=False)
    system = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)


class GeneratorChange(serializers.Serializer[Any]):
    """What can be changed: `active` sets it going, `paused` stops it after the batch in hand."""

    state = serializers.ChoiceField(choices=[GeneratorState.ACTIVE.value, GeneratorState.PAUSED.value])


class GeneratorOut(serializers.Serializer[Any]):
    """A generator with its progress. `tokens_per_second` is over everything it has made."""

    id = serializers.IntegerField(source="generator.pk")
    name = serializers.CharField(source="generator.name")
    backend = serializers.CharField(source="generator.backend")
    model = serializers.CharField(source="generator.model")
    revision = serializers.CharField(source="generator.revision", allow_blank=True)
    candidates_per_prompt = serializers.IntegerField(source="generator.candidates_per_prompt")
    sampling = SamplingFields(source="generator.sampling")
    system = serializers.CharField(source="generator.system", allow_blank=True)
    state = serializers.ChoiceField(source="generator.state", choices=GeneratorState.choices)
    pending = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    tokens_per_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.SerializerMethodField()
    last_error = serializers.CharField(source="generator.last_error", allow_blank=True)

    def get_seconds_left(self, found: progress.Progress) -> float | None:
        return found.left.total_seconds() if found.left else None


class Moved(serializers.Serializer[Any]):
    """How many rows were moved."""

    moved = serializers.IntegerField()


def _answer(generator: Generator) -> dict[str, Any]:
    answer: dict[str, Any] = GeneratorOut(progress.of_generators([generator])[0]).data
    return answer


class Generators(ApiView):
    @describe({200: page_of(GeneratorOut)}, errors=(400,), query=PageQuery, operation_id="list_generators")
    def get(self, request: Request, slug: str) -> Response:
        """The generators of a project, with their progress."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        return page(request, Generator.objects.filter(project=project), GeneratorOut, progress.of_generators)

    @describe({201: GeneratorOut}, request=GeneratorIn, errors=(409,), operation_id="create_generator")
    def post(self, request: Request, slug: str) -> Response:
        """Makes a generator. It starts by itself, and makes candidates for every prompt there is and every new one."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        generator = generators.create(project, **body(request, GeneratorIn, strict=True), by=person(request))
        return Response(_answer(generator), status=201)


class GeneratorDetail(ApiView):
    @describe({200: GeneratorOut}, operation_id="get_generator")
    def get(self, request: Request, slug: str, generator_id: int) -> Response:
        """A generator with its progress."""
        return Response(_answer(get_generator(person(request), slug, generator_id)))

    @describe({200: GeneratorOut}, request=GeneratorChange, operation_id="change_generator")
    def patch(self, request: Request, slug: str, generator_id: int) -> Response:
        """Pauses a generator, or sets it going again."""
        generator = get_generator(person(request), slug, generator_id)
        state = body(request, GeneratorChange, strict=True)["state"]
        return Response(_answer(generators.set_state(generator, state, by=person(request))))


class RetryFailed(ApiView):
    @describe({200: Moved}, operation_id="retry_failed_generations")
    def post(self, request: Request, slug: str, generator_id: int) -> Response:
        """Gives what failed or was called off another round of tries."""
        generator = get_generator(person(request), slug, generator_id)
        return Response({"moved": generators.retry_failed(generator, by=person(request))})


class CancelPending(ApiView):
    @describe({200: Moved}, operation_id="cancel_pending_generations")
    def post(self, request: Request, slug: str, generator_id: int) -> Response:
        """Calls off what has not been started. Prompts stop waiting for it."""
        generator = get_generator(person(request), slug, generator_id)
        return Response({"moved": generators.cancel_pending(generator, by=person(request))})
