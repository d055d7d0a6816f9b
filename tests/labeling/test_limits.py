"""The limits that the scripts of the labelling page know are the server's own."""

from __future__ import annotations

import re

from django.conf import settings

from labeling.questions.base import MAX_TEXT
from labeling.services.drafts import MAX_BYTES
from tests.process import ROOT


def test_the_page_sends_what_the_server_takes_and_nothing_larger() -> None:
    script = (ROOT / "labeling" / "static" / "labeling" / "js" / "lib" / "limits.js").read_text()
    known = {name: int(number) for name, number in re.findall(r"export const ([A-Z_]+) = ([\d_]+);", script)}
    assert known == {
        "LONGEST": MAX_TEXT,
        "LARGEST_DRAFT": MAX_BYTES,
        "LARGEST_FORM": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    }
