"""What comes in with the call for a new release: JSON, or a form of JSON and a benchmark."""

from __future__ import annotations

import io
from typing import Any

from django.core.files import File
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from labeling.access import Person
from labeling.api.base import StrictJSON, body, shaped
from labeling.courtesy import GiveWay
from labeling.errors import Fault, Invalid, NotFound
from labeling.exports import benchmarks
from labeling.exports.access import get_release
from labeling.exports.contamination import Benchmark
from labeling.models import Project

_FIELDS = ("release", "benchmark")


def is_form(request: Request) -> bool:
    """Whether a form was sent, and not JSON."""
    return request._request.content_type == "multipart/form-data"


def read(request: Request, shape: type[serializers.Serializer[Any]]) -> tuple[dict[str, Any], File[bytes] | None]:
    """What the release is to hold, as `shape` reads it, and the file of a benchmark. Raises Invalid."""
    if not is_form(request):
        return body(request, shape, strict=True), None
    form: Any = request.data
    sent = dict(form.items())
    faults = [Fault(name, f"Known in a form: {', '.join(_FIELDS)}.") for name in sent if name not in _FIELDS]
    release, file = sent.get("release"), sent.get("benchmark")
    if not isinstance(release, str):
        faults.append(Fault("release", "Send what the release is to hold in this field, as JSON."))
    if not isinstance(file, File):
        faults.append(Fault("benchmark", "Send a file in this field. Without one, send the JSON alone as the body."))
    if faults:
        raise Invalid("The form is not as it must be.", errors=faults)
    return shaped(_parsed(str(release)), shape, strict=True), file


def _parsed(text: str) -> Any:
    try:
        return StrictJSON().parse(io.BytesIO(text.encode()))
    except ParseError as error:
        raise Invalid("“release” cannot be read.", errors=[Fault("release", str(error.detail))]) from error


def benchmark(user: Person, project: Project, number: int | None, file: File[bytes] | None) -> Benchmark | None:
    """The benchmark in the file, or that of the release of this number; None without either. Raises Invalid."""
    if number is None:
        return benchmarks.read(file, between=GiveWay()) if file else None
    if file:
        said = "A benchmark is in the form already. Leave one of the two out."
        raise Invalid(said, errors=[Fault("benchmark_of", said)])
    try:
        return benchmarks.again(get_release(user, project.slug, number))
    except NotFound as error:
        raise Invalid(error.detail, errors=[Fault("benchmark_of", error.detail)]) from error
