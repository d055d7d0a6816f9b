"""Generators over JSON."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.errors import NotFound
from labeling.models import Project, Queue, Role
from workers.access import get_candidate, get_generator
from workers.api import shapes
from workers.models import GenerationSettings, Generator
from workers.selectors import progress, stock
from workers.services import budgets, generations, generators, supply


def _answer(generator: Generator) -> dict[str, Any]:
    answer: dict[str, Any] = shapes.GeneratorOut(progress.of_generators([generator])[0]).data
    return answer


class Generators(ApiView):
    @describe({200: page_of(shapes.GeneratorOut)}, errors=(400,), query=PageQuery, operation_id="list_generators")
    def get(self, request: Request, slug: str) -> Response:
        """The generators of a project, with their progress."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        return page(request, Generator.objects.filter(project=project), shapes.GeneratorOut, progress.of_generators)

    @describe({201: shapes.GeneratorOut}, request=shapes.GeneratorIn, errors=(409,), operation_id="create_generator")
    def post(self, request: Request, slug: str) -> Response:
        """Makes a generator. It starts by itself, and makes candidates for every prompt there is and every new one."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        generator = generators.create(project, **body(request, shapes.GeneratorIn, strict=True), by=person(request))
        return Response(_answer(generator), status=201)


class GeneratorDetail(ApiView):
    @describe({200: shapes.GeneratorOut}, operation_id="get_generator")
    def get(self, request: Request, slug: str, generator_id: int) -> Response:
        """A generator with its progress."""
        return Response(_answer(get_generator(person(request), slug, generator_id)))

    @describe(
        {200: shapes.GeneratorOut}, request=shapes.GeneratorChange, errors=(409,), operation_id="change_generator"
    )
    def patch(self, request: Request, slug: str, generator_id: int) -> Response:
        """Pauses a generator or sets it going again, and changes its settings."""
        generator = get_generator(person(request), slug, generator_id)
        given = body(request, shapes.GeneratorChange, strict=True)
        state = given.pop("state", None)
        with transaction.atomic():
            if given:
                generator = generators.change(generator, **given, by=person(request))
            if state:
                generator = generators.set_state(generator, state, by=person(request))
        return Response(_answer(generator))


class GeneratorReport(ApiView):
    @describe({200: shapes.Report}, operation_id="get_generator_report")
    def get(self, request: Request, slug: str, generator_id: int) -> Response:
        """What the hygiene checks found in its responses, and the commonest reasons why rows of it failed."""
        generator = get_generator(person(request), slug, generator_id)
        found = {"findings": progress.findings(generator), "failures": progress.failure_reasons(generator)}
        return Response(shapes.Report(found).data)


class RetryFailed(ApiView):
    @describe({200: shapes.Moved}, operation_id="retry_failed_generations")
    def post(self, request: Request, slug: str, generator_id: int) -> Response:
        """Gives what failed or was called off another round of tries."""
        generator = get_generator(person(request), slug, generator_id)
        return Response({"moved": generators.retry_failed(generator, by=person(request))})


class CancelPending(ApiView):
    @describe({200: shapes.Moved}, operation_id="cancel_pending_generations")
    def post(self, request: Request, slug: str, generator_id: int) -> Response:
        """Calls off what has not been started. Prompts stop waiting for it."""
        generator = get_generator(person(request), slug, generator_id)
        return Response({"moved": generators.cancel_pending(generator, by=person(request))})


class Regenerate(ApiView):
    @describe({202: shapes.Moved}, errors=(409,), operation_id="regenerate_candidate")
    def post(self, request: Request, slug: str, candidate_id: int) -> Response:
        """Puts a generated candidate aside and has another made in its place. Tasks that are begun keep showing it."""
        candidate = get_candidate(person(request), slug, candidate_id)
        generations.regenerate(candidate, by=person(request))
        return Response({"moved": 1}, status=202)


class Shared(ApiView):
    @describe({200: shapes.SharedOut}, operation_id="get_generation_settings")
    def get(self, request: Request, slug: str) -> Response:
        """What the generators of a project share: how many candidates are drawn from several, and the budget."""
        return Response(_shared(access.get_project(person(request), slug, least=Role.MANAGER)))

    @describe({200: shapes.SharedOut}, request=shapes.SharedIn, operation_id="change_generation_settings")
    def patch(self, request: Request, slug: str) -> Response:
        """Changes it. A budget of null is none. Generators that a budget stopped are set going one by one."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        supply.change_project(project, **body(request, shapes.SharedIn, strict=True), by=person(request))
        return Response(_shared(project))


def _shared(project: Project) -> dict[str, Any]:
    shared = GenerationSettings.objects.filter(project=project).first() or GenerationSettings(project=project)
    shape = {name: getattr(shared, name) for name in ("drawn_per_prompt", "budget", "currency")}
    answer: dict[str, Any] = shapes.SharedOut(shape | {"cost": budgets.spent(project.pk)}).data
    return answer


class Marks(ApiView):
    @describe({200: shapes.WaterMarksOut}, operation_id="get_water_marks")
    def get(self, request: Request, queue_id: int) -> Response:
        """How many tasks a queue is kept ahead of its annotators, and how many it is. 404 where it has no marks."""
        return Response(_marks(access.get_queue(person(request), queue_id, least=Role.MANAGER)))

    @describe({200: shapes.WaterMarksOut}, request=shapes.WaterMarksIn, operation_id="set_water_marks")
    def put(self, request: Request, queue_id: int) -> Response:
        """Sets them. Where every queue of the project that shows candidates has marks, prompts are made as they are
        needed; else all of them."""
        queue = access.get_queue(person(request), queue_id, least=Role.MANAGER)
        supply.set_water_marks(queue, **body(request, shapes.WaterMarksIn, strict=True), by=person(request))
        return Response(_marks(queue))

    @describe({204: "They are taken away."}, operation_id="clear_water_marks")
    def delete(self, request: Request, queue_id: int) -> Response:
        """Takes them away: candidates are made for every prompt."""
        supply.clear_water_marks(access.get_queue(person(request), queue_id, least=Role.MANAGER), by=person(request))
        return Response(status=204)


def _marks(queue: Queue) -> dict[str, Any]:
    found = next((one for one in stock.ahead(queue.project) if one.queue == queue), None)
    if found is None:
        raise NotFound("This queue has no water marks.")
    answer: dict[str, Any] = shapes.WaterMarksOut(found).data
    return answer
