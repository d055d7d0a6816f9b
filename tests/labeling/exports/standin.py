"""A server on this machine that stands in for the Hugging Face Hub: of its API, what publishing a dataset needs."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_only_for_tests_0123456789"


@dataclass
class Repository:
    private: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[dict[str, Any]] = field(default_factory=list)
    branches: list[str] = field(default_factory=lambda: ["main"])
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return hashlib.sha1(f"commit {len(self.commits)}".encode(), usedforsecurity=False).hexdigest()


@dataclass
class Hub:
    """`fails` maps parts of addresses to the status that they are answered with. Files from `large` bytes go by LFS."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    large: int = 10_000
    stored: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


@contextmanager
def running() -> Iterator[Hub]:
    """The server, for as long as the block runs."""
    hub = Hub()

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.0"  # one call a connection, so that none is open when a test ends

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub, path = self.served, unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.calls.append(f"{self.command} {path}")
        if not path.startswith("/storage/"):
            hub.tokens.add(self.headers.get("Authorization", "").removeprefix("Bearer "))
        status = next((status for part, status in hub.fails.items() if part in path), 0)
        if status:
            self._send(status, hub.error)
        else:
            self._send(*_answered(hub, self.command, path, body))

    def _send(self, status: int, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        self.wfile.write(data)


def _answered(hub: Hub, method: str, path: str, body: bytes) -> tuple[int, Any]:
    if path == "/api/repos/create":
        return _created(hub, json.loads(body))
    if path == "/api/validate-yaml":
        return 200, {"errors": [], "warnings": []}
    if path.startswith("/storage/"):
        hub.stored[path.removeprefix("/storage/")] = body
        return 200, {}
    if path.endswith(".git/info/lfs/objects/batch"):
        wanted = json.loads(body)["objects"]
        return 200, {
            "transfer": "basic",
            "objects": [
                {**item, "actions": {"upload": {"href": f"{hub.address}/storage/{item['oid']}"}}} for item in wanted
            ],
        }
    _, _, _, owner, name, *rest = path.split("/")
    repository = hub.repositories.get(f"{owner}/{name}")
    if repository is None:
        return 404, {"error": "Repository not found"}
    return _of(hub, repository, f"{owner}/{name}", rest, body)


def _created(hub: Hub, asked: dict[str, Any]) -> tuple[int, Any]:
    name = f"{asked['organization']}/{asked['name']}"
    answer = {"url": f"{hub.address}/datasets/{name}"}
    if name in hub.repositories:
        return 409, answer | {"error": "You already created this dataset repo"}
    private = asked.get("visibility") == "private" or asked.get("private") is True
    hub.repositories[name] = Repository(private, {".gitattributes": b"*.gz filter=lfs\n"})
    return 200, answer


def _of(hub: Hub, repository: Repository, name: str, rest: list[str], body: bytes) -> tuple[int, Any]:
    match rest:
        case [] | ["revision", _]:
            return 200, {"id": name, "sha": repository.head, "private": repository.private}
        case ["branch", branch]:
            known = branch in repository.branches
            repository.branches += [] if known else [branch]
            return (409, {"error": "Reference already exists"}) if known else (200, {})
        case ["tag", revision]:
            tag = json.loads(body)["tag"]
            known = tag in repository.tags
            repository.tags.setdefault(tag, revision)
            return (409, {"error": "Tag already exists"}) if known else (200, {})
        case ["tree", _]:
            found = [{"type": "file", "path": p, "size": len(d), "oid": "0"} for p, d in repository.files.items()]
            return 200, found
        case ["preupload", _]:
            return 200, {"files": [_mode(hub, repository, file) for file in json.loads(body)["files"]]}
        case ["commit", branch]:
            return _committed(hub, repository, name, branch, body)
    return 404, {"error": f"nothing at {rest}"}


def _mode(hub: Hub, repository: Repository, file: dict[str, Any]) -> dict[str, Any]:
    there = repository.files.get(file["path"])
    lfs = file["size"] >= hub.large
    known = None if there is None else _lfs_oid(there) if lfs else _git_oid(there)
    return {"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False, "oid": known}


def _lfs_oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _committed(hub: Hub, repository: Repository, name: str, branch: str, body: bytes) -> tuple[int, Any]:
    lines = [json.loads(line) for line in body.splitlines()]
    header = lines[0]["value"]
    if header.get("parentCommit") not in (None, repository.head):
        return 412, {"error": "A commit has happened since"}
    for line in lines[1:]:
        value = line["value"]
        match line["key"]:
            case "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            case "lfsFile":
                repository.files[value["path"]] = hub.stored[value["oid"]]
            case "deletedFile":
                del repository.files[value["path"]]
    repository.commits.append({"branch": branch, **header})
    return 200, {
        "commitUrl": f"{hub.address}/datasets/{name}/commit/{repository.head}",
        "commitOid": repository.head,
        "success": True,
    }
