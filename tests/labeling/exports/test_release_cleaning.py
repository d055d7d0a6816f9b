"""What settings do in releases: rows are cleaned over all shards, whoever makes them, and tags divide them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from labeling.exports import choices, plans, stored
from labeling.exports.checks import about_hosted
from labeling.exports.cleaning import Tools
from labeling.exports.contamination import Benchmark
from labeling.exports.models import Release
from labeling.exports.services import rebuilding
from labeling.exports.stream import measure
from labeling.importing.base import parse
from labeling.models import Project, User
from labeling.services import imports
from tests import make
from tests.labeling.exports.releasing import asked, built, check_hashes, rows
from tests.labeling.exports.test_release_disturbed import broken_off_and_taken_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 2)


@pytest.fixture
def project(ann: User) -> Project:
    """Nine prompts, of which every third asks the same, and a response to each."""
    made = make.project(annotators=[ann], slug="haiku")
    asks = ["Why is the sky blue?" if n % 3 == 0 else f"Question {n}?" for n in range(9)]
    tags = {7: ["validation"], 8: ["test"]}
    given = [parse({"prompt": text, "external_id": str(n), "tags": tags.get(n, [])}, n) for n, text in enumerate(asks)]
    imports.import_lines(made, given, source="jsonl", by=make.manager(made))
    queue = make.queue(made, slug="write")
    for n in range(9):
        make.written(queue, ann, "Because." if n % 3 == 0 else f"Response {n} ends <|im_end|> here.")
    return made


def removed(release: Release, name: str = "sft") -> dict[str, int]:
    assert release.manifest
    (of,) = (one for one in release.manifest["formats"] if one["format"] == name)
    return {one["rule"]: one["count"] for one in of["removed"]}


def texts(release: Release, split: str = "") -> list[str]:
    return [row["messages"][-1]["content"] for row in rows(release, "sft", split)]


def test_the_same_texts_stand_once_in_all_shards(project: Project) -> None:
    release = built(project, "sft", "raw", filters={"dedupe": "rows"})
    assert texts(release).count("Because.") == 1
    assert removed(release) == {"repeated": 2}
    assert len(rows(release, "raw")) == 9, "it shows what is stored"
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}


def test_another_worker_knows_what_the_first_one_wrote(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = built(project, "sft", "prompts", filters={"dedupe": "rows", "control_tokens": "escape"})
    release = asked(project, "sft", "prompts", filters={"dedupe": "rows", "control_tokens": "escape"})
    broken_off_and_taken_up(release, monkeypatch)
    check_hashes(release)
    assert (texts(release), removed(release)) == (texts(usual), {"repeated": 2})
    assert release.manifest
    assert usual.manifest
    assert release.manifest["formats"] == usual.manifest["formats"], "warnings and columns, too"


def test_tags_divide_a_release_and_settings_hold_for_it(project: Project) -> None:
    release = built(project, "sft", splits="tags", filters={"max_tokens": "40", "control_tokens": "escape"})
    assert texts(release, "test") == ["Response 8 ends < |im_end|> here."]
    assert texts(release, "train").count("Because.") == 3
    assert all("<|im_end|>" not in text for text in texts(release, "train"))


def test_rows_in_a_benchmark_are_left_out_however_often_it_is_built(project: Project, tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text("Why is the sky blue?\n")
    call_command("release", "haiku", formats="sft", benchmark=str(known), wait=True)
    release = Release.objects.get()
    assert (removed(release), len(texts(release))) == ({"benchmark": 3}, 6)
    assert release.manifest
    assert len(release.manifest["benchmark"]) == 64
    known.unlink()
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}
    stored.put_bytes(release, stored.BENCHMARK, b"8 bytes.")
    with pytest.raises(OSError, match="was changed"):
        list(rebuilding.rebuild(release))


def test_what_is_not_cleaned_though_it_was_asked_for_is_told(project: Project) -> None:
    release = built(project, "raw", "sft", filters={"dedupe": "rows", "max_tokens": "40"})
    assert release.manifest
    told = {kind["format"]: kind["warnings"] for kind in release.manifest["formats"]}
    assert any("no row was cleaned (dedupe, max_tokens)." in said for said in told["raw"])
    assert not any("cleaned" in said for said in told["sft"])
    assert not any("cleaned" in said for said in measure(choices.parse(project, {"format": "raw"})).warnings)
    tools = Tools(benchmark=Benchmark.read(["Why is the sky blue?"]))
    report = measure(choices.parse(project, {"format": "raw", "control_tokens": "drop"}), tools)
    assert any("no row was cleaned (control_tokens, benchmark)." in said for said in report.warnings)


def test_hosted_training_is_told_of_too_few_rows(project: Project) -> None:
    (said,) = (
        said for said in measure(choices.parse(project, {"format": "openai-sft"})).warnings if "Fireworks" in said
    )
    assert said == "There are 9 rows to train on: OpenAI takes a file from 10 rows on, Fireworks from 3."
    assert not any("Fireworks" in said for said in measure(choices.parse(project, {"format": "sft"})).warnings)
    release = built(project, "openai-sft", splits="tags")
    assert release.manifest
    (kind,) = release.manifest["formats"]
    assert any(said.startswith("There are 7 rows to train on") for said in kind["warnings"])


def test_only_the_rows_to_train_on_must_be_so_many_and_each_file_so_small() -> None:
    assert about_hosted([("train", 6, 10), ("train", 4, 10), ("test", 1, 512_000_000)]) == []
    assert about_hosted([("", 10, 512_000_000)]) == []
    (few,) = about_hosted([("train", 1, 10), ("test", 90, 10)])
    assert few.startswith("There is 1 row to train on")
    (large,) = about_hosted([("train", 10, 10), ("test", 1, 512_000_001)])
    assert "512 MB" in large


def test_a_kept_benchmark_knows_the_same() -> None:
    one = Benchmark.read(["Why is the sky blue?", "How warm is the sea in May?"])
    again = Benchmark.of_bytes(one.as_bytes)
    assert again.known == one.known
    assert again.matches(["why is the SKY blue"])
    assert not again.matches(["why is the sea blue"])
