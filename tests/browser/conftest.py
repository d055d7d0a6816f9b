"""A real server (gunicorn, hashed static files, the site's own content policy) and a real Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from annotate.supervisor import start_process
from tests.annotate.running import environment, free_port
from tests.process import ROOT, database_url

if TYPE_CHECKING:  # pytest reads this file before Django is set up
    from playwright._impl._api_structures import SetCookieParam

    from labeling.models import User

# The driver of the browser runs a loop in this thread, in which Django would refuse to speak to the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

PASSWORD = "correct horse battery"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Tells what the content policy refused, also where the browser's own message would come too late.
TELL_REFUSALS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the content policy:", event.violatedDirective, event.blockedURI, event.sample));
"""


def person(name: str) -> User:
    """An account that can log in at the server, whose hashes are the real ones and not the tests' quick ones."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    from tests import make

    user = make.person(name)
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "a salt for tests", iterations=1000)
    user.save(update_fields=["password"])
    return user


def chromium(names: Sequence[str] = BROWSERS) -> str:
    """The browser of this machine: $CHROMIUM, or the first that is found.

    The shell comes first: the same engine without the rest of a browser, which works along with every page.
    """
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise pytest.UsageError("There is no Chromium. Install one (apt-get install chromium) or name it in CHROMIUM.")
    return found


@pytest.fixture(scope="session")
def static_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as a real installation serves them."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import override_settings

    root = tmp_path_factory.mktemp("static")
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": "annotate.static_files.HashedStaticFiles"}}
    with override_settings(STATIC_ROOT=str(root), STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    return root


@pytest.fixture(scope="session")
def server(
    django_db_setup: None, django_db_blocker: object, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the web server, which works on the tests' database."""
    started = WebServer(static_root, tmp_path_factory.mktemp("server") / "web.log")
    started.start()
    try:
        yield started.address
    finally:
        started.stop()


class WebServer:
    """A web server on the tests' database or another one, at a port that stays when it is started again."""

    def __init__(self, static_root: Path, log: Path, database: str = "") -> None:
        self.database = database
        self.static_root = static_root
        self.log = log
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        variables = self._environment()
        command = [sys.executable, "-m", "gunicorn", "-c", "python:annotate.web", "annotate.wsgi"]
        with self.log.open("ab") as output:
            self.process = start_process(command, env=variables, folder=ROOT, death=signal.SIGTERM, output=output)
        end = monotonic() + 60
        while not _answers(f"{self.address}/login/"):
            if self.process.poll() is not None or monotonic() > end:
                raise pytest.UsageError(f"The web server does not start:\n{self.log.read_text()[-4000:]}")
            sleep(0.1)

    def kill(self) -> None:
        """Ends it and its workers at once, with whatever they are doing."""
        if self.process is not None:
            family = psutil.Process(self.process.pid)
            for one in [family, *family.children(recursive=True)]:
                one.kill()
            self.process.wait(timeout=30)

    def stop(self) -> None:
        """Ends it in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def _environment(self) -> dict[str, str]:
        return environment(
            DATABASE_URL=self.database or database_url(),
            BROKER_URL=os.environ["BROKER_URL"],
            ANNOTATE_HOME=os.environ["ANNOTATE_HOME"],  # the tests' own: a file that is sent in is read here
            SECRET_KEY=os.environ["SECRET_KEY"],  # the tests' own, so that a session made here is good there
            ALLOWED_HOSTS="127.0.0.1",
            PLAIN_HTTP="1",
            PORT=str(self.port),
            WEB_WORKERS="1",
            WEB_THREADS="8",
            ANNOTATE_STATIC=str(self.static_root),
        )


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:  # noqa: S310 - our own server
            return bool(reply.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield chrome
        chrome.close()
        # Once the driver is gone, its loop is too, and Django looks for this thread's connection elsewhere: the one of
        # now would stay open, and the database could not be dropped.
        from django.db import connections

        connections.close_all()


def session_of(user: User, address: str) -> SetCookieParam:
    """The cookie of somebody who has logged in at this address."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": address}


@dataclass
class Visitor:
    """Somebody at a browser: logs in, opens pages, and remembers everything that went wrong on them."""

    context: BrowserContext
    address: str
    page: Page
    troubles: list[str] = field(default_factory=list)
    # What a test breaks on purpose (a network that is away) and the browser therefore complains about.
    expected: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def enter(self, user: User) -> None:
        """Comes with a session, without the login page."""
        self.context.add_cookies([session_of(user, self.address)])

    def log_in(self, email: str) -> None:
        """Logs in as people do."""
        self.open("/login/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{self.address}/")

    def another_tab(self) -> Page:
        return self.watch(self.context.new_page())

    def watch(self, page: Page) -> Page:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on("request", self._see_request)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console: {message.text}")

    def _see_request(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(f"request to another host: {url}")

    def check(self) -> None:
        """Fails when a page had an error, a refusal by the content policy or a request to another host."""
        unexpected = [one for one in self.troubles if not any(known in one for known in self.expected)]
        assert unexpected == []


@pytest.fixture
def visitors(server: str, browser: Browser, transactional_db: None) -> Iterator[list[Visitor]]:
    """Everybody whom a test let in; all are checked at its end."""
    found: list[Visitor] = []
    yield found
    for visitor in found:
        visitor.context.close()
    _wait_for_quiet()
    for visitor in found:
        visitor.check()


def _wait_for_quiet() -> None:
    """Waits until the server works at nothing: a page that closes sends its last draft behind it, and the tables
    are emptied after the test."""
    from django.db import connection

    busy = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
    """
    quiet, end = 0, monotonic() + 20
    while quiet < 4 and monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(busy)
            quiet = 0 if cursor.fetchone()[0] else quiet + 1
        sleep(0.05)


@pytest.fixture
def visitor(server: str, browser: Browser, visitors: list[Visitor]) -> Visitor:
    return let_in(server, browser, visitors)


def let_in(server: str | WebServer, browser: Browser, visitors: list[Visitor], **context: object) -> Visitor:
    """One more person with a browser of their own (`context`: options of Playwright's new_context)."""
    opened = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"} | context)  # type: ignore[arg-type]
    opened.add_init_script(TELL_REFUSALS)
    opened.set_default_timeout(15_000)
    address = server if isinstance(server, str) else server.address
    one = Visitor(opened, address, opened.new_page())
    one.watch(one.page)
    visitors.append(one)
    return one
