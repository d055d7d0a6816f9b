"""From submit to the next task on the screen, and what the first page weighs: `python -m tests.bench.bench_screen`.

A script and not a test: what it prints depends on the machine. It starts a PostgreSQL, a broker and a web server of its
own, and a real Chromium that ranks four responses by keyboard. The floor beside it is the same submit through the API
on the same server, without a browser: what the network and the database take for it. Ends with 1 where the page weighs
more, or the next task takes longer, than it may.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from annotate.servers import valkey
from annotate.supervisor import start_process
from tests.bench.bench_export import throwaway

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

BUDGET = 150_000  # bytes of the first labelling page, compressed, with everything that it loads
MOST = 150.0  # ms from the key to the next task, in 19 of 20 cases
# Notes when Enter was pressed and when the page after it was painted.
WATCH = """
() => {
  window.times = [];
  const press = ({ key }) => { if (key === "Enter") window.pressed = performance.now(); };
  document.addEventListener("keydown", press, true);
  new MutationObserver((records) => {
    if (!records.some((one) => [...one.addedNodes].some((node) => node.nodeName === "BODY"))) return;
    requestAnimationFrame(() => setTimeout(() => {
      document.documentElement.dataset.times = window.times.push(performance.now() - window.pressed);
    }));
  }).observe(document.documentElement, { childList: true });
}
"""


class Scales:
    """Weighs what a page loads from now on: bytes on the wire, by address."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.sizes: dict[str, float] = {}
        self._addresses: dict[str, str] = {}
        session = context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)
        session.send("Network.enable")

    def _asked(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    @property
    def total(self) -> float:
        return sum(self.sizes.values())

    def heaviest(self, number: int = 12) -> list[tuple[float, str]]:
        """What weighs most, heaviest first."""
        found = ((size, self._addresses.get(name, "?")) for name, size in self.sizes.items())
        return sorted(found, reverse=True)[:number]


@contextmanager
def broker() -> Iterator[None]:
    """A Valkey for this run, named to Django."""
    home = Path(tempfile.mkdtemp(prefix="annotate-bench-broker-"))
    home.chmod(0o711)
    server = valkey(home, durable=False)
    with server.log.open("ab") as log:
        running = start_process(
            server.command, env={"LC_ALL": "C"}, folder=server.folder, death=server.stop, account=server.account,
            output=log,
        )  # fmt: skip
    try:
        while not server.answers():
            time.sleep(0.05)
        os.environ["BROKER_URL"] = server.url
        yield
    finally:
        running.send_signal(server.stop)
        running.wait(timeout=60)


def percentiles(name: str, milliseconds: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile of a list, printed."""
    cuts = quantiles(milliseconds, n=20)
    print(f"{name:44} p50 {cuts[9]:6.0f} ms   p95 {cuts[18]:6.0f} ms   ({len(milliseconds)} times)")
    return cuts[9], cuts[18]


def measure_api(address: str, queue_id: int, token: str, times: int) -> list[float]:
    """Submit and take the next, over one connection."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def call(path: str, value: object) -> dict[str, object]:
        connection.request("POST", path, json.dumps(value), headers)
        body = connection.getresponse().read()
        found: dict[str, object] = json.loads(body)
        return found

    slot, took = call(f"/api/queues/{queue_id}/next/", {}), []
    answers = {"ranking": {"groups": [["a"], ["b"], ["c"], ["d"]]}}
    for _ in range(times):
        began = time.perf_counter()
        call(f"/api/slots/{slot['slot']}/submit/", {"lease": slot["lease"], "answers": answers})
        slot = call(f"/api/queues/{queue_id}/next/", {})
        took.append((time.perf_counter() - began) * 1000)
    return took


def main() -> None:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    times = parser.parse_args().times
    with throwaway(), broker(), tempfile.TemporaryDirectory() as folder:
        import django

        os.environ["ALLOWED_HOSTS"] = "127.0.0.1"
        django.setup()
        within = run(times, Path(folder))
    sys.exit(0 if within else 1)


def run(times: int, folder: Path) -> bool:
    """Everything that needs Django. True where all is as light and as quick as it must be."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import override_settings
    from playwright.sync_api import sync_playwright

    from labeling.services import people
    from tests import make
    from tests.browser.conftest import BROWSERS, FLAGS, WebServer, chromium, session_of

    call_command("migrate", verbosity=0)
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": "annotate.static_files.HashedStaticFiles"}}
    with override_settings(STATIC_ROOT=str(folder / "static"), STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 2 * times + 10, candidates=4)
    queue = make.queue(project, preset="ranking", overlap=2)
    _, token = people.create_token(ben, name="bench", by=ben)
    server = WebServer(folder / "static", folder / "web.log", os.environ["DATABASE_URL"])
    server.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium((*BROWSERS[1:], BROWSERS[0])), args=FLAGS)
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_cookies([session_of(ann, server.address)])
            page = context.new_page()
            scales = Scales(context, page)
            page.goto(f"{server.address}/label/{queue.pk}/")
            page.wait_for_load_state("networkidle")
            first, requests = scales.total, len(scales.sizes)
            page.evaluate(WATCH)
            for number in range(times):
                page.wait_for_timeout(700)  # somebody reads: meanwhile the next task comes
                for key in "1234":
                    page.keyboard.press(key)
                page.keyboard.press("Enter")
                page.wait_for_selector(f"html[data-times='{number + 1}']", state="attached")
            shown: list[float] = page.evaluate("window.times")
            browser.close()
        floor = measure_api(server.address, queue.pk, token, times)
    finally:
        server.stop()
    median, longest = percentiles(f"submit to the next task painted (at most {MOST:.0f})", shown)
    quickest, _ = percentiles("floor: submit and next through the API", floor)
    print(f"{'ratio of the medians':44} {median / quickest:6.2f}")
    print(
        f"{'first page with all that it loads':44} {first / 1000:6.0f} kB in {requests} requests"
        f" (budget {BUDGET // 1000} kB)"
    )
    return first < BUDGET and longest < MOST


if __name__ == "__main__":
    main()
