"""Publishing on the Hub, against a server that stands in for it: one commit, nothing left over, no token told."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from huggingface_hub.utils._http import close_session

from labeling.exports import hub
from labeling.exports.cards import card
from tests.labeling.exports import standin
from tests.labeling.exports.released import release
from tests.labeling.exports.standin import TOKEN, Hub

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

REPO = "my-team/haiku"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in. The library may ask it, and sends whole files: nothing stands in for the Hub's own storage."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    # The library waits longer and longer between tries.
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with standin.running() as found:
        yield found
    close_session()


def files_of(folder: Path) -> dict[str, hub.Source]:
    """A release's files, with its card."""
    manifest = release(folder, ("sft", "kto"), ending="jsonl.gz")
    (folder / "README.md").write_text(card(manifest), "utf-8")
    return {path: folder / path for path in [*(file["path"] for file in manifest["files"]), "README.md"]}


def pushed(there: Hub, files: dict[str, hub.Source], **given: Any) -> str:
    return hub.push(files, REPO, TOKEN, endpoint=there.address, **given)


def refused(there: Hub, files: dict[str, hub.Source] | None = None, **given: Any) -> str:
    """Why it was not published."""
    with pytest.raises(hub.PushFailed) as caught:
        pushed(there, files or {"README.md": b"# Haiku\n"}, **given)
    assert TOKEN not in caught.value.detail
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "the Hub's errors hold the request, and that holds the token"
    return caught.value.detail


def test_it_works(there: Hub, tmp_path: Path) -> None:
    files = files_of(tmp_path)
    told: list[tuple[str, int, int]] = []
    address = pushed(
        there,
        files,
        message="Release 3",
        tag="release-3",
        progress=lambda path, done, of: told.append((path, done, of)),
    )
    repository = there.repositories[REPO]
    assert address == f"{there.address}/datasets/{REPO}/commit/{repository.head}"
    assert repository.private
    kept = {path: data for path, data in repository.files.items() if path != ".gitattributes"}
    assert kept == {path: Path(str(source)).read_bytes() for path, source in files.items()}
    assert [(commit["branch"], commit["summary"]) for commit in repository.commits] == [("main", "Release 3")]
    assert repository.tags == {"release-3": repository.head}
    assert told == [(path, place, len(files)) for place, path in enumerate(files, 1)]
    assert there.tokens == {TOKEN}


def test_large_files_are_stored_apart_and_land_in_the_same_commit(there: Hub, tmp_path: Path) -> None:
    there.large = 500
    large = tmp_path / "large.jsonl"
    large.write_bytes(b'{"x": 1}\n' * 1000)
    pushed(there, {"sft/all-00000.jsonl": large, "kto/all-00000.jsonl": io.BytesIO(b"y" * 600), "README.md": b"# Hi\n"})
    repository = there.repositories[REPO]
    assert repository.files["sft/all-00000.jsonl"] == large.read_bytes()
    assert repository.files["kto/all-00000.jsonl"] == b"y" * 600
    assert sorted(there.stored.values()) == sorted([large.read_bytes(), b"y" * 600])
    assert len(repository.commits) == 1


def test_shards_of_an_earlier_release_go_and_other_files_stay(there: Hub) -> None:
    there.repositories[REPO] = standin.Repository(
        files={
            "sft/train-00000.jsonl": b"old",
            "sft/train-00001.jsonl": b"old",
            "kto/all-00000.parquet": b"old",
            "notes/train-00001.jsonl": b"not ours",
            "sft/notes.jsonl": b"not ours",
            "LICENSE": b"not ours",
        }
    )
    pushed(there, {"sft/train-00000.jsonl": b"new", "README.md": b"# Haiku\n"})
    repository = there.repositories[REPO]
    assert repository.files == {
        "sft/train-00000.jsonl": b"new",
        "README.md": b"# Haiku\n",
        "notes/train-00001.jsonl": b"not ours",
        "sft/notes.jsonl": b"not ours",
        "LICENSE": b"not ours",
    }
    assert len(repository.commits) == 1


def test_pushing_again_changes_nothing(there: Hub, tmp_path: Path) -> None:
    files = files_of(tmp_path)
    first = pushed(there, files, tag="release-3")
    assert pushed(there, files, tag="release-3") == first
    assert len(there.repositories[REPO].commits) == 1


def test_a_branch_is_made(there: Hub) -> None:
    for _ in range(2):
        pushed(there, {"README.md": b"# Haiku\n"}, revision="next")
    assert there.repositories[REPO].branches == ["main", "next"]
    assert there.repositories[REPO].commits[0]["branch"] == "next"


def test_it_may_be_public(there: Hub) -> None:
    pushed(there, {"README.md": b"# Haiku\n"}, private=False)
    assert not there.repositories[REPO].private


def test_nothing_private_goes_into_a_public_repository(there: Hub) -> None:
    there.repositories[REPO] = standin.Repository(private=False)
    assert refused(there) == (
        "“my-team/haiku” is there already and public. Say that the release may be public, or name another repository."
    )
    assert there.repositories[REPO].files == {}
    pushed(there, {"README.md": b"# Haiku\n"}, private=False)
    assert there.repositories[REPO].files


@pytest.mark.parametrize("part", ["/repos/create", "/preupload/", "/tree/", "/commit/", "/validate-yaml"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "The Hub does not know the token, or it has run out."),
        (403, "The token may not write to “my-team/haiku”."),
        (404, "The Hub has no dataset “my-team/haiku” that the token can see."),
        (429, "The Hub has been asked too often."),
        (500, "The Hub has trouble of its own (status 500). Nothing was published; push again later."),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(there: Hub, part: str, status: int, said: str) -> None:
    there.fails[part] = status
    there.error = {"error": f"no {TOKEN} here"}
    assert refused(there).startswith(said)
    assert there.repositories.get(REPO, standin.Repository()).commits == []


def test_what_the_hub_says_is_passed_on_without_the_token(there: Hub) -> None:
    there.fails["/commit/"] = 422
    there.error = {"error": f"Too many files with {TOKEN}\n" + "x" * 1000}
    said = refused(there)
    assert said.startswith("The Hub does not take this (status 422): Too many files with … xxx")
    assert len(said) < 400


def test_a_card_that_the_hub_does_not_take_is_told(there: Hub) -> None:
    there.fails["/validate-yaml"] = 400
    there.error = {"errors": [{"message": '"license" must be one of mit'}], "warnings": []}
    said = refused(there)
    assert said.startswith("The Hub does not take the dataset card: ")
    assert '"license" must be one of mit' in said


def test_somebody_who_was_faster_is_not_overwritten(there: Hub) -> None:
    def another_commit(path: str, done: int, of: int) -> None:
        there.repositories[REPO].commits.append({"branch": "main", "summary": "theirs"})

    assert refused(there, progress=another_commit) == (
        "“my-team/haiku” was changed by somebody else at the same time. Push again."
    )


def test_a_hub_that_is_not_there_is_told(there: Hub) -> None:
    with pytest.raises(hub.PushFailed, match="The Hub cannot be reached") as caught:
        hub.push({"README.md": b"#"}, REPO, TOKEN, endpoint="http://127.0.0.1:1")
    assert TOKEN not in caught.value.detail


def test_a_machine_that_is_kept_offline_is_told(there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(there)


def test_a_file_that_is_not_there_is_told(there: Hub, tmp_path: Path) -> None:
    assert "nowhere.jsonl" in refused(there, {"sft/all-00000.jsonl": tmp_path / "nowhere.jsonl"})


@pytest.mark.parametrize(
    "repo", ["haiku", "a/b/c", "", "a/", "/b", "a b/c", "ä/b", "datasets/a/b", "a/b--c", "a/b.git"]
)
def test_a_bad_name_is_refused(there: Hub, repo: str) -> None:
    with pytest.raises(hub.PushFailed, match="is no name of a repository"):
        hub.push({"README.md": b"#"}, repo, TOKEN, endpoint=there.address)
    assert there.calls == []


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nend", "ümlaut"])
def test_a_token_that_is_none_is_refused(there: Hub, token: str) -> None:
    with pytest.raises(hub.PushFailed, match="There is no token") as caught:
        hub.push({"README.md": b"#"}, REPO, token, endpoint=there.address)
    assert not token.strip() or token not in caught.value.detail
    assert there.calls == []


def test_no_file_is_no_release(there: Hub) -> None:
    with pytest.raises(hub.PushFailed, match="no file"):
        hub.push({}, REPO, TOKEN, endpoint=there.address)


def test_a_machine_without_the_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(hub.PushFailed, match="pip install"):
        hub.push({"README.md": b"#"}, REPO, TOKEN)


def test_the_token_is_in_no_log(
    there: Hub, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("huggingface_hub", "httpx", "httpx2", "httpcore", "httpcore2"):
        caplog.set_level(logging.DEBUG, logger=name)
    pushed(there, {"README.md": b"# Haiku\n"})
    there.fails["/commit/"] = 500
    refused(there, {"README.md": b"# Other\n"})
    printed = capfd.readouterr()
    for text in (caplog.text, printed.out, printed.err):
        assert TOKEN not in text
    assert caplog.records
