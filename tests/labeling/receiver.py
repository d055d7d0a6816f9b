"""A real HTTP server on 127.0.0.1 that takes webhooks, and misbehaves where the path of the address tells it to.

`/status/500`, `/status/429/7` (with `Retry-After: 7`), `/hang`, `/drip`, `/close`, `/huge`, `/redirect`, `/garbage` and
`/ok`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Got:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return json.loads(self.raw)

    def is_signed_with(self, secret: str) -> bool:
        """As the specification tells receivers to verify, written from its text alone."""
        kind, _, key = secret.partition("_")
        assert kind == "whsec"
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.raw])
        expected = base64.b64encode(hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()).decode()
        given = [one.split(",", 1) for one in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(expected, value) for version, value in given)


class Receiver:
    """`with Receiver() as receiver`: `receiver.url("/status/500")`, and then `receiver.got`."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.ending = threading.Event()
        self.when_it_comes: Callable[[Got], None] = lambda got: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
        self.receiver.got.append(got)
        self.receiver.when_it_comes(got)
        self.close_connection = True
        deed, *rest = self.path.strip("/").partition("?")[0].split("/")
        try:
            getattr(self, f"_{deed}")(*rest)
        except OSError:  # the other side had enough
            pass

    def _ok(self) -> None:
        self._say(200, b"")

    def _status(self, status: str, retry_after: str = "") -> None:
        self._say(int(status), b"Not \0now.", **({"Retry-After": retry_after} if retry_after else {}))

    def _redirect(self) -> None:
        self._say(302, b"", Location=self.receiver.url("/ok"))

    def _close(self) -> None:
        self.connection.close()

    def _garbage(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    def _hang(self) -> None:
        self.receiver.ending.wait()

    def _drip(self) -> None:
        """A header that never ends, a byte at a time: no single wait is long."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.receiver.ending.is_set():
            self.wfile.write(b"x")
            time.sleep(0.01)

    def _huge(self) -> None:
        """A body that never ends."""
        self.send_response(500)
        self.end_headers()
        while not self.receiver.ending.is_set():
            self.wfile.write(b"No. " * 4096)

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
