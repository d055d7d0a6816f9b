"""Short ways to ask a backend for something."""

from collections.abc import Callable, Sequence

from workers.backends.base import Failure, Loaded, Message, Outcome, Request, Result, Sampling

GREEDY = Sampling(max_new_tokens=12, temperature=0)
WARM = Sampling(max_new_tokens=12, temperature=1, top_p=0.95)


def user(text: str) -> list[Message]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


def ask(text: str, sampling: Sampling = GREEDY, seed: int = 0) -> Request:
    """A request with its own text as its id."""
    return Request(text, user(text), sampling, seed)


def results(model: Loaded, requests: Sequence[Request]) -> list[Result]:
    """What came back, where nothing may fail."""
    outcomes = model.generate(requests)
    assert [outcome for outcome in outcomes if isinstance(outcome, Failure)] == []
    return [outcome for outcome in outcomes if isinstance(outcome, Result)]


def result(model: Loaded, request: Request) -> Result:
    """The one completion of one request, made alone."""
    return results(model, [request])[0]


def serve(model: Loaded, requests: Sequence[Request], heartbeat: Callable[[], None] | None = None) -> list[Outcome]:
    """What comes out of serving the requests, in the order in which it comes."""
    left = list(requests)
    came: list[Outcome] = []

    def feed(number: int) -> list[Request]:
        some, left[:number] = left[:number], []
        return some

    model.serve(feed, came.extend, heartbeat)
    return came
