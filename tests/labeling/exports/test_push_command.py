"""`manage.py push_release`, with a release that a worker has built; only the Hub is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, Storage
from django.core.management import CommandError, call_command

from labeling.exports import hub, stored
from labeling.exports.models import Release
from labeling.exports.services import building
from labeling.models import Event, Project, Role
from labeling.services import projects
from tests import make
from tests.labeling.exports.connections import wait_for_exports
from tests.labeling.exports.releasing import asked, built, files
from tests.labeling.exports.standin import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "https://hub.example/commit/1"


class Elsewhere(FileSystemStorage):
    """A storage that keeps its files on another machine."""

    def path(self, name: str) -> str:
        raise NotImplementedError

    def open(self, name: str, mode: str = "rb") -> Any:
        return (Path(self.base_location) / name).open(mode)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield
    wait_for_exports(0)


@pytest.fixture
def project() -> Project:
    ann = make.person("ann")
    made = make.project(annotators=[ann], slug="haiku")
    make.imported(made, 1)
    make.written(make.queue(made, slug="write"), ann, "Mine.")
    return made


@pytest.fixture
def release(project: Project) -> Release:
    return built(project, "sft", title="Before the summer")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is pushed, instead of pushing it."""
    seen: list[dict[str, Any]] = []

    def push(given: dict[str, Path], repo: str, token: str, progress: Callable[..., None], **others: Any) -> str:
        progress("README.md", 1, 1)
        read = {path: source.read_bytes() for path, source in given.items()}
        seen.append({"files": read, "repo": repo, "token": token, **others})
        return ADDRESS

    monkeypatch.setattr(hub, "push", push)
    return seen


def of_release(release: Release) -> dict[str, bytes]:
    """What is stored for it to be downloaded."""
    return {path: found for path, found in files(release).items() if not path.startswith("index/")}


def pushes() -> list[Event]:
    return list(Event.objects.filter(verb="release.pushed").order_by("pk"))


def test_it_works(calls: list[dict[str, Any]], release: Release, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("push_release", "haiku", "1", repo="my-team/haiku")
    (call,) = calls
    assert {"README.md", "manifest.json", "sft/all-00000.jsonl"} <= call["files"].keys()
    assert call == {
        "files": of_release(release),
        "repo": "my-team/haiku",
        "token": TOKEN,
        "private": True,
        "revision": None,
        "message": "Release 1: Before the summer",
        "tag": "release-1",
    }
    printed = capsys.readouterr()
    assert printed.out == f"{ADDRESS}\n"
    assert "1 of 1" in printed.err
    (event,) = pushes()
    assert (event.actor, event.project, event.target_id) == (make.manager(release.project), release.project, release.pk)
    assert event.data == {"number": 1, "repo": "my-team/haiku", "private": True, "address": ADDRESS}


def test_it_is_told_in_whose_name(calls: list[dict[str, Any]], release: Release) -> None:
    boss = make.person("boss")
    with pytest.raises(CommandError):
        call_command("push_release", "haiku", "1", repo="a/b", email=boss.email)
    assert (calls, pushes()) == ([], [])
    projects.add_member(release.project, email=boss.email, role=Role.MANAGER, by=make.manager(release.project))
    call_command("push_release", "haiku", "1", repo="a/b", email=boss.email, public=True)
    (event,) = pushes()
    assert (event.actor, event.data["private"]) == (boss, False)


def test_files_that_are_stored_elsewhere_are_fetched(
    calls: list[dict[str, Any]], release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = of_release(release)
    elsewhere: Storage = Elsewhere(location=tmp_path)
    monkeypatch.setattr(stored, "default_storage", elsewhere)
    call_command("push_release", "haiku", "1", repo="my-team/haiku")
    assert calls[0]["files"] == wanted


def test_the_token_may_come_from_a_file(calls: list[dict[str, Any]], release: Release, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hf_from_a_file\n")
    call_command("push_release", "haiku", "1", repo="a/b", token_file=str(secret), public=True, revision="next")
    (call,) = calls
    assert (call["token"], call["private"], call["revision"]) == ("hf_from_a_file", False, "next")


def test_a_token_is_no_argument(calls: list[dict[str, Any]]) -> None:
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command("push_release", "haiku", "1", "--repo=a/b", "--token=x")
    assert calls == []


def test_mistakes_are_said_in_words(calls: list[dict[str, Any]], project: Project, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no release 4 of a project “haiku”"):
        call_command("push_release", "haiku", "4", repo="a/b")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("push_release", "haiku", "4", repo="a/b", token_file=str(tmp_path / "nowhere"))
    with pytest.raises(CommandError, match="There is no project “tanka”"):
        call_command("push_release", "tanka", "1", repo="a/b")
    assert (calls, pushes()) == ([], [])


def test_a_release_that_is_not_whole_stays_here(calls: list[dict[str, Any]], project: Project) -> None:
    asked(project)
    with pytest.raises(CommandError, match="Release 1 is waiting: only one that is done"):
        call_command("push_release", "haiku", "1", repo="a/b")
    assert (calls, pushes()) == ([], [])


def test_what_the_hub_refuses_is_the_command_s_error(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def push(*args: Any, **given: Any) -> str:
        raise hub.PushFailed("The Hub does not know the token.")

    monkeypatch.setattr(hub, "push", push)
    with pytest.raises(CommandError, match="does not know the token"):
        call_command("push_release", "haiku", "1", repo="a/b")
    assert pushes() == []
