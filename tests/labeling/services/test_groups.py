"""Which openings share a part: what a search found joins, and what a release has given out stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Event, Project, SplitLink
from labeling.services import groups
from labeling.services.groups import joined
from labeling.text import opening_key
from tests import make
from tests.labeling.services.test_duplicates import prompts, searched

DEPOSIT = "How do i set up direct deposit for my account?"
DEPOSITS = "How do i set up direct deposit for my accounts?"
DEPOSITING = "How do i set up direct deposits for my accounts?"

_opening = st.sampled_from("abcdefgh").map(str.encode)
# What some searches found, one after the other, each with what had been given out by then.
_searches = st.lists(
    st.tuples(st.lists(st.lists(_opening, min_size=2, max_size=4, unique=True), max_size=3), st.sets(_opening)),
    max_size=4,
)


def group(follows: dict[bytes, bytes], opening: bytes) -> bytes:
    return follows.get(opening, opening)


@given(_searches)
def test_what_was_given_out_never_moves_and_the_rest_comes_together(
    searches: Sequence[tuple[list[list[bytes]], set[bytes]]],
) -> None:
    follows: dict[bytes, bytes] = {}
    given_out: set[bytes] = set()
    for near, more in searches:
        given_out |= more
        before = {opening: group(follows, opening) for opening in given_out}
        together = {pair for pair in _PAIRS if _same(follows, *pair)}
        moved, apart = joined(follows, near, given_out)
        follows |= moved
        assert before == {opening: group(follows, opening) for opening in given_out}
        assert together <= {pair for pair in _PAIRS if _same(follows, *pair)}
        # What an opening follows follows nothing.
        assert all(group(follows, key) == key for key in follows.values())
        fixed = {group(follows, opening) for opening in given_out}
        for openings in near:
            found = {group(follows, opening) for opening in openings}
            assert len(found) == 1 or found <= fixed
            assert len({group(follows, opening) for opening in openings if opening not in apart}) <= 1


_PAIRS = [(bytes([one]), bytes([other])) for one in b"abcdefgh" for other in b"abcdefgh"]


def _same(follows: dict[bytes, bytes], one: bytes, other: bytes) -> bool:
    return group(follows, one) == group(follows, other)


def test_a_group_goes_to_the_oldest_or_to_the_oldest_that_was_given_out() -> None:
    assert joined({}, [[b"a", b"b", b"c"]], ()) == ({b"b": b"a", b"c": b"a"}, {})
    assert joined({}, [[b"a", b"b", b"c"]], {b"b"}) == ({b"a": b"b", b"c": b"b"}, {})
    assert joined({}, [[b"a", b"b", b"c"]], {b"c", b"b"}) == ({b"a": b"b"}, {b"c": b"b"})
    # A group moves as a whole, and with one of its openings all of it was given out.
    assert joined({b"c": b"b"}, [[b"a", b"b"]], ()) == ({b"b": b"a", b"c": b"a"}, {})
    assert joined({b"c": b"b"}, [[b"a", b"b"]], {b"c"}) == ({b"a": b"b"}, {})


def follows(project: Project) -> dict[str, str]:
    """What follows what, and what stays apart from what, by their words."""
    texts = {
        opening_key(text): text
        for messages in project.prompts.values_list("messages", flat=True)
        for text in [messages[0]["content"].capitalize()]
    }
    return {
        texts[link.opening.bytes]: texts[(link.near or link.follows).bytes] + (" (apart)" if link.near else "")
        for link in SplitLink.objects.filter(project=project)
    }


@pytest.mark.django_db
def test_a_search_joins_what_is_nearly_the_same() -> None:
    project, other = make.project(), make.project()
    prompts(other, DEPOSIT, DEPOSITS)
    prompts(project, DEPOSITS, "Who was Ada Lovelace?", DEPOSIT, DEPOSIT.upper())
    searched(project)
    assert follows(project) == {DEPOSIT: DEPOSITS}
    prompts(project, DEPOSITING)
    searched(project)
    searched(project)
    assert follows(project) == {DEPOSIT: DEPOSITS, DEPOSITING: DEPOSITS}
    assert not SplitLink.objects.filter(project=other).exists()
    told = Event.objects.filter(project=project, verb="duplicates.found").order_by("pk").values_list("data", flat=True)
    assert [(data["joined"], data["apart"]) for data in told] == [(1, 0), (1, 0), (0, 0)]


@pytest.mark.django_db
def test_a_search_for_the_very_same_joins_nothing() -> None:
    project = make.project()
    prompts(project, DEPOSITS, DEPOSIT, DEPOSIT)
    searched(project, likeness=None)
    assert follows(project) == {}


@pytest.mark.django_db
def test_conversations_that_open_alike_are_one_opening() -> None:
    project = make.project()
    reply = [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And now to something else entirely"}]
    opening = {"role": "user", "content": "Hello!"}
    prompts(project, {"messages": [opening, *reply]}, {"messages": [opening, reply[0], {**reply[1]}, *reply]})
    searched(project, likeness=70)
    assert follows(project) == {}


@pytest.mark.django_db
def test_what_a_release_gave_out_stays_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "CHUNK", 2)
    project = make.project()
    prompts(project, "One", "Two", DEPOSIT, "Three", DEPOSITS)
    Project.objects.filter(pk=project.pk).update(released_through=project.prompts.order_by("-pk")[0].pk)
    prompts(project, DEPOSITING)
    searched(project)
    assert follows(project) == {DEPOSITING: DEPOSIT, DEPOSITS: f"{DEPOSIT} (apart)"}
    since = SplitLink.objects.exclude(near=None).get().near_at
    searched(project)
    assert SplitLink.objects.exclude(near=None).get().near_at == since


@pytest.mark.django_db
def test_a_release_that_is_asked_for_meanwhile_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    prompts(project, DEPOSIT, DEPOSITS)
    prepare = groups.prepare

    def meanwhile(*given: Any) -> groups.Joining:
        found = prepare(*given)
        Project.objects.filter(pk=project.pk).update(released_through=project.prompts.order_by("-pk")[0].pk)
        return found

    monkeypatch.setattr(groups, "prepare", meanwhile)
    searched(project)
    assert follows(project) == {DEPOSITS: f"{DEPOSIT} (apart)"}
