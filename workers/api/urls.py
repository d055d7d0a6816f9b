"""The API of generators."""

from django.urls import path

from workers.api import views

urlpatterns = [
    path("projects/<slug:slug>/generators/", views.Generators.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/", views.GeneratorDetail.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/retry/", views.RetryFailed.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/cancel/", views.CancelPending.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/report/", views.GeneratorReport.as_view()),
    path("projects/<slug:slug>/generation/", views.Shared.as_view()),
    path("projects/<slug:slug>/candidates/<int:candidate_id>/regenerate/", views.Regenerate.as_view()),
    path("queues/<int:queue_id>/water-marks/", views.Marks.as_view()),
]
