"""The scripts' own tests (tests/js), run in Chromium. Where there is Node.js, `node --test tests/js` runs the same."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "tests" / "js").glob("*.test.mjs"))
HOST = "http://tests.invalid"
PAGE = """<!doctype html><script type="importmap">{"imports": {
  "node:test": "/tests/js/browser/runner.js", "node:assert/strict": "/tests/js/browser/assert.js"
}}</script>"""

pytestmark = pytest.mark.browser


def serve(route: Route) -> None:
    path = urlsplit(route.request.url).path
    if path == "/":
        route.fulfill(body=PAGE, content_type="text/html")
        return
    file = (ROOT / path.lstrip("/")).resolve()
    kind = "text/javascript" if file.suffix == ".mjs" else mimetypes.guess_type(file.name)[0]
    route.fulfill(body=file.read_bytes(), content_type=kind)


def test_there_are_tests() -> None:
    assert len(FILES) >= 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_tests(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    page.route(f"{HOST}/**", serve)
    page.goto(f"{HOST}/")
    page.evaluate("path => import(path)", f"/{file.relative_to(ROOT).as_posix()}")
    results = page.evaluate("testResults()")
    page.close()
    assert len(results) >= file.read_text().count("\ntest(")
    assert [result for result in results if "failure" in result] == []
