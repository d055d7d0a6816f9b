"""The site's table of contents."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView

from annotate import health
from labeling.api.errors import no_such_call

schema = SpectacularAPIView.as_view(renderer_classes=[OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer])

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.show, name="healthz"),
    path("admin/", admin.site.urls),
    path("api/schema/", schema, name="schema"),
    path("api/", include("labeling.api.urls")),
    path("api/", include("workers.api.urls")),
    path("api/", include("labeling.exports.api.urls")),
    re_path(r"^api/", no_such_call),
    path("", include("labeling.urls")),
    path("", include("workers.urls")),
    path("", include("labeling.exports.urls")),
]
