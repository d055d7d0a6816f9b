"""The API of generators."""

from django.urls import path

from workers.api import views

urlpatterns = [
    path("projects/<slug:slug>/generators/", views.Generators.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/", views.GeneratorDetail.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/retry/", views.RetryFailed.as_view()),
    path("projects/<slug:slug>/generators/<int:generator_id>/cancel/", views.CancelPending.as_view()),
]
