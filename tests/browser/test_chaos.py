"""Somebody types on while network and server fail and tab and browser are killed, at random: next to nothing is lost.

`CHAOS=600` types for so many seconds in each round instead of a few, `CHAOS_SEED=7` draws the same blows again.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Error, Locator, Page, expect

from labeling.models import Annotation, Draft, Project, Queue, Slot, User
from tests import make
from tests.browser.conftest import FLAGS, WebServer, chromium, person, session_of
from tests.browser.wire import Wire

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

MOST_LOST = 3.0  # seconds of typing
SECONDS = float(os.environ.get("CHAOS", "15"))  # of typing while it storms
SEED = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
WORDS = ["so", "many", "words", "typed", "only", "once,", "言葉", "و", "كلمات", "and", "👩‍👩‍👧", "too"]
BLOWS = ["server", "away", "silent", "torn", "tab", "reload"]
FORMS: dict[str, list[dict[str, Any]]] = {
    "write": [{"name": "text", "type": "write"}],
    "edit": [{"name": "text", "type": "edit"}],
}
STATE = "[data-autosave-target=state]"


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def project(ann: User) -> Project:
    project = make.project(annotators=[ann])
    make.imported(project, 3, candidates=2)
    return project


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def fragile(static_root: Path, django_db_setup: None, tmp_path: Path) -> Iterator[WebServer]:
    """A server that may be killed."""
    server = WebServer(static_root, tmp_path / "web.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def wire(fragile: WebServer, dice: random.Random) -> Iterator[Wire]:
    wire = Wire(fragile.port, dice)
    yield wire
    wire.close()


@pytest.fixture
def device(browser: Browser, wire: Wire, ann: User, tmp_path: Path) -> Iterator[Device]:
    device = Device(browser.browser_type, tmp_path / "profile", wire.address, ann)
    device.start()
    yield device
    device.context.close()


@pytest.fixture
def storm(device: Device, wire: Wire, fragile: WebServer, dice: random.Random) -> Iterator[Storm]:
    storm = Storm(device, wire, fragile, dice)
    yield storm
    storm.over.set()
    storm.gone.set()
    if storm.ident is not None:
        storm.join()


class Device:
    """A browser of its own with its profile on the disk, which may be killed, and the one page that is open in it."""

    context: BrowserContext
    page: Page
    process: psutil.Process

    def __init__(self, kind: BrowserType, profile: Path, address: str, user: User) -> None:
        self.kind = kind
        self.profile = profile
        self.address = address
        self.user = user
        self.died: float | None = None  # when it or its tab was killed
        self.errors: list[str] = []

    def start(self) -> None:
        """Opens the browser as it was left."""
        self.context = self.kind.launch_persistent_context(self.profile, executable_path=chromium(), args=FLAGS)
        self.context.add_cookies([session_of(self.user, self.address)])
        self.page = self.watched(self.context.pages[0])
        named = f"--user-data-dir={self.profile}"
        found = (one for one in psutil.Process().children(recursive=True) if _is_main(one, named))
        self.process = next(found)

    def watched(self, page: Page) -> Page:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def come_back(self) -> None:
        """Opens what was killed again."""
        try:
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                raise Error("It was killed.")
            with contextlib.suppress(Error):
                self.page.close()
            self.page = self.watched(self.context.new_page())
        except (Error, psutil.NoSuchProcess):  # it may have been killed and not be gone yet
            with contextlib.suppress(Error):
                self.context.close()
            self.start()
        self.died = None

    def kill_tab(self) -> None:
        """Ends what draws pages, in the middle of whatever it does. From any thread."""
        self._kill([one for one in self.process.children(recursive=True) if _draws_pages(one)])

    def kill(self) -> None:
        """Ends the browser with all that belongs to it. From any thread."""
        self._kill([self.process, *self.process.children(recursive=True)])

    def _kill(self, processes: list[psutil.Process]) -> None:
        if self.died is None:
            self.died = monotonic()
            for one in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGKILL)


def _is_main(process: psutil.Process, named: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        arguments = process.cmdline()
        return named in arguments and not any(argument.startswith("--type=") for argument in arguments)
    return False


def _draws_pages(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return "--type=renderer" in process.cmdline()
    return False


class Storm(threading.Thread):
    """Strikes at random instants, one blow after the other, each of them as often as it happens."""

    def __init__(self, device: Device, wire: Wire, server: WebServer, dice: random.Random) -> None:
        super().__init__()
        self.device = device
        self.wire = wire
        self.server = server
        self.dice = dice
        self.struck: list[str] = []
        self.peace = threading.Lock()  # held through each blow, and by whoever comes back after one
        self.over = threading.Event()
        self.gone = threading.Event()
        self.reload = threading.Event()  # asked of whoever drives the page

    def run(self) -> None:
        while not self.over.wait(self.dice.uniform(0.2, 1.5)):
            with self.peace:
                if not self.over.is_set():
                    self._strike(self.dice.choice(BLOWS))
        self.gone.wait()  # a server ends with the thread that started it

    def end(self) -> None:
        """No more blows; everything works again."""
        self.over.set()
        with self.peace:
            pass

    def _strike(self, blow: str) -> None:
        self.struck.append(blow)
        if blow == "reload":
            self.reload.set()
            return
        if blow == "tab":
            self.device.kill_tab()
            return
        if blow == "server":
            self.server.kill()
        else:
            self.wire.state = blow  # type: ignore[assignment]
        self.over.wait(self.dice.uniform(0.2, 3))
        if self.dice.random() < 0.3:
            self.struck.append("tab meanwhile")
            self.device.kill_tab()
        self.wire.state = "whole"
        if blow == "server":
            self.server.start()


class Writer:
    """Types key after key and remembers when each length of the text was reached."""

    def __init__(self, device: Device, queue: Queue, dice: random.Random) -> None:
        self.device = device
        self.queue = queue
        self.dice = dice
        self.text = ""
        self.pressed = ""  # a key of which nobody knows yet whether the page heard it
        self.reached: list[tuple[float, int]] = []
        self.typed = 0.0  # seconds
        self.lost: list[tuple[float, str]] = []  # seconds of typing that were missing after a blow, and what it was

    @property
    def page(self) -> Page:
        return self.device.page

    @property
    def field(self) -> Locator:
        return self.page.locator("#q-text")

    def begin(self) -> None:
        self.sit_down()
        if self.page.locator("input[name='q.text.candidate']").count():
            self.page.keyboard.press("Alt+1")
            self.page.keyboard.press("Control+End")
        self.text = self.field.input_value()

    def sit_down(self) -> None:
        self.page.goto(f"{self.device.address}/label/{self.queue.pk}/")
        expect(self.page.locator(f"{STATE}[data-state]").first).to_be_attached()  # the page has begun
        self.field.focus()
        self.page.keyboard.press("Control+End")

    def write_word(self) -> None:
        for letter in f"{self.dice.choice(WORDS)} ":
            began = monotonic()
            self.pressed = letter
            self.page.keyboard.type(letter, delay=self.dice.choice([0, 10, 60]))
            self.text, self.pressed = self.text + letter, ""
            self.reached.append((monotonic(), len(self.text)))
            self.typed += monotonic() - began

    def write(self, seconds: float) -> None:
        """Types for so long where nobody disturbs."""
        end = self.typed + seconds
        while self.typed < end:
            self.write_word()

    def measure(self, ended: float) -> None:
        """What is missing on the page, and since when it had stood there; goes on from what there is."""
        found = self.field.input_value()
        assert (self.text + self.pressed).startswith(found), (self.text[-200:], found[-200:])
        expect(self.page.locator("[data-autosave-target=conflict]")).to_be_hidden()
        seconds = next((ended - at for at, length in self.reached if length > len(found)), 0.0)
        self.lost.append((seconds, self.text[len(found) :]))
        self.text, self.pressed = found, ""
        self.reached = [(at, length) for at, length in self.reached if length <= len(found)]

    def come_back(self) -> None:
        """Opens the task again after the tab or the browser was killed."""
        died = self.device.died
        assert died is not None
        self.device.come_back()
        self.sit_down()
        self.measure(died)

    def write_in(self, storm: Storm, seconds: float) -> None:
        """Types for so long, and comes back as often as it must."""
        end = self.typed + seconds
        while self.typed < end:
            try:
                self.write_word()
                if storm.reload.is_set() and storm.peace.acquire(blocking=False):
                    try:
                        storm.reload.clear()
                        self.sit_down()
                        self.measure(monotonic())
                    finally:
                        storm.peace.release()
            except Error:
                with storm.peace:
                    self.come_back()

    def write_until_killed(self, kill: Callable[[], None]) -> None:
        """Types on, for a moment that nobody knows before."""
        while self.page.locator(STATE).first.get_attribute("data-state") in ("offline", "out"):
            self.write_word()
        blow = threading.Timer(self.dice.uniform(1, 5), kill)
        blow.start()
        with pytest.raises(Error):
            self.write(60)
        blow.join()
        self.come_back()

    def finish(self) -> None:
        """Everything is on the server, and is submitted as it stands."""
        self.write_word()
        expect(self.page.locator(STATE).first).to_have_attribute("data-state", "saved", timeout=40_000)
        expect(self.field).to_have_value(self.text)
        assert Draft.objects.get(annotator=self.device.user).answers["text"]["text"] == self.text
        self.page.keyboard.press("Control+Enter")
        expect(self.page.locator("[data-count=today]")).to_have_text("1")
        assert Annotation.objects.get().answers["text"]["text"] == self.text.strip()


@pytest.mark.parametrize(("kind", "last"), [("write", "tab"), ("edit", "browser")])
def test_at_most_three_seconds_of_text_are_ever_missing(
    device: Device, storm: Storm, project: Project, dice: random.Random, kind: str, last: str
) -> None:
    writer = Writer(device, make.queue(project, form=FORMS[kind]), dice)
    writer.begin()
    storm.start()
    writer.write_in(storm, SECONDS)
    storm.end()
    if device.died is not None:
        writer.come_back()
    writer.write_until_killed(device.kill_tab if last == "tab" else device.kill)
    writer.finish()
    said = f"CHAOS_SEED={SEED}: {', '.join(storm.struck)}, {last}"
    assert max(seconds for seconds, _ in writer.lost) <= MOST_LOST, (said, writer.lost)
    assert device.errors == [], said
    # Whatever was asked while things broke, nobody holds more than one task in hand and one after it.
    assert Slot.objects.filter(annotator=device.user, state="leased").count() <= 2


def test_the_measure_sees_that_a_browser_keeps_no_copies(
    wire: Wire, device: Device, project: Project, dice: random.Random
) -> None:
    device.context.add_init_script("Storage.prototype.setItem = () => {}")
    writer = Writer(device, make.queue(project, form=FORMS["write"]), dice)
    writer.begin()
    writer.write(1)
    wire.state = "away"
    writer.write(MOST_LOST + 2)
    device.kill_tab()
    wire.state = "whole"
    writer.come_back()
    assert writer.lost[0][0] > MOST_LOST


def test_the_measure_sees_that_the_server_gets_no_drafts(
    wire: Wire, device: Device, project: Project, dice: random.Random, tmp_path: Path
) -> None:
    device.context.route("**/draft/", lambda route: route.abort())
    writer = Writer(device, make.queue(project, form=FORMS["write"]), dice)
    writer.begin()
    writer.write(MOST_LOST + 2)
    device.kill()
    device.profile = tmp_path / "another"  # the device is broken, and with it what it kept
    writer.come_back()
    assert writer.lost[0][0] > MOST_LOST
