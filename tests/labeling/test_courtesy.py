import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from labeling import courtesy
from labeling.courtesy import GiveWay, count_requests


class Site:
    """A site with one page, which is being made until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.answer = count_requests(self.page)

    def page(self, request: HttpRequest) -> HttpResponseBase:
        self.begun.set()
        assert self.go.wait(20)
        return HttpResponse("made")


@pytest.fixture
def site() -> Iterator[Callable[[], Site]]:
    """Starts requests in threads of their own, each on a site of its own in this process."""
    made: list[tuple[Site, threading.Thread]] = []

    def start() -> Site:
        one = Site()
        thread = threading.Thread(target=one.answer, args=[HttpRequest()])
        thread.start()
        made.append((one, thread))
        assert one.begun.wait(20)
        return one

    yield start
    for one, thread in made:
        one.go.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> GiveWay:
    """A stream that has worked so long that it may wait for as long as it takes."""
    monkeypatch.setattr(courtesy, "MOST", 60.0)
    monkeypatch.setattr(courtesy, "_answered", -courtesy.LATELY)
    way = GiveWay()
    way._since -= 3600
    return way


def test_a_stream_waits_until_no_request_is_under_way(site: Callable[[], Site], hour: GiveWay) -> None:
    first, second = site(), site()
    waited = threading.Event()

    def wait() -> None:
        hour()
        waited.set()

    stream = threading.Thread(target=wait)
    stream.start()
    assert not waited.wait(0.2)
    first.go.set()
    assert not waited.wait(0.2)
    second.go.set()
    assert waited.wait(20)
    stream.join(20)


def test_it_does_not_wait_where_there_is_nobody(hour: GiveWay) -> None:
    hour()
    assert hour._allowed == pytest.approx(60.0, abs=0.1)


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a stream has rested, each time."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def worked(seconds: float) -> GiveWay:
    way = GiveWay()
    way._since -= seconds
    return way


def test_it_rests_where_somebody_asked_lately(rests: list[float]) -> None:
    count_requests(lambda request: HttpResponse())(HttpRequest())
    way = worked(0.01)
    way()
    assert rests == [pytest.approx(courtesy.REST * 0.01, rel=0.5)]
    way()
    assert len(rests) == 1, "it has hardly worked since"


def test_what_it_works_in_small_steps_counts_together(rests: list[float]) -> None:
    count_requests(lambda request: HttpResponse())(HttpRequest())
    way = worked(0)
    for _ in range(4):
        way._since -= 0.7 * courtesy.WORK
        way()
    assert len(rests) == 2


def test_it_rests_no_more_than_its_share(rests: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "MOST", 0.05)
    count_requests(lambda request: HttpResponse())(HttpRequest())
    worked(3600)()
    assert rests == [0.05]


def test_it_does_not_rest_where_nobody_has_asked_for_a_while(
    rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    count_requests(lambda request: HttpResponse())(HttpRequest())
    monkeypatch.setattr(courtesy, "_answered", courtesy._answered - courtesy.LATELY - 1)
    worked(0.01)()
    assert rests == []


def test_it_goes_on_when_it_has_waited_for_its_share(site: Callable[[], Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody lets the request go: the stream would wait for ever."""
    monkeypatch.setattr(courtesy, "MOST", 0.1)
    site()
    way = GiveWay()
    way._since -= 3600
    begun = time.monotonic()
    way()
    assert time.monotonic() - begun >= 0.1
    assert way._allowed == pytest.approx(0, abs=0.01)


def test_a_request_that_fails_is_counted_no_more(hour: GiveWay, rests: list[float]) -> None:
    def broken(request: HttpRequest) -> HttpResponseBase:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        count_requests(broken)(HttpRequest())
    assert courtesy._under_way == 0
    hour()


def test_a_long_answer_does_not_wait_for_itself_and_nobody_for_it(hour: GiveWay) -> None:
    def long(request: HttpRequest) -> HttpResponseBase:
        own = GiveWay()
        own._since -= 3600
        begun = time.monotonic()
        own()
        hour()
        assert time.monotonic() - begun < 20  # of the 60 that each may wait
        return HttpResponse("made")

    count_requests(long)(HttpRequest())
    assert courtesy._under_way == 0
