"""The calls of the API that are about projects, prompts and labelling."""

from django.urls import URLPattern, URLResolver, path

from labeling.api import (
    annotations,
    duplicates,
    forms,
    live,
    members,
    projects,
    prompts,
    queues,
    slots,
    tasks,
    tokens,
)

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
    path(f"{_project}imports/<int:import_id>/cancel/", prompts.CancelImport.as_view(), name="api-import-cancel"),
    path(f"{_project}imports/<int:import_id>/rejected/", prompts.RejectedLines.as_view(), name="api-import-rejected"),
    path(f"{_project}duplicates/", duplicates.Duplicates.as_view(), name="api-duplicates"),
    path(f"{_project}duplicates/search/", duplicates.DuplicateSearches.as_view(), name="api-duplicate-search"),
    path(f"{_project}duplicates/search/cancel/", duplicates.CancelSearch.as_view(), name="api-duplicate-search-cancel"),
    path(f"{_project}duplicates/<int:group_id>/judge/", duplicates.JudgeGroup.as_view(), name="api-duplicates-judge"),
    path(f"{_project}queues/", queues.Queues.as_view(), name="api-queues"),
    path(f"{_project}annotations/", annotations.Annotations.as_view(), name="api-annotations"),
    path("form-presets/", forms.FormPresets.as_view(), name="api-form-presets"),
    path("question-types/", forms.QuestionTypes.as_view(), name="api-question-types"),
    path("queues/<int:queue_id>/", queues.QueueDetail.as_view(), name="api-queue"),
    path("queues/<int:queue_id>/live/", live.LiveQueue.as_view(), name="api-queue-live"),
    path("queues/<int:queue_id>/skips/", live.Skips.as_view(), name="api-queue-skips"),
    path(f"{_project}batches/", queues.BatchPriorities.as_view(), name="api-batches"),
    path("tasks/<int:task_id>/retire/", tasks.Retire.as_view(), name="api-task-retire"),
    path("tasks/<int:task_id>/reopen/", tasks.Reopen.as_view(), name="api-task-reopen"),
    path("tasks/<int:task_id>/hand/", tasks.Hand.as_view(), name="api-task-hand"),
    path("tasks/<int:task_id>/move/", tasks.Move.as_view(), name="api-task-move"),
    path("slots/<int:slot_id>/free/", tasks.FreeSlot.as_view(), name="api-slot-free"),
    path("slots/<int:slot_id>/take-back/", tasks.TakeBack.as_view(), name="api-slot-take-back"),
    path("queues/<int:queue_id>/next/", queues.NextSlot.as_view(), name="api-next"),
    path("slots/<int:slot_id>/draft/", slots.Draft.as_view(), name="api-draft"),
    path("slots/<int:slot_id>/submit/", slots.Submit.as_view(), name="api-submit"),
    path("slots/<int:slot_id>/revise/", slots.Revise.as_view(), name="api-revise"),
    path("slots/<int:slot_id>/undo/", slots.Undo.as_view(), name="api-undo"),
    path("slots/<int:slot_id>/skip/", slots.Skip.as_view(), name="api-skip"),
    path("slots/<int:slot_id>/release/", slots.Release.as_view(), name="api-release"),
]
