"""The calls of the API that are about exports."""

from django.urls import URLPattern, URLResolver, path

from labeling.exports.api import comparing, exports, releases

_project = "projects/<slug:slug>/"
_release = f"{_project}releases/<int:number>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{_project}export/", exports.Export.as_view(), name="api-export"),
    path(f"{_project}exports/<int:transfer_id>/", exports.Sent.as_view(), name="api-export-sent"),
    path(f"{_project}export/dataset-info/", exports.DatasetInfo.as_view(), name="api-export-dataset-info"),
    path(f"{_project}export/report/", exports.Report.as_view(), name="api-export-report"),
    path(f"{_project}releases/", releases.Releases.as_view(), name="api-releases"),
    path(_release, releases.ReleaseDetail.as_view(), name="api-release-detail"),
    path(f"{_release}cancel/", releases.CancelRelease.as_view(), name="api-release-cancel"),
    path(f"{_release}compare/<int:other>/", comparing.CompareReleases.as_view(), name="api-release-compare"),
    # No slash at the end: these are the names of files.
    path(f"{_release}manifest.json", releases.ReleaseManifest.as_view(), name="api-release-manifest"),
    path(f"{_release}files/<path:path>", releases.ReleaseFiles.as_view(), name="api-release-file"),
    path(f"{_project}withdrawals/", releases.Withdrawals.as_view(), name="api-withdrawals"),
]
