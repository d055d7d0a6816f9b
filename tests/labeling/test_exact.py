"""Text that a page must hold to the code point, because answers count places in it."""

from __future__ import annotations

import html
import re

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from labeling.selectors.slots import ShownCandidate
from labeling.templatetags.ui import exact

CHARACTERS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])


def as_read(markup: str) -> str:
    """What an HTML reader makes of text in an element: line ends first, then references."""
    return html.unescape(re.sub("\r\n?", "\n", markup))


@pytest.mark.parametrize("text", ["", "a\r\nb", "a\rb", "\r", "\n\n\r\n", "<b>&amp;&#13;'\"", "\u2028\ufeff👩‍👧"])
def test_it_is_read_as_it_was_written(text: str) -> None:
    assert as_read(exact(text)) == text


@given(st.text(CHARACTERS | st.sampled_from("\r\n<&#;13x"), max_size=50))
def test_so_is_every_text(text: str) -> None:
    assert as_read(exact(text)) == text


def test_no_text_ends_its_element() -> None:
    assert exact("</div><script>\r") == "&lt;/div&gt;&lt;script&gt;&#13;"


@pytest.mark.parametrize("raw_first", [True, False])
def test_a_response_is_there_both_ways_and_one_is_seen(raw_first: bool) -> None:
    candidate = ShownCandidate("b", "B", "\n one\r\n*two* ")
    page = render_to_string("labeling/_candidate.html", {"candidate": candidate, "raw_first": raw_first, "prompt": {}})
    raw = re.search(r'<div class="candidate__raw" data-raw="b"([^>]*)>(.*?)</div>', page, re.DOTALL)
    text = re.search(r'<div class="prose candidate__text"([^>]*)>', page)
    assert raw is not None
    assert text is not None
    assert as_read(raw[2]) == candidate.text
    assert (" hidden" in raw[1], " hidden" in text[1]) == (not raw_first, raw_first)
