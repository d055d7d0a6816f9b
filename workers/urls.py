"""The pages of generators."""

from django.urls import path

from workers import views

urlpatterns = [
    path("projects/<slug:slug>/generators/", views.index, name="generators"),
    path("projects/<slug:slug>/generators/new/", views.create, name="generator-create"),
    path("projects/<slug:slug>/generators/<int:generator_id>/", views.detail, name="generator"),
    path("projects/<slug:slug>/generators/<int:generator_id>/act/", views.act, name="generator-act"),
    path("projects/<slug:slug>/generators/<int:generator_id>/settings/", views.change, name="generator-change"),
    path("projects/<slug:slug>/generators/<int:generator_id>/found/", views.findings, name="generator-findings"),
    path("projects/<slug:slug>/generators/shared/", views.share, name="generation"),
    path("projects/<slug:slug>/generators/shared/<int:queue_id>/", views.mark, name="generation-mark"),
    path("projects/<slug:slug>/candidates/<int:candidate_id>/regenerate/", views.regenerate, name="regenerate"),
]
