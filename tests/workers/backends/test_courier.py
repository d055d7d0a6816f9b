"""Many calls at once, against a real server on this machine."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from tests.workers.backends import openai_given
from tests.workers.backends.asking import ask, results
from tests.workers.backends.openai_given import Load
from tests.workers.backends.openai_server import Server
from workers.backends.base import Config, Outcome, Request
from workers.backends.calls import Pace
from workers.backends.openai import OpenAI

server, clock, load = openai_given.server, openai_given.clock, openai_given.load


# --- Many at once -----------------------------------------------------------------------------------------------------


def test_as_many_are_under_way_as_may_be_and_never_more(server: Server, load: Load) -> None:
    # Nobody gets an answer before five are there; then each takes a while, so that a sixth would be seen.
    server.behaviour.together, server.behaviour.delay = 5, 0.05
    made = results(load(in_flight=5), [ask(f"Question {number}") for number in range(20)])
    assert [one.id for one in made] == [f"Question {number}" for number in range(20)]
    assert server.most_at_once == 5


def test_a_worker_that_takes_fewer_at_once_is_obeyed(server: Server) -> None:
    model = OpenAI().load(Config("toy", options={"endpoint": "toy"}, width=2))
    server.behaviour.together, server.behaviour.delay = 2, 0.05
    results(model, [ask(f"Question {number}") for number in range(8)])
    assert server.most_at_once == 2


def test_a_slow_one_holds_up_nobody(server: Server, load: Load) -> None:
    waiting = [ask("!hang"), *(ask(f"Question {number}") for number in range(10))]
    made: list[Outcome] = []

    class EnoughError(Exception):
        pass

    def feed(most: int) -> Sequence[Request]:
        given = [waiting.pop(0) for _ in range(min(most, len(waiting)))]
        asked.append(most)
        return given

    def emit(outcomes: Sequence[Outcome]) -> None:
        made.extend(outcomes)
        if len(made) == 10:
            raise EnoughError

    asked: list[int] = []
    with pytest.raises(EnoughError):
        load(in_flight=2).serve(feed, emit)
    assert sorted(one.id for one in made) == sorted(f"Question {number}" for number in range(10))
    assert asked[:2] == [2, 1]


def test_it_asks_for_more_while_something_is_still_under_way(server: Server, load: Load) -> None:
    server.behaviour.together = 2
    batches = [[ask("One")], [], [], [ask("Two")]]
    made: list[Outcome] = []
    # The first is not answered before the second is there, which comes when it is asked for again.
    load(in_flight=2).serve(lambda _: batches.pop(0) if batches else [], made.extend)
    assert {one.id for one in made} == {"One", "Two"}


def test_everything_of_the_caller_happens_in_its_own_thread_outside_of_any_loop(load: Load) -> None:
    seen: set[tuple[str, int | None, bool]] = set()

    def note(what: str) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            seen.add((what, threading.get_ident(), False))
        else:
            seen.add((what, threading.get_ident(), True))

    waiting = [ask("One"), ask("Two")]

    def feed(most: int) -> Sequence[Request]:
        note("feed")
        return [waiting.pop(0) for _ in range(min(most, len(waiting)))]

    # In a thread of its own: a loop of somebody else may run in this one.
    caller = threading.Thread(
        target=lambda: load().serve(feed, lambda _: note("emit"), lambda: note("heartbeat")), name="the caller"
    )
    caller.start()
    caller.join()
    me = caller.ident
    assert seen == {("feed", me, False), ("emit", me, False), ("heartbeat", me, False)}


def test_a_heartbeat_that_raises_cancels_everything(server: Server, load: Load) -> None:
    class ToldToStopError(Exception):
        pass

    def heartbeat() -> None:
        # Not before all four are under way.
        if server.most_at_once >= 4:
            raise ToldToStopError

    server.behaviour.together = 5
    before = set(threading.enumerate())
    with pytest.raises(ToldToStopError):
        load(in_flight=4).generate([ask(f"Question {number}") for number in range(8)], heartbeat)
    assert len(server.calls) == 4
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name == "requests"] == []


async def for_ever(_: float) -> None:
    await asyncio.sleep(3600)


@pytest.mark.parametrize("order", ["!hang", "!status:503"])
def test_the_heart_beats_while_nothing_comes_and_during_a_pause(server: Server, order: str) -> None:
    class EnoughError(Exception):
        pass

    beats: list[str] = []

    def heartbeat() -> None:
        beats.append(order)
        if server.calls and len(beats) >= 4:
            raise EnoughError

    model = OpenAI(Pace(sleep=for_ever)).load(Config("toy", options={"endpoint": "toy"}))
    with pytest.raises(EnoughError):
        model.generate([ask(order)], heartbeat)
    assert len(server.calls) == 1
