"""The calls of the API that are about exports."""

from django.urls import URLPattern, URLResolver, path

from labeling.exports.api import exports

urlpatterns: list[URLPattern | URLResolver] = [
    path("projects/<slug:slug>/export/", exports.Export.as_view(), name="api-export"),
    path("projects/<slug:slug>/export/report/", exports.Report.as_view(), name="api-export-report"),
]
