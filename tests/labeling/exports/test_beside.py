"""`dataset_info.json` of a download and of the command: what LLaMA-Factory reads beside a file of rows."""

from __future__ import annotations

import json
import os
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from labeling.errors import Invalid
from labeling.exports import beside
from labeling.exports.formats import FORMATS
from labeling.importing.base import parse
from labeling.models import Project, User
from labeling.services import imports
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

AT = "/api/projects/haiku/export/"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
NEEDS = {"alpaca", "sharegpt", "llama-factory", "llama-factory-preference", "llama-factory-kto"}


@pytest.fixture
def project(ann: User) -> Project:
    made = make.project(annotators=[ann], slug="haiku")
    make.imported(made, 2)
    make.written(make.queue(made, slug="write"), ann, "Mine.")
    return made


@pytest.fixture
def caller(project: Project) -> APIClient:
    client = APIClient()
    client.force_authenticate(make.manager(project))
    return client


def info(folder: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((folder / "dataset_info.json").read_text("utf-8"))
    return found


def export(out: Path, format: str = "llama-factory", **given: str) -> None:
    call_command("export", "haiku", format=format, out=str(out), **given)


def with_tools(project: Project, ann: User) -> None:
    """A prompt with tools comes in: from now on every row has the column."""
    line = parse({"prompt": "Look it up.", "tools": [TOOL]}, 1)
    imports.import_lines(project, [line], source="jsonl", by=make.manager(project))


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_the_entry_beside_the_file(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(tmp_path / "train.jsonl")
    text = FORMATS["llama-factory"].beside({"": ["train.jsonl"]})["dataset_info.json"]
    assert (tmp_path / "dataset_info.json").read_text("utf-8") == text
    assert "dataset_info.json beside it calls it “llama-factory”." in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dataset_info.json", "train.jsonl"]
    export(tmp_path / "train.jsonl")
    assert list(info(tmp_path)) == ["llama-factory"], "again is the same"


def test_a_part_is_named_by_it(project: Project, tmp_path: Path) -> None:
    call_command("export", "haiku", format="prompts", out=str(tmp_path / "rows.jsonl"))
    assert not (tmp_path / "dataset_info.json").exists()
    for split in ("train", "validation", "test"):
        try:
            export(tmp_path / f"{split}.jsonl", "sharegpt", split=split)
        except CommandError:
            continue  # the one row is in one part alone
        assert list(info(tmp_path)) == [f"sharegpt-{split}"]
        return
    pytest.fail("the row is in no part")


def test_tools_are_named_where_rows_have_them(project: Project, ann: User, tmp_path: Path) -> None:
    export(tmp_path / "a.jsonl", "sharegpt")
    assert info(tmp_path)["sharegpt"]["columns"] == {"messages": "conversations", "system": "system"}
    with_tools(project, ann)
    export(tmp_path / "a.jsonl", "sharegpt")
    assert "tools" in json.loads((tmp_path / "a.jsonl").read_text("utf-8"))
    assert info(tmp_path)["sharegpt"]["columns"]["tools"] == "tools"


def test_other_entries_stay_as_they_are(project: Project, tmp_path: Path) -> None:
    others = {"mine": {"file_name": "ünïcode.json", "columns": {"prompt": "q"}}, "hub": {"hf_hub_url": "a/b"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(others), "utf-8-sig")
    export(tmp_path / "a.jsonl")
    export(tmp_path / "a.jsonl", "alpaca")
    export(tmp_path / "b.jsonl")
    found = info(tmp_path)
    assert list(found) == ["mine", "hub", "llama-factory", "alpaca", "llama-factory-b"]
    assert {name: found[name] for name in others} == others
    assert [found[name]["file_name"] for name in ("llama-factory", "llama-factory-b")] == ["a.jsonl", "b.jsonl"]


@pytest.mark.parametrize("text", ["{", "", "[]", '{"mine": 3}', '{"a": {}}, ', "\xff"])
def test_a_file_that_is_broken_is_not_written_over(project: Project, tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset_info.json").write_text(text, "latin-1")
    with pytest.raises(CommandError, match=r"dataset_info\.json is there and is no"):
        export(tmp_path / "a.jsonl")
    assert (tmp_path / "dataset_info.json").read_text("latin-1") == text
    assert not (tmp_path / "a.jsonl").exists(), "nothing is written at all"
    export(tmp_path / "a.jsonl", "sft")  # whose loaders read no such file


def test_where_there_is_no_folder_there_is_no_entry(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in ("-", os.devnull):
        call_command("export", "haiku", format="alpaca", out=out)
    assert b'"output":"Mine."' in capfdbinary.readouterr().out
    export(tmp_path / "rows.txt")
    assert not (tmp_path / "dataset_info.json").exists(), "LLaMA-Factory reads no .txt as rows"
    export(Path("here.jsonl"))
    assert info(tmp_path)["llama-factory"]["file_name"] == "here.jsonl"


def test_two_names_that_are_taken_are_not_taken_away() -> None:
    new = {"alpaca": {"file_name": "b.jsonl"}}
    there: beside.Entries = {"alpaca": {"file_name": "a.jsonl"}, "alpaca-b": {"file_name": "c.jsonl"}}
    with pytest.raises(Invalid, match="“alpaca” and “alpaca-b”"):
        beside.merged(there, new)
    hub: beside.Entries = {"alpaca": {"hf_hub_url": "a/b"}}
    assert beside.merged(hub, new) == hub | {"alpaca-b": {"file_name": "b.jsonl"}}


# --- The call and the page -------------------------------------------------------------------------------------------


def test_the_call_gives_the_entry_of_the_file_that_the_same_query_gives(
    project: Project, caller: APIClient, ann: User
) -> None:
    for format in ("llama-factory", "alpaca", "sharegpt"):
        file: Any = caller.get(AT, {"format": format, "queue": "write"})
        answer = caller.get(f"{AT}dataset-info/", {"format": format, "queue": "write"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        assert 'filename="dataset_info.json"' in answer.headers["Content-Disposition"]
        (entry,) = answer.json().values()
        assert f'filename="{entry["file_name"]}"' in file.headers["Content-Disposition"]
        row = json.loads(b"".join(file.streaming_content))
        assert set(entry.get("columns", {}).values()) <= set(row)
        assert "tools" not in entry["columns"]
    with_tools(project, ann)
    entry = caller.get(f"{AT}dataset-info/", {"format": "llama-factory"}).json()["llama-factory"]
    assert entry["columns"] == {"messages": "messages", "tools": "tools"}


def test_formats_without_one_are_told_and_so_is_an_export_without_rows(caller: APIClient) -> None:
    for format in set(FORMATS) - NEEDS:
        answer = caller.get(f"{AT}dataset-info/", {"format": format})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "format")
        assert "llama-factory-kto" in answer.json()["detail"]
    empty = caller.get(f"{AT}dataset-info/", {"format": "llama-factory-kto"})
    assert (empty.status_code, empty.json()["code"]) == (409, "empty_export")
    wrong = caller.get(f"{AT}dataset-info/", {"format": "alpaca", "pairs": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "pairs")


def test_managers_alone_get_it(project: Project, ann: User) -> None:
    client = APIClient()
    assert client.get(f"{AT}dataset-info/", {"format": "alpaca"}).status_code == 401
    for user, status in ((ann, 403), (make.person("oz"), 404)):
        client.force_authenticate(user)
        assert client.get(f"{AT}dataset-info/", {"format": "alpaca"}).status_code == status


def test_the_page_links_to_it_where_there_is_one(project: Project) -> None:
    client = Client()
    client.force_login(make.manager(project))
    for format in ("sft", "alpaca", "llama-factory"):
        page = unescape(client.get("/projects/haiku/export/", {"format": format}).content.decode())
        assert (f'href="{AT}dataset-info/?format={format}&' in page) == (format in NEEDS)
    assert client.get(f"{AT}dataset-info/?format=alpaca").status_code == 200, "with the browser's session"
