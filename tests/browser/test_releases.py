"""A manager makes a release, follows it, downloads a file and compares it, under the site's own content policy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import expect

from labeling.exports.models import Release
from labeling.exports.services import building, releases
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = pytest.mark.browser


def test_a_release_is_made_followed_downloaded_and_compared(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    alice, ann = person("alice"), make.person("ann")
    project = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(project, 3)
    write = make.queue(project, slug="write")
    make.written(write, ann, "The first answer.")
    visitor.enter(alice)
    page = visitor.open("/projects/haiku/export/")
    page.get_by_role("link", name="Releases", exact=True).click()
    page.get_by_role("link", name="Make the first release").click()
    expect(page.get_by_label("Train, percent")).to_be_hidden()
    page.get_by_label("Divided").select_option("shares")
    expect(page.get_by_label("Train, percent")).to_have_value("80")
    page.get_by_label("Divided").select_option("none")
    page.get_by_role("checkbox", name="sft", exact=False).first.check()
    page.get_by_label("Title").fill("For the paper")
    page.get_by_role("button", name="Show what it would hold").click()
    expect(page.get_by_role("heading", name="What it would hold now")).to_be_in_viewport()
    page.get_by_role("button", name="Make the release").click()
    expect(page.get_by_text("It waits for its turn.")).to_be_visible()
    releases.work()
    expect(page.get_by_role("heading", name="What is in it")).to_be_visible()  # nobody loaded the page again
    expect(page.get_by_role("button", name="Call it off")).to_have_count(0)
    with page.expect_download() as waited:
        page.get_by_role("link", name="sft/all-00000.jsonl").click()
    data = Path(waited.value.path()).read_bytes()
    assert b"The first answer." in data
    manifest = Release.objects.get().manifest
    assert manifest
    assert hashlib.sha256(data).hexdigest() == manifest["files"][0]["sha256"]
    make.written(write, ann, "The second answer.")
    page.get_by_role("link", name="New release with the same choice").click()
    page.get_by_role("button", name="Make the release").click()
    expect(page.get_by_role("heading", name="Release 2")).to_be_visible()
    releases.work()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="From release 1 to release 2")).to_be_visible()
    expect(page.get_by_role("img", name="sft: 1 added, 0 removed, 0 changed, 1 unchanged")).to_be_visible()
    expect(page.get_by_text("The second answer.", exact=True)).to_be_visible()
