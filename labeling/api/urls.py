"""The calls of the API that are about projects, prompts and labelling."""

from django.urls import URLPattern, URLResolver, path

from labeling.api import annotations, forms, members, projects, prompts, queues, slots, tokens

_project = "projects/<slug:slug>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("tokens/", tokens.Tokens.as_view(), name="api-tokens"),
    path("projects/", projects.Projects.as_view(), name="api-projects"),
    path(_project, projects.ProjectDetail.as_view(), name="api-project"),
    path(f"{_project}members/", members.Members.as_view(), name="api-members"),
    path(f"{_project}members/<int:membership_id>/", members.Member.as_view(), name="api-member"),
    path(f"{_project}prompts/", prompts.Prompts.as_view(), name="api-prompts"),
    path(f"{_project}imports/", prompts.Imports.as_view(), name="api-imports"),
    path(f"{_project}imports/<int:import_id>/", prompts.ImportReport.as_view(), name="api-import"),
    path(f"{_project}imports/<int:import_id>/rejected/", prompts.RejectedLines.as_view(), name="api-import-rejected"),
    path(f"{_project}queues/", queues.Queues.as_view(), name="api-queues"),
    path(f"{_project}annotations/", annotations.Annotations.as_view(), name="api-annotations"),
    path("form-presets/", forms.FormPresets.as_view(), name="api-form-presets"),
    path("question-types/", forms.QuestionTypes.as_view(), name="api-question-types"),
    path("queues/<int:queue_id>/", queues.QueueDetail.as_view(), name="api-queue"),
    path("queues/<int:queue_id>/next/", queues.NextSlot.as_view(), name="api-next"),
    path("slots/<int:slot_id>/draft/", slots.Draft.as_view(), name="api-draft"),
    path("slots/<int:slot_id>/submit/", slots.Submit.as_view(), name="api-submit"),
    path("slots/<int:slot_id>/revise/", slots.Revise.as_view(), name="api-revise"),
    path("slots/<int:slot_id>/undo/", slots.Undo.as_view(), name="api-undo"),
    path("slots/<int:slot_id>/skip/", slots.Skip.as_view(), name="api-skip"),
    path("slots/<int:slot_id>/release/", slots.Release.as_view(), name="api-release"),
]
