"""What a form can be made of, for programs that make one."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView
from labeling.api.schema import describe, page_of
from labeling.api.shapes import queues as shapes
from labeling.selectors import forms as reads


class FormPresets(ApiView):
    @describe({200: page_of(shapes.FormPreset)}, operation_id="list_form_presets")
    def get(self, request: Request) -> Response:
        """Ready-made forms: published recipes. Send the slug as a queue's `preset`, or the `form` with your changes."""
        return Response({"results": shapes.FormPreset(reads.presets(), many=True).data, "next": None})


class QuestionTypes(ApiView):
    @describe({200: page_of(shapes.QuestionType)}, operation_id="list_question_types")
    def get(self, request: Request) -> Response:
        """The types of questions that a form can ask, each with its settings."""
        return Response({"results": shapes.QuestionType(reads.question_types(), many=True).data, "next": None})
