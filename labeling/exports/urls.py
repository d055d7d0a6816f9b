"""The pages about exports and releases."""

from django.urls import URLPattern, URLResolver, path

from labeling.exports.views import exports, releases

_project = "projects/<slug:slug>/"
_release = f"{_project}releases/<int:number>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{_project}export/", exports.export, name="export"),
    path(f"{_project}releases/", releases.index, name="releases"),
    path(f"{_project}releases/new/", releases.create, name="release-create"),
    path(_release, releases.detail, name="release"),
    path(f"{_release}cancel/", releases.cancel, name="release-cancel"),
    path(f"{_release}compare/", releases.compare, name="release-compare"),
]
