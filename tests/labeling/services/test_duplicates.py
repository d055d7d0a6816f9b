"""Looking for prompts that say the same, and judging what was found."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.errors import Conflict, Invalid
from labeling.importing.base import parse
from labeling.models import DuplicateGroup, DuplicateSearch, Event, Project, Prompt, Task
from labeling.services import background, duplicates, imports, slots
from tests import make

pytestmark = pytest.mark.django_db


def prompts(project: Project, *texts: Any) -> None:
    """Prompts with the external ids 1, 2 …: texts, or lines."""
    start = project.prompts.count()
    lines = [
        parse({"external_id": str(number), **(text if isinstance(text, dict) else {"prompt": text})}, number)
        for number, text in enumerate(texts, start=start + 1)
    ]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))


def searched(project: Project, likeness: int | None = 80) -> DuplicateSearch:
    asked = duplicates.search(project, likeness=likeness, by=make.manager(project))
    assert duplicates.is_waiting()
    assert duplicates.work() == 1
    asked.refresh_from_db()
    return asked


def found(project: Project, state: str = "open") -> list[tuple[str, list[str], int]]:
    """The groups as kind, external ids and likeness."""
    return [
        (group.kind, sorted(group.members.values_list("prompt__external_id", flat=True)), group.likeness)
        for group in DuplicateGroup.objects.filter(project=project, state=state).order_by("pk")
    ]


def test_it_works() -> None:
    project, other = make.project(), make.project()
    prompts(other, "Why is the sky blue?")
    prompts(
        project,
        "Why is the sky blue?",
        "why is  the\nsky BLUE?",
        "How do I set up direct deposit for my account?",
        "How do I set up direct deposit for my accounts?",
        "Who was Ada Lovelace?",
    )
    asked = searched(project)
    assert (asked.state, asked.prompts, asked.looked_at, asked.groups) == ("done", 5, 5, 2)
    assert found(project) == [("same", ["1", "2"], 100), ("near", ["3", "4"], 93)]
    assert not DuplicateGroup.objects.filter(project=other).exists()
    verbs = Event.objects.filter(project=project, verb__startswith="duplicates").order_by("pk")
    assert [event.verb for event in verbs] == ["duplicates.sought", "duplicates.found"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ﬁne Å", "fine Å", True),
        ("STRASSE", "straße", True),
        (" a\u3000b ", "a b", True),
        ("a b", "ab", False),
        ({"prompt": "x", "system": "Be brief."}, {"prompt": "x", "system": "be  brief."}, True),
        ({"prompt": "x", "system": "Be brief."}, {"prompt": "x"}, False),
        ({"prompt": "x", "context": [{"text": "A"}]}, {"prompt": "x", "context": [{"text": "B"}]}, False),
        ({"prompt": "x", "context": [{"text": "A", "title": "1"}]}, {"prompt": "x", "context": [{"text": "a"}]}, True),
        ({"prompt": "x", "tags": ["a"], "metadata": {"a": 1}, "batch": "a"}, {"prompt": "x"}, True),
    ],
)
def test_what_reads_the_same_is_the_same(one: Any, other: Any, same: bool) -> None:
    project = make.project()
    prompts(project, one, other)
    searched(project, likeness=None)
    assert found(project) == ([("same", ["1", "2"], 100)] if same else [])


def test_a_long_setting_that_all_prompts_share_makes_them_no_duplicates() -> None:
    project = make.project()
    setting = "You are a patient teacher who answers children. " * 40
    prompts(
        project,
        {"prompt": "Why is the sky blue?", "system": setting},
        {"prompt": "How do fish breathe?", "system": setting},
        {"prompt": "Why is the sky blue!", "system": setting},
        {"prompt": "Why is the sky blue!?"},
    )
    searched(project, likeness=70)
    assert found(project) == [("near", ["1", "3"], 88)]


def test_the_same_search_again_finds_the_same_and_asks_about_nothing_that_was_judged() -> None:
    project = make.project()
    prompts(project, "a b c", "A b c", "d", "D")
    searched(project)
    first, second = DuplicateGroup.objects.order_by("pk")
    by = make.manager(project)
    assert duplicates.keep(first, by=by).state == "kept"
    assert searched(project).groups == 1
    assert found(project) == [("same", ["3", "4"], 100)]
    assert found(project, "kept") == [("same", ["1", "2"], 100)]
    assert not DuplicateGroup.objects.filter(pk=second.pk).exists()
    # Somebody joins the group: it is another one, and is asked about.
    prompts(project, "a B c")
    assert searched(project).groups == 2
    assert (("same", ["1", "2", "5"], 100)) in found(project)


def test_prompts_that_came_in_without_a_hash_get_theirs() -> None:
    project = make.project()
    prompts(project, *[f"Question {n % 5}" for n in range(10)])
    hashes = list(Prompt.objects.order_by("pk").values_list("normal_hash", flat=True))
    Prompt.objects.update(normal_hash=None)
    searched(project, likeness=None)
    assert list(Prompt.objects.order_by("pk").values_list("normal_hash", flat=True)) == hashes
    assert len(found(project)) == 5


def test_some_can_be_retired() -> None:
    ann = make.person()
    project = make.project(annotators=[ann])
    queue, second = make.queue(project), make.queue(project)
    prompts(project, "x", "X", "x ")
    make.written(queue, ann)  # the first prompt has an answer
    searched(project)
    group = DuplicateGroup.objects.get()
    one, two, three = Prompt.objects.order_by("pk")
    assert duplicates.thin(group, retire=[two.pk], by=make.manager(project)) == 0
    assert set(Task.objects.filter(state="retired").values_list("prompt", "queue")) == {
        (two.pk, queue.pk),
        (two.pk, second.pk),
    }
    group.refresh_from_db()
    assert (group.state, group.judged_by) == ("thinned", make.manager(project))
    with pytest.raises(Conflict, match="judged"):
        duplicates.thin(group, by=make.manager(project))
    DuplicateGroup.objects.update(state="open")  # as when another prompt joins it
    duplicates.thin(group, by=make.manager(project))
    assert set(Task.objects.filter(state="retired").values_list("prompt", flat=True)) == {two.pk, three.pk}
    assert slots.take_next(queue, by=make.manager(project)) is None
    assert one.tasks.count() == 2


def test_only_prompts_of_the_group_can_be_retired_with_it() -> None:
    project = make.project()
    make.queue(project)
    prompts(project, "x", "X", "y")
    searched(project)
    group, stranger = DuplicateGroup.objects.get(), Prompt.objects.get(external_id="3")
    for chosen in ([], [stranger.pk], [stranger.pk, Prompt.objects.get(external_id="1").pk]):
        with pytest.raises(Invalid, match="of this group"):
            duplicates.thin(group, retire=chosen, by=make.manager(project))
    assert not Task.objects.filter(state="retired").exists()


def test_very_many_are_retired_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_RETIRED", 3)
    project = make.project()
    make.queue(project)
    prompts(project, *["x"] * 8)
    searched(project)
    group, by = DuplicateGroup.objects.get(), make.manager(project)
    assert [duplicates.thin(group, by=by) for _ in range(3)] == [4, 1, 0]
    assert Task.objects.filter(state="open").count() == 1
    group.refresh_from_db()
    assert group.state == "thinned"


def test_one_search_at_a_time_and_only_for_a_likeness_there_is() -> None:
    project = make.project()
    by = make.manager(project)
    for likeness in (10, 100, "80", True):
        with pytest.raises(Invalid, match="no such likeness"):
            duplicates.search(project, likeness=likeness, by=by)
    asked = duplicates.search(project, by=by)
    with pytest.raises(Conflict, match="under way"):
        duplicates.search(project, by=by)
    duplicates.cancel(asked, by=by)
    with pytest.raises(Conflict, match="ended already"):
        duplicates.cancel(asked, by=by)
    assert duplicates.work() == 0
    searched(project)


def test_a_search_that_is_called_off_leaves_what_was_found_before(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    prompts(project, "x", "X")
    searched(project)
    prompts(project, "y", "Y")
    real = duplicates._write

    def write(*given: Any, **rest: Any) -> None:
        background.call_off(DuplicateSearch.objects.latest("pk"), "Somebody called it off.")
        real(*given, **rest)

    monkeypatch.setattr(duplicates, "_write", write)
    asked = duplicates.search(project, by=make.manager(project))
    duplicates.work()
    asked.refresh_from_db()
    # The call-off is undone with the search's transaction here, for both have one connection; the next sees it.
    assert found(project) == [("same", ["1", "2"], 100)]


def test_a_worker_that_is_told_to_stop_puts_it_back() -> None:
    project = make.project()
    prompts(project, "one thing", "one thing!")
    asked = duplicates.search(project, likeness=70, by=make.manager(project))
    stops = iter([False, True])
    assert duplicates.work(should_stop=lambda: next(stops, True)) == 1
    asked.refresh_from_db()
    assert asked.state == "waiting"
    duplicates.work()
    assert [kind for kind, _, _ in found(project)] == ["near"]


def test_a_search_that_breaks_off_is_tried_again_and_fails_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    asked = duplicates.search(project, by=make.manager(project))
    monkeypatch.setattr(duplicates, "fill", lambda project_id: 1 / 0)
    assert duplicates.work() == background.MAX_TRIES
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("failed", "It broke off (ZeroDivisionError).")
