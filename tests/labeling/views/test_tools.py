"""Tools on the screens of annotators and managers: read, never run."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from labeling.importing.base import parse
from labeling.services import imports
from labeling.text import unfit_text
from tests import make
from tests.labeling.hostile import TEXTS

pytestmark = pytest.mark.django_db


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "parameters": {"type": "object", "properties": properties}}


def pages(*tools: dict[str, Any]) -> tuple[str, str]:
    """The labelling page and the page of the one prompt of a project."""
    alice, ann = make.person(), make.person()
    project = make.project(alice, annotators=[ann])
    lines = [parse({"prompt": "Is it warm?", "tools": list(tools)}, 1)]
    imports.import_lines(project, lines, source="jsonl", by=alice)
    queue = make.queue(project)
    found = []
    for who, where in (
        (ann, f"/label/{queue.pk}/"),
        (alice, f"/projects/{project.slug}/prompts/{project.prompts.get().pk}/"),
    ):
        client = Client()
        client.force_login(who)
        answer = client.get(where, follow=True)
        assert answer.status_code == 200
        found.append(answer.content.decode())
    return found[0], found[1]


def test_tools_stand_beside_the_prompt_with_what_they_take() -> None:
    for page in pages(tool("get_weather", "How warm it is.", city={"type": "string"}), tool("now")):
        assert "2 tools that may be called" in page
        assert "How warm it is." in page
        assert "get_weather" in page
        assert html.escape('"city": {') in page


def test_a_prompt_without_tools_says_nothing_of_them() -> None:
    for page in pages():
        assert "may be called" not in page


def test_hostile_tools_are_text() -> None:
    hostile = [text for text in TEXTS if not unfit_text(text) and len(text) < 1000]
    tools = [tool(f"{number} {text}"[:200], text, **{text: {"enum": [text]}}) for number, text in enumerate(hostile)]
    for start in range(0, len(tools), 60):
        some = tools[start : start + 60]
        plain = [tool(f"tool {number}") for number in range(len(some))]
        for page, harmless in zip(pages(*some), pages(*plain), strict=True):
            # Whatever they say, they bring no element, no attribute and no comment.
            for mark in ("<script", "<img", "<svg", "<iframe", "<style", "<details", "<!--", "<a ", "<form", "<h1"):
                assert page.lower().count(mark) == harmless.lower().count(mark), mark
