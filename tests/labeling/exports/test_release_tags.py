"""Releases that the tags of prompts divide: the parts that tags ask for, the same ones however often it is begun."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from labeling.exports import stored
from labeling.exports.models import Release, Shard
from labeling.exports.services import building, rebuilding, releases
from labeling.models import Project, Prompt, User
from labeling.services import background
from tests.labeling.exports.releasing import asked, built, failed, haiku, rows
from tests.labeling.exports.test_release_disturbed import Broken, breaking_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home", "small_shards")]


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


def tagged(project: Project, **tags: str) -> None:
    """Has prompts carry a tag, by their external ids."""
    for external_id, tag in tags.items():
        assert Prompt.objects.filter(project=project, external_id=external_id).update(tags=[tag])


def parts(release: Release, format: str = "sft") -> dict[str, set[str]]:
    """The external ids of the prompts in each part."""
    assert release.manifest
    names = dict.fromkeys(file["split"] for file in release.manifest["files"] if file["format"] == format)
    return {name: {row["metadata"]["external_id"] for row in rows(release, format, name)} for name in names}


def test_it_works(project: Project) -> None:
    tagged(project, p20="test", p21="validation", p22="train")
    found = parts(built(project, "sft", splits="tags"))
    assert list(found) == ["train", "validation", "test"]
    assert (found["validation"], found["test"]) == ({"p21"}, {"p20"})


@pytest.mark.parametrize("held_out", ["test", "validation"])
def test_there_are_the_parts_that_tags_ask_for(project: Project, held_out: str) -> None:
    tagged(project, p20=held_out, p22="train")
    release = built(project, "sft", "prompts", splits="tags")
    for name in ("sft", "prompts"):
        found = parts(release, name)
        assert list(found) == ["train", held_out]
        assert found[held_out] == {"p20"}
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}


def test_without_a_prompt_that_is_held_out_tags_divide_nothing(project: Project, tmp_path: Path) -> None:
    tagged(project, p20="train")
    release = asked(project, "sft", splits="tags")
    releases.work()
    assert "No prompt is tagged “validation” or “test”" in failed(release, tmp_path)


def test_a_part_whose_prompts_have_no_rows_says_what_helps(project: Project, tmp_path: Path) -> None:
    """Prompt 36 has no answer, so nothing that was answered is in the part that its tag asks for."""
    tagged(project, p36="test")
    release = asked(project, "sft", splits="tags")
    releases.work()
    reason = failed(release, tmp_path)
    assert "no row in “test”" in reason
    assert "when prompts that have answers are tagged for each part" in reason


def test_a_tag_that_comes_while_it_is_built_moves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts of one opening stand in the first shard and in a later one, which another worker makes."""
    by_id = {prompt.external_id: prompt for prompt in Prompt.objects.filter(project=project)}
    for late, like in (("p30", "p21"), ("p31", "p22")):
        Prompt.objects.filter(pk=by_id[late].pk).update(messages=by_id[like].messages)
    tagged(project, p22="test")
    release = asked(project, "sft", "prompts", splits="tags")
    with monkeypatch.context() as patch:
        breaking_at(patch, 1, Broken())
        taken = background.take(Release)
        assert taken
        with pytest.raises(Broken):
            building.build(taken)
    assert list(Shard.objects.values_list("number", flat=True)) == [0]
    tagged(project, p30="test", p22="", p33="validation")
    Release.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    releases.reclaim()
    assert releases.work() == 1
    release.refresh_from_db()
    assert (release.state, release.reason) == ("done", "")
    found = parts(release, "prompts")
    assert list(found) == ["train", "test"]
    assert found["test"] == {"p22", "p31"}
    assert "p21" in found["train"]
    # The tags of these say what their group is not any more: they are in no part.
    assert not {"p30", "p33"} & found["train"]
    assert stored.HELD_OUT in stored.paths(release)


def test_a_release_knows_when_it_is_made_again_what_was_held_out(project: Project) -> None:
    tagged(project, p20="test")
    release = built(project, "sft", splits="tags")
    # Nobody has answered it: only what is held out could change.
    later = Prompt.objects.get(project=project, external_id="p35")
    opens = Prompt.objects.get(project=project, external_id="p21")
    Prompt.objects.filter(pk=later.pk).update(messages=opens.messages, tags=["test"])
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}
    stored.put_bytes(release, stored.HELD_OUT, b"half of it")
    assert any(file.differs for file in rebuilding.rebuild(release)), "it goes by the tags of now where it is not kept"
