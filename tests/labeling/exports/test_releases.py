"""Releases: what is in them, and where it comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import datasets
import pytest
from django.utils import timezone

from labeling.exports import choices, comparing, manifests, plans, stored, stream
from labeling.exports.code import _revision, code
from labeling.exports.formats import FORMATS
from labeling.exports.index import hash_of
from labeling.exports.models import Release, ReleaseContributor
from labeling.exports.services import building, rebuilding, releases
from labeling.importing.base import parse
from labeling.models import Annotation, Delivery, Event, Project, User
from labeling.services import annotations as answers
from labeling.services import imports, webhooks
from tests import make, process
from tests.labeling.exports.releasing import asked, built, check_hashes, data, files, haiku, rows
from tests.labeling.exports.test_stream import noise

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


ALL = ("sft", "preference", "kto", "prompts", "raw")


def exported(project: Project, **given: str) -> list[dict[str, Any]]:
    with closing(stream.Export(choices.parse(project, given))) as export:
        return [json.loads(line) for line in b"".join(export).decode().splitlines()]


def without_people(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without pseudonyms, in the order of their prompts."""
    for row in found:
        row.pop("annotator", None)
        row.get("metadata", {}).pop("annotator", None)
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def test_it_works(project: Project, ann: User, ben: User) -> None:
    release = built(project, *ALL, title="  The first  one ")
    assert (release.number, release.title, release.reason) == (1, "The first one", "")
    for name in ALL:
        assert without_people(rows(release, name)) == without_people(exported(project, format=name)), name
    manifest = release.manifest
    assert manifest
    assert json.loads(files(release)["manifest.json"]) == manifest
    assert (manifest["manifest"], manifest["number"]) == (1, 1)
    assert manifest["project"] == {"slug": "haiku", "name": "Haiku", "description": ""}
    assert manifest["counts"] == {"prompts": 18, "annotations": 30, "annotators": 2}
    assert manifest["splits"] == {"rule": "Not divided.", "ratios": None}
    assert manifest["sources"]["languages"] == {"en": 18}
    assert [queue["slug"] for queue in manifest["sources"]["queues"]] == ["write", "rank", "thumbs"]
    assert manifest["sources"]["queues"][0] == {"slug": "write", "name": "Write", "overlap": 1, "form_versions": [1]}
    assert manifest["sources"]["guidelines_versions"] == [1]
    assert [one["format"] for one in manifest["formats"]] == list(ALL)
    kto = manifest["formats"][2]
    assert (kto["rows"], kto["prompts"], kto["labels"]) == (12, 6, {"true": 6, "false": 6})
    assert kto["removed"] == []
    # Nobody was asked twice: there is nothing to agree about.
    assert manifest["agreement"] == {}
    # 18 prompts in shards of 3; the one that leads is in the first, too.
    assert kto["files"] == ["kto/all-00000.jsonl", "kto/all-00001.jsonl"]
    assert len(manifest["formats"][3]["files"]) == 6
    check_hashes(release)
    assert dict(ReleaseContributor.objects.values_list("user", "annotations")) == {ann.pk: 20, ben.pk: 10}
    assert (release.prompts_done, release.prompts_of, release.percent) == (18, 18, 100)
    assert release.counts["rows"] == sum(file["rows"] for file in manifest["files"])
    verbs = Event.objects.filter(target_type="release", target_id=release.pk).order_by("pk")
    assert [event.verb for event in verbs] == ["release.asked", "release.built"]


def test_its_rows_are_indexed_in_order(project: Project) -> None:
    release = built(project, "sft", "kto", splits={"train": 50, "test": 50})
    for name in ("sft", "kto"):
        lines = []
        for path in stored.indexes(release, name):
            own = [line.split("\t") for line in data(release, path).decode().splitlines()]
            assert own == sorted(own, key=lambda line: (int(line[0]), line[1]))
            lines += own
        found = [*rows(release, name, "train"), *rows(release, name, "test")]
        assert sorted(number for number, _, _ in lines) == sorted(row["metadata"]["prompt_id"] for row in found)
        assert len({(number, key) for number, key, _ in lines}) == len(found)
        assert {digest for _, _, digest in lines} == {hash_of(row) for row in found}
    # Another release of the same answers says the same, though its pseudonyms are others.
    again = built(project, "sft")
    one, two = (
        sorted(line for path in stored.indexes(of, "sft") for line in data(of, path).splitlines())
        for of in (release, again)
    )
    assert one == two
    assert stored.indexes(release, "s") == []


def test_numbers_count_in_each_project(project: Project) -> None:
    other = make.project()
    assert [asked(project).number, asked(project).number, asked(other).number] == [1, 2, 1]


def test_a_prompt_is_in_one_part_alone(project: Project) -> None:
    release = built(project, "sft", "raw", "prompts", splits=True)
    assert release.manifest
    assert release.manifest["splits"]["ratios"] == {"train": 80, "validation": 10, "test": 10}
    for name in ("sft", "raw", "prompts"):
        parts = []
        for split in ("train", "validation", "test"):
            found = rows(release, name, split)
            parts.append({row.get("metadata", row)["prompt_id"] for row in found})
            assert without_people(found) == without_people(exported(project, format=name, split=split))
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_the_parts_may_be_of_any_size(project: Project) -> None:
    halves = built(project, "prompts", splits={"test": 0.5, "train": 0.5})
    assert halves.manifest
    assert halves.manifest["splits"]["ratios"] == {"train": 50, "test": 50}
    assert "50 % train, 50 % test" in halves.manifest["splits"]["rule"]
    train, test = (
        {row["metadata"]["prompt_id"] for row in rows(halves, "prompts", part)} for part in ("train", "test")
    )
    assert (len(train | test), train & test) == (18, set())
    assert 3 < len(train) < 15
    # What was in training stays there when that part grows.
    more = built(project, "prompts", splits={"train": 70, "test": 30})
    assert train <= {row["metadata"]["prompt_id"] for row in rows(more, "prompts", "train")}


def test_what_comes_later_is_not_in_it(project: Project, ann: User, ben: User) -> None:
    release = asked(project, *ALL)
    before = {name: exported(project, format=name) for name in ALL}
    write, rank = project.queues.get(slug="write"), project.queues.get(slug="rank")
    make.written(write, ann, "Too late.")
    make.ranked(rank, ben, [["Answer 0 to 30"], ["Answer 1 to 30"]])
    make.imported(project, 5, start=38)
    releases.work()
    release.refresh_from_db()
    for name in ALL:
        assert without_people(rows(release, name)) == without_people(before[name])


def test_an_annotation_submitted_while_it_is_built_is_not_in_it(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = project.queues.get(slug="write")
    real = building._store

    def store(release: Release, made: Any) -> None:
        real(release, made)
        if made.number < 3:
            make.written(write, ann, f"While shard {made.number} is stored.")

    monkeypatch.setattr(building, "_store", store)
    release = built(project, "sft", "raw")
    assert Annotation.objects.filter(answers__response__text__startswith="While shard").count() > 2
    assert "While shard" not in json.dumps([rows(release, "sft"), rows(release, "raw")])


def corrected(annotation: Annotation, text: str) -> Annotation:
    slot = annotation.slot
    slot.refresh_from_db()
    newest = slot.annotations.filter(undone_at=None).latest("version")
    made, _ = answers.revise(
        slot, {"response": {"text": text}}, lease=str(slot.lease), version=newest.version, by=annotation.annotator
    )
    return made


def compared(old: Release, new: Release, format: str) -> tuple[int, int, int, int]:
    """How many rows came, went, changed and stayed."""
    before, after = (
        comparing.entries([data(of, path).splitlines(keepends=True) for path in stored.indexes(of, format)])
        for of in (old, new)
    )
    found = comparing.compare(before, after)
    return found.added.count, found.removed.count, found.changed.count, found.same


def test_a_row_whose_answer_was_corrected_has_changed(project: Project, ann: User, ben: User) -> None:
    """Of two people who wrote for a prompt the other one's row stays."""
    both = make.queue(project, slug="both", overlap=2)
    mine, _ = make.written(both, ann, "Of Ann."), make.written(both, ben, "Of Ben.")
    before = built(project, "sft")
    corrected(mine, "Of Ann, corrected.")
    after = built(project, "sft")
    assert after.manifest is not None
    (of,) = after.manifest["formats"]
    assert compared(before, after, "sft") == (0, 0, 1, of["rows"] - 1)


def test_it_is_what_stood_at_the_cutoff_whatever_happens_later(project: Project, ann: User) -> None:
    first, second, third = Annotation.objects.filter(queue__slug="write").order_by("pk")[:3]
    corrected(first, "Corrected before.")
    Annotation.objects.filter(pk=third.pk).update(undone_at=timezone.now())
    release = asked(project, "sft", "raw")
    corrected(first, "Corrected after.")
    corrected(second, "Corrected after.")
    kept = Annotation.objects.filter(queue__slug="write").order_by("pk")[5]
    Annotation.objects.filter(pk=kept.pk).update(undone_at=timezone.now())
    releases.work()
    release.refresh_from_db()
    said = [row["messages"][-1]["content"] for row in rows(release, "sft")]
    ranked_best = "Answer 1 to 22"
    assert said == ["Corrected before.", "Response 21.", ranked_best, *(f"Response {n}." for n in range(23, 34))]
    versions = {(row["annotation_id"], row["latest"]) for row in rows(release, "raw")}
    assert {(str(first.pk), False), (str(second.pk), True), (str(kept.pk), True)} <= versions
    # What is exported now is what stands now.
    now = [row["messages"][-1]["content"] for row in exported(project, format="sft")]
    assert now.count("Corrected after.") == 2
    assert "Response 25." not in now


def test_nobody_can_be_followed_from_one_release_to_the_next(project: Project) -> None:
    one, two = built(project, "raw"), built(project, "raw")
    names = [{row["annotator"] for row in rows(release, "raw")} for release in (one, two)]
    names.append({row["annotator"] for row in exported(project, format="raw")})
    assert [len(found) for found in names] == [2, 2, 2]
    assert len(set.union(*names)) == 6


def test_a_prompt_with_tool_calls_leads_each_part(project: Project, ann: User) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    said = {"role": "assistant", "content": "", "tool_calls": [call]}
    tools = [{"role": "user", "content": "How warm?"}, said, {"role": "tool", "content": "21", "name": "f"}]
    imports.import_lines(project, [parse({"messages": tools}, 1)], source="jsonl", by=make.manager(project))
    for _ in range(5):
        make.written(project.queues.get(slug="write"), ann)
    release = built(project, "sft", "prompts")
    assert rows(release, "sft")[0]["messages"][:3] == tools
    assert rows(release, "prompts")[0]["prompt"] == tools
    assert [row["prompt"] for row in rows(release, "prompts")].count(tools) == 1


def test_what_goes_beside_the_rows(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What formats want in their folder, and what describes the dataset, is in the manifest like every file."""
    given: list[dict[str, list[str]]] = []

    def beside(_: object, of: dict[str, list[str]], columns: Any) -> dict[str, str]:
        given.append(of)
        return {"info.json": json.dumps(of)}

    described: list[list[str]] = []

    def card(manifest: dict[str, Any]) -> str:
        described.append([file["path"] for file in manifest["files"]])
        return f"# {manifest['title']}\n"

    monkeypatch.setattr(type(FORMATS["sft"]), "beside", beside)
    monkeypatch.setattr(manifests, "card", card)
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 11)
    release = built(project, "sft", "raw", title="Of haiku", splits={"train": 90, "test": 10})
    assert given == [{"train": ["train-00000.jsonl", "train-00001.jsonl"], "test": ["test-00000.jsonl"]}]
    assert release.manifest
    beside_rows = [file for file in release.manifest["files"] if not file["format"]]
    assert [(file["path"], file["rows"], file["split"]) for file in beside_rows] == [
        ("sft/info.json", 0, ""),
        ("croissant.json", 0, ""),
        ("README.md", 0, ""),
    ]
    assert described[0][-2:] == ["sft/info.json", "croissant.json"]
    assert [file["media_type"] for file in beside_rows][1:] == ["application/json", "text/markdown; charset=utf-8"]
    check_hashes(release)
    stored_files = files(release)
    assert stored_files["README.md"] == b"# Of haiku\n"
    assert json.loads(stored_files["manifest.json"]) == release.manifest
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}


@pytest.mark.parametrize("kind", ["gzip", "parquet"])
def test_its_card_has_datasets_load_every_format(project: Project, tmp_path: Path, kind: str) -> None:
    release = built(project, *ALL, files=kind, splits=True)
    assert release.manifest
    folder = tmp_path / stored.name_of(release)
    for name in ALL:
        loaded = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))
        assert list(loaded) == ["train", "validation", "test"]
        (said,) = (one for one in release.manifest["formats"] if one["format"] == name)
        assert sum(map(len, loaded.values())) == said["rows"]
    described = json.loads(data(release, "croissant.json"))
    assert {one["name"] for one in described["recordSet"]} == {"splits", *ALL}
    assert data(release, "README.md").decode().count(release.manifest["files"][0]["sha256"]) == 1


def test_webhooks_are_told(project: Project) -> None:
    boss = make.manager(project)
    webhooks.create(project, url="https://hooks.example.org/labels", types=["release.built"], by=boss)
    built(project, "sft")
    told = Delivery.objects.get()
    assert (told.type, told.data["number"], told.data["formats"]) == ("release.built", 1, ["sft"])
    assert (told.data["project"], told.data["counts"]["prompts"]) == (project.slug, 14)


def test_it_says_by_which_code_it_was_made(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("6ac9564\n")
    assert _revision(git) == "6ac9564"
    (git / "refs" / "heads" / "main").unlink()
    assert _revision(git) == ""
    (git / "packed-refs").write_text("# pack-refs\n1234567 refs/heads/main\n")
    assert _revision(git) == "1234567"
    (git / "HEAD").write_text("89abcde\n")
    assert _revision(git) == "89abcde"
    assert _revision(tmp_path / "none") == ""
    assert set(code()) == {"version", "revision"}


# Not ru_maxrss: a child starts with that of the process that made it.
PEAK = """
import pathlib, re, sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "release", *sys.argv[1:]])
status = pathlib.Path("/proc/self/status").read_text()
print("peak", int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


def test_memory_does_not_grow_with_the_release(tmp_path: Path, settings: Any) -> None:
    def peak(project: Project) -> int:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, project.slug, "--formats", "prompts", "--files", "gzip", "--wait"],
            env=os.environ | {"DATABASE_URL": process.database_url(), "ANNOTATE_HOME": str(tmp_path)},
            cwd=process.ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout.split()[-1])

    small, large = make.project(slug="small"), make.project(slug="large")
    make.imported(small, 1)
    for start in range(0, 600, 200):
        lines = [parse({"prompt": f"{n} " + noise(60_000, seed=n)}, n) for n in range(start, start + 200)]
        imports.import_lines(large, lines, source="jsonl", by=make.manager(large))
    little = peak(small)
    assert peak(large) - little < 30
    settings.MEDIA_ROOT = tmp_path / "files"
    assert Release.objects.get(project=large).counts["bytes"] > 15_000_000
