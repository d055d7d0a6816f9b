"""Mistakes in a call that asks for a release: what has another type than it should is told like any other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.exports.models import Release
from labeling.models import User
from labeling.services import people
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

AT = "/api/projects/haiku/releases/"

# What stands in the place of a name.
ODD = ("3", "2.5", "true", '["sft"]', '{"sft": 1}', '[["sft"]]', r'"\u0000"', r'"\ud800"')
NAMES: list[tuple[str, str, tuple[str, ...]]] = [
    ("format", '{"format": ODD}', (*ODD, "null")),
    ("formats.0", '{"formats": [ODD]}', (*ODD, "null")),
    ("formats", '{"formats": ODD}', ("3", '"sft"', '{"sft": 1}', "null", "[]")),
    ("files", '{"format": "sft", "files": ODD}', (*ODD, "false", "0", "[]", "{}")),
    ("filters", '{"format": "sft", "filters": ODD}', ("3", '"x"', '["pairs"]', "true")),
    ("filters.pairs", '{"format": "sft", "filters": {"pairs": ODD}}', ODD),
    ("filters.queue", '{"format": "sft", "filters": {"queue": ODD}}', ODD),
    ("filters.annotators", '{"format": "sft", "filters": {"annotators": ODD}}', (*ODD, r'"\ud800@x.org"')),
    ("filters.min_agreement", '{"format": "sft", "filters": {"min_agreement": ODD}}', ("2.5", "-1", "[]", '"x"')),
    ("filters.since", '{"format": "sft", "filters": {"since": ODD}}', ODD),
    ("splits", '{"format": "sft", "splits": ODD}', ("3", '"x"', "[]", '["train"]', '[["train"]]', "{}", r'"\ud800"')),
    ("splits.train", '{"format": "sft", "splits": {"train": ODD}}', ('"80"', "[80]", "null", "true")),
    ("title", '{"format": "sft", "title": ODD}', ("[1]", "{}", "true", "null", r'"\u0000"')),
]


@pytest.mark.parametrize(
    ("path", "body"), [(path, body.replace("ODD", odd)) for path, body, oddities in NAMES for odd in oddities]
)
def test_what_is_of_another_type_is_told_with_its_path(path: str, body: str) -> None:
    alice: User = make.person("alice")
    make.project(alice, slug="haiku")
    _, key = people.create_token(alice, by=alice)
    speaker = APIClient(headers={"Authorization": f"Token {key}"})
    response: Any = speaker.post(AT, body, content_type="application/json")
    assert response.status_code == 400, response.content
    told = json.loads(response.content)
    assert told["code"] == "invalid"
    assert [error["path"] for error in told["errors"]] == [path]
    assert not Release.objects.exists()
