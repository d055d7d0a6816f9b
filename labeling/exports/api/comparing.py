"""What changed between two releases."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person, query
from labeling.api.schema import describe
from labeling.api.shapes.base import Fields
from labeling.errors import Fault, Invalid
from labeling.exports.access import get_release
from labeling.exports.selectors import comparisons


class ComparedRow(Fields):
    prompt_id = serializers.CharField()
    key = serializers.CharField(help_text="Which row of its prompt it is: the ids, queue and question it is made of.")


class ComparedRows(Fields):
    count = serializers.IntegerField()
    first = ComparedRow(many=True, help_text="The first of them, by prompt.")


class ComparedFormat(Fields):
    format = serializers.CharField()
    added = ComparedRows(help_text="Rows that the newer release alone has.")
    removed = ComparedRows(help_text="Rows that the older release alone has.")
    changed = ComparedRows(help_text="Rows that both have, and that say something else.")
    same = serializers.IntegerField()


class FormatAlone(Fields):
    format = serializers.CharField()
    number = serializers.IntegerField(help_text="The release that has it.")


class ReleaseComparison(Fields):
    old = serializers.IntegerField(help_text="The lower number of the two.")
    new = serializers.IntegerField()
    formats = ComparedFormat(many=True, help_text="Those that both have.")
    alone = FormatAlone(many=True, help_text="Formats that only one of them has.")


class ComparisonQuery(Fields):
    format = serializers.CharField(required=False, help_text="One format; all that both have without it.")


class CompareReleases(ApiView):
    @describe({200: ReleaseComparison}, errors=(400, 409), query=ComparisonQuery, operation_id="compare_releases")
    def get(self, request: Request, slug: str, number: int, other: int) -> Response:
        """What came, went, changed and stayed from the older of two releases to the newer, row by row, in each format.

        It walks along all their rows: some 10 seconds for a million of a format. 409 where one of them is not done,
        where they have no format in common, or where what is needed is not in the storage any more.
        """
        user = person(request)
        pair = comparisons.pair_of(get_release(user, slug, number), get_release(user, slug, other))
        wanted = query(request, ComparisonQuery).get("format")
        if wanted is not None and wanted not in pair.formats:
            known = ", ".join(pair.formats)
            raise Invalid("They cannot be compared so.", errors=[Fault("format", f"Both have: {known}.")])
        found = {name: comparisons.compare(pair, name) for name in ([wanted] if wanted else pair.formats)}
        return Response(ReleaseComparison(comparisons.as_dict(pair, found)).data)
