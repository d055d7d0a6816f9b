"""The pages of generators."""

from django.urls import path

from workers import views

urlpatterns = [
    path("projects/<slug:slug>/generators/", views.index, name="generators"),
    path("projects/<slug:slug>/generators/new/", views.create, name="generator-create"),
    path("projects/<slug:slug>/generators/<int:generator_id>/", views.detail, name="generator"),
    path("projects/<slug:slug>/generators/<int:generator_id>/act/", views.act, name="generator-act"),
]
