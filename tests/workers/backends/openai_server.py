"""A real HTTP server on 127.0.0.1 that speaks chat completions, and misbehaves where it is told to.

A prompt, or the name of the model, tells it how, by a word that begins with “!”: ``!html``, ``!status:503`` or, for the
first two times that this very request comes, ``!status:503:2``. MISBEHAVIOURS is the list. Without such a word it
answers with stock words that only the messages and the seed decide, so that the rest of the platform can be tried:

    python -m tests.workers.backends.openai_server --port 9000
    GENERATION_ENDPOINTS=toy=http://127.0.0.1:9000/v1 make run
"""

import argparse
import gzip
import hashlib
import json
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

WORDS = ("the", "sky", "is", "blue", "because", "air", "scatters", "short", "waves", "more", "than", "long", "ones")
_ORDER = re.compile(r"!([a-z][a-z0-9_]*)(?::([\w.-]+))?(?::(\d+))?")


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """What the last message says."""
        return str(self.body["messages"][-1]["content"])


@dataclass
class Behaviour:
    """What holds for all requests. ``key``: what they must show; ``delay``: seconds before each answer; ``together``:
    so many requests are waited for before any is answered; ``ignores_n``, ``least_n``, ``most_n``: how many choices
    there are; ``orders``: misbehaviours for every request."""

    key: str = ""
    delay: float = 0.0
    together: int = 0
    ignores_n: bool = False
    least_n: int = 1
    most_n: int = 128
    orders: str = ""


class Server(ThreadingHTTPServer):
    """The server. ``calls`` is all that came in; ``most_at_once`` the most requests that were under way together."""

    daemon_threads = True

    def __init__(self, port: int = 0, **behaviour: Any) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.behaviour = Behaviour(**behaviour)
        self.calls: list[Call] = []
        self.seen: Counter[bytes] = Counter()
        self.at_once = self.most_at_once = 0
        self.changed = threading.Condition()
        self.closing = False

    @property
    def address(self) -> str:
        """What an operator would write behind the name of the endpoint."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.shutdown()
        self.server_close()

    def enter(self, call: Call) -> int:
        """A request came in. Returns how often this very one has come; waits for others where it is told to."""
        with self.changed:
            self.calls.append(call)
            self.seen[call.raw] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
            wanted = self.behaviour.together
            self.changed.wait_for(lambda: self.most_at_once >= wanted or self.closing, timeout=20)
            return self.seen[call.raw]

    def leave(self) -> None:
        """A request is answered, or will not be."""
        with self.changed:
            self.at_once -= 1
            self.changed.notify_all()

    def wait_until(self, holds: Callable[["Server"], bool]) -> bool:
        """Wait for something to hold, 20 seconds at most. Returns whether it does."""
        with self.changed:
            return self.changed.wait_for(lambda: holds(self), timeout=20)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the game."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """One request for a completion."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        shown = self.server.behaviour.key
        if urlsplit(self.path).path != "/v1/chat/completions":
            return self.send(404, b"404 page not found", kind="text/plain")
        if shown and shown not in (self.headers.get("api-key"), self.token):
            return self.complain(401, f"Incorrect API key provided: {self.headers.get('api-key') or self.token}.")
        call = Call(self.path, dict(self.headers.items()), raw, json.loads(raw))
        times = self.server.enter(call)
        time.sleep(self.server.behaviour.delay)
        # Before the answer goes out: the client may send the next request as soon as it has it.
        self.server.leave()
        self.misbehave(call, times)
        return None

    @property
    def token(self) -> str:
        """What the client shows as its key."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def misbehave(self, call: Call, times: int) -> None:
        """Do what the request says that it should do, or answer it."""
        orders = f"{self.server.behaviour.orders} {call.body['model']} {call.body['messages'][-1]['content']}"
        for name, argument, most in _ORDER.findall(orders):
            if name in MISBEHAVIOURS and (not most or times <= int(most)):
                return MISBEHAVIOURS[name](self, call.body, argument)
        return self.answer(call.body)

    def answer(self, body: dict[str, Any], **changes: Any) -> None:
        """A good answer, with the given fields of the message, the choices or the whole changed."""
        behaviour = self.server.behaviour
        number = 1 if behaviour.ignores_n else max(behaviour.least_n, min(body.get("n", 1), behaviour.most_n))
        self.send_json(200, completion(body, number) | changes)

    def answer_with(self, body: dict[str, Any], finish_reason: str | None = "stop", **message: Any) -> None:
        """An answer of one choice with this message."""
        choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}
        self.answer(body, choices=[choice])

    def complain(self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        """An error as OpenAI words it."""
        self.send_json(status, {"error": {"message": message, "type": "error", **more}}, headers)

    def send_json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        """A JSON body."""
        self.send(status, json.dumps(value).encode(), headers)

    def send(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, *, kind: str = "application/json"
    ) -> None:
        """A whole response."""
        self.head(status, len(data), headers, kind=kind)
        self.wfile.write(data)

    def head(self, status: int, length: int, headers: dict[str, str] | None = None, *, kind: str) -> None:
        """A status line and headers."""
        self.send_response(status)
        sent = {"Content-Type": kind, "Content-Length": str(length), "x-request-id": f"req-{len(self.server.calls)}"}
        for name, value in (sent | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()

    def wait_for_the_end(self) -> None:
        """Hang until the server closes."""
        with self.server.changed:
            self.server.changed.wait_for(lambda: self.server.closing, timeout=60)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


def completion(body: dict[str, Any], number: int) -> dict[str, Any]:
    """A reply as it should be. A token is a word; a seed decides the words unless the temperature is 0."""
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or 1000
    choices, made = [], 0
    for index in range(number):
        seed = [body.get("seed"), index] if body.get("temperature") else None
        digest = hashlib.sha256(json.dumps([body["messages"], seed]).encode()).hexdigest()
        draw = random.Random(digest)
        words = [digest[:6], *(draw.choice(WORDS) for _ in range(draw.randint(6, 30)))]
        kept = words[:limit]
        made += len(kept)
        reason = "stop" if len(kept) == len(words) else "length"
        message = {"role": "assistant", "content": " ".join(kept)}
        choices.append({"index": index, "message": message, "finish_reason": reason})
    prompt = sum(len(message["content"].split()) + 4 for message in body["messages"])
    return {
        "id": f"chatcmpl-{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:12]}",
        "object": "chat.completion",
        "model": f"{body['model']}-2026-01-01",
        "system_fingerprint": "fp_toy",
        "choices": choices,
        "usage": {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made},
    }


def _status(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.complain(int(argument), f"This server was told to answer with {argument}.")


def _retry_after(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.complain(429, "Slow down.", {"Retry-After": argument})


def _retry_at(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.complain(503, "Come back later.", {"Retry-After": RETRY_AT})


def _gateway(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(502, PAGE, kind="text/html")


def _hang(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.wait_for_the_end()


def _trickle(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.head(200, 10_000_000, kind="application/json")
    while not handler.server.closing:
        handler.wfile.write(b" ")
        time.sleep(0.02)


def _hang_up(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.close_connection = True


def _cut(handler: Handler, body: dict[str, Any], argument: str) -> None:
    data = json.dumps(completion(body, 1)).encode()
    handler.head(200, len(data), kind="application/json")
    handler.wfile.write(data[: len(data) // 2])
    handler.close_connection = True


def _huge(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(200, b'{"choices": "' + b"x" * 9_000_000 + b'"}')


def _not_utf8(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(200, b'{"choices": [{"message": {"content": "caf\xe9"}}]}')


def _stream(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(200, b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n', kind="text/event-stream")


def _plain(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(200, json.dumps(completion(body, 1)).encode(), kind="text/plain")


def _packed(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(200, gzip.compress(b" " * 100), {"Content-Encoding": "gzip"})


def _redirect(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.send(307, b"", {"Location": f"{handler.server.address}/elsewhere?key=sesame"})


def _context(handler: Handler, body: dict[str, Any], argument: str) -> None:
    message = "This model's maximum context length is 10 tokens. However, you asked for 12."
    handler.complain(400, message, code="context_length_exceeded")


def _parameter(handler: Handler, body: dict[str, Any], argument: str) -> None:
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    handler.complain(400, message, code="unsupported_parameter", param="max_tokens")


def _quota(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.complain(429, "You exceeded your current quota.", code="insufficient_quota")


def _no_model(handler: Handler, body: dict[str, Any], argument: str) -> None:
    handler.complain(404, f"The model `{body['model']}` does not exist.", code="model_not_found")


def _tell_key(handler: Handler, body: dict[str, Any], argument: str) -> None:
    """Quotes the headers wherever it can, which is what servers made for finding mistakes do."""
    told = f"{dict(handler.headers.items())}"
    if argument:
        return handler.complain(int(argument), f"line one\n{'x' * 280}{told}", {"x-request-id": handler.token})
    if "text" in body["messages"][-1]["content"]:
        return handler.answer_with(body, content=told)
    told_all = {"model": told, "system_fingerprint": handler.token}
    return handler.send_json(200, completion(body, 1) | told_all, {"x-request-id": handler.token})


def _says(**message: Any) -> "Misbehaviour":
    return lambda handler, body, argument: handler.answer_with(body, **message)


def _sends(data: bytes, kind: str = "application/json") -> "Misbehaviour":
    return lambda handler, body, argument: handler.send(200, data, kind=kind)


def _changes(**changes: Any) -> "Misbehaviour":
    return lambda handler, body, argument: handler.answer(body, **changes)


Misbehaviour = Callable[[Handler, dict[str, Any], str], None]
PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in."
RETRY_AT = "Wed, 21 Oct 2026 07:28:00 GMT"
_TOOL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}

# By the word that orders it; ``!status:503`` has an argument.
MISBEHAVIOURS: dict[str, Misbehaviour] = {
    "status": _status,
    "retry_after": _retry_after,
    "retry_at": _retry_at,
    "gateway": _gateway,
    "hang": _hang,
    "trickle": _trickle,
    "hang_up": _hang_up,
    "cut": _cut,
    "huge": _huge,
    "not_utf8": _not_utf8,
    "stream": _stream,
    "plain": _plain,
    "packed": _packed,
    "redirect": _redirect,
    "context": _context,
    "parameter": _parameter,
    "quota": _quota,
    "no_model": _no_model,
    "tell_key": _tell_key,
    "html": _sends(PAGE, "text/html; charset=utf-8"),
    "nothing": _sends(b""),
    "broken": _sends(b'{"choices": [{"mess'),
    "deep": _sends(b"[" * 200_000),
    "list": _sends(b"[1, 2]"),
    "no_choices": _sends(b'{"object": "chat.completion"}'),
    "error_inside": _sends(b'{"error": {"message": "The model is busy."}}'),
    "empty": _changes(choices=[]),
    "no_message": _changes(choices=[None]),
    "no_usage": _changes(usage=None, model=None, system_fingerprint=None),
    "mad_usage": _changes(usage={"prompt_tokens": "many", "completion_tokens": 10**30}, model={"a": 1}),
    "null": _says(content=None),
    "number": _says(content=7),
    "parts": _says(content=[{"type": "text", "text": "One "}, {"type": "image_url"}, {"type": "text", "text": "two."}]),
    "no_parts": _says(content=[{"type": "image_url"}]),
    "tool": _says(content=None, tool_calls=[_TOOL], finish_reason="tool_calls"),
    "refusal": _says(content=None, refusal="I cannot help with that."),
    "filter": _says(content="", finish_reason="content_filter"),
    "thinking": _says(content="", reasoning_content="Let me see", finish_reason="length"),
    "abort": _says(content="Half a", finish_reason="abort"),
    "eos": _says(content="Done.", finish_reason="eos_token"),
    "no_reason": _says(content="Done.", finish_reason=None),
}


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--key", default="", help="what requests must show")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--orders", default="", help="what to do with every request, such as !status:503")
    given = parser.parse_args()
    server = Server(given.port, key=given.key, delay=given.delay, orders=given.orders)
    print(f"Serving at {server.address}. Misbehaves on: {' '.join(f'!{name}' for name in MISBEHAVIOURS)}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
