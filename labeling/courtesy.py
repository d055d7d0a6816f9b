"""Long answers give way to short ones.

A process of the site makes answers in several threads, but runs one of them at a time. While an export streams in one,
whoever asks for the next task in another would wait for a turn after each statement. So requests are counted while
their answers are made, and a stream waits until there are none; but not for ever, for it must come to its end however
busy the site is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# How long a stream may wait, as a multiple of the time it has worked: it keeps a fifth of its speed at least.
SHARE = 4.0
MOST = 0.25  # seconds that can be saved up
# Where somebody has asked for something lately, a long answer rests after so many seconds of work, for a multiple of
# that: other processes of the site, and the database, know nothing of whose turn it is.
LATELY = 1.0
WORK, REST = 0.002, 2.0

_idle = threading.Condition()
_under_way = 0
_answered = -LATELY  # when somebody last had an answer that is made at once
_here = threading.local()  # `counted`: whether this thread makes an answer that is waited for


def _begin() -> None:
    global _under_way
    with _idle:
        _under_way += 1
    _here.counted = True


def _end() -> bool:
    """Whether it was counted until now."""
    global _under_way
    if not getattr(_here, "counted", False):
        return False
    _here.counted = False
    with _idle:
        _under_way -= 1
        if not _under_way:
            _idle.notify_all()
    return True


def count_requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Count the requests whose answers are being made, until they are made or turn out to be long."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        _begin()
        try:
            return get_response(request)
        finally:
            if _end():
                global _answered
                _answered = time.monotonic()

    return middleware


class GiveWay:
    """What a long answer calls between its steps: it comes back once no request is under way in this process, and has
    rested where somebody asked for something lately.

    It also comes back when it has waited `SHARE` times as long as the answer has worked. Make one in the thread of the
    request: nobody waits for that one any more, the answer itself least of all.
    """

    def __init__(self) -> None:
        _end()
        self._since = time.monotonic()
        self._allowed = 0.0
        self._worked = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        self._allowed = min(MOST, self._allowed + SHARE * (now - self._since))
        self._worked += now - self._since
        if _under_way:
            with _idle:
                _idle.wait_for(lambda: not _under_way, timeout=self._allowed)
        elif self._worked < WORK:
            self._since = now
            return
        elif now - _answered < LATELY:
            time.sleep(min(REST * self._worked, self._allowed))
        self._worked = 0.0
        self._since = time.monotonic()
        self._allowed = max(0.0, self._allowed - (self._since - now))
