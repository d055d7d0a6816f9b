"""The pages about exports."""

from django.urls import URLPattern, URLResolver, path

from labeling.exports import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("projects/<slug:slug>/export/", views.export, name="export"),
]
