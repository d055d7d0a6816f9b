"""`manage.py push_release`, with a release that stands in for a stored one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, Storage
from django.core.management import CommandError, call_command

from labeling.exports import hub
from labeling.exports.management.commands import push_release
from tests.labeling.exports.released import release
from tests.labeling.exports.standin import TOKEN


class Elsewhere(FileSystemStorage):
    """A storage that keeps its files on another machine."""

    def path(self, name: str) -> str:
        raise NotImplementedError

    def open(self, name: str, mode: str = "rb") -> Any:
        return (Path(self.base_location) / name).open(mode)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is pushed, instead of pushing it. Release 3 of haiku is stored; nothing else is."""
    folder = tmp_path / "releases" / "7" / "3"
    manifest = release(folder, ("sft",))
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    stored = SimpleNamespace(project_id=7, number=3, manifest=manifest, state="ready")
    monkeypatch.setattr(
        push_release, "found", lambda project, number: stored if (project, number) == ("haiku", 3) else None
    )
    monkeypatch.setattr(push_release, "default_storage", FileSystemStorage(location=tmp_path))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    seen: list[dict[str, Any]] = []

    def push(files: dict[str, Path], repo: str, token: str, progress: Callable[..., None], **given: Any) -> str:
        progress("README.md", 1, 1)
        read = {path: source.read_bytes() for path, source in files.items()}
        seen.append({"files": read, "repo": repo, "token": token, **given})
        return "https://hub.example/commit/1"

    monkeypatch.setattr(hub, "push", push)
    return seen


def stored_files(tmp_path: Path) -> dict[str, bytes]:
    root = tmp_path / "releases" / "7" / "3"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_it_works(calls: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("push_release", "haiku", "3", repo="my-team/haiku")
    (call,) = calls
    assert call == {
        "files": stored_files(tmp_path),
        "repo": "my-team/haiku",
        "token": TOKEN,
        "private": True,
        "revision": None,
        "message": "Release 3: Before the summer",
        "tag": "release-3",
    }
    printed = capsys.readouterr()
    assert printed.out == "https://hub.example/commit/1\n"
    assert "1 of 1" in printed.err


def test_files_that_are_stored_elsewhere_are_fetched(
    calls: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere: Storage = Elsewhere(location=tmp_path)
    monkeypatch.setattr(push_release, "default_storage", elsewhere)
    call_command("push_release", "haiku", "3", repo="my-team/haiku")
    assert calls[0]["files"] == stored_files(tmp_path)


def test_the_token_may_come_from_a_file(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hf_from_a_file\n")
    call_command("push_release", "haiku", "3", repo="a/b", token_file=str(secret), public=True, revision="next")
    (call,) = calls
    assert (call["token"], call["private"], call["revision"]) == ("hf_from_a_file", False, "next")


def test_a_token_is_no_argument(calls: list[dict[str, Any]]) -> None:
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command("push_release", "haiku", "3", "--repo=a/b", "--token=x")
    assert calls == []


def test_mistakes_are_said_in_words(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="has no release 4"):
        call_command("push_release", "haiku", "4", repo="a/b")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("push_release", "haiku", "3", repo="a/b", token_file=str(tmp_path / "nowhere"))
    assert calls == []


def test_a_release_that_is_not_whole_stays_here(calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    making = SimpleNamespace(project_id=7, number=3, manifest=None, state="making")
    monkeypatch.setattr(push_release, "found", lambda project, number: making)
    with pytest.raises(CommandError, match="is not ready; its state is “making”"):
        call_command("push_release", "haiku", "3", repo="a/b")
    assert calls == []


def test_what_the_hub_refuses_is_the_command_s_error(
    calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def push(*args: Any, **given: Any) -> str:
        raise hub.PushFailed("The Hub does not know the token.")

    monkeypatch.setattr(hub, "push", push)
    with pytest.raises(CommandError, match="does not know the token"):
        call_command("push_release", "haiku", "3", repo="a/b")
