"""What hygiene finds before people see a response: dropped and made anew, or marked; and counted."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import Candidate
from tests import make
from tests.workers.services.given import echo, make_once, result, scripted, states
from workers.models import Finding, Generation
from workers.selectors import progress
from workers.services import generators, planning

pytestmark = pytest.mark.django_db

LOOP = "and so it goes on and on, " * 60
GOOD = "The harbour freezes in January, so the ferries stay where they are until the ice is thin again."


def test_a_response_that_is_dropped_is_made_anew_under_another_seed() -> None:
    project = make.project()
    queue = make.queue(project, preset="demonstrations")
    generator = echo(project, candidates_per_prompt=1)
    make.imported(project, 1)
    planning.plan_all()
    seeds = []

    def script(requests: Any, heartbeat: Any) -> Any:
        (request,) = requests
        seeds.append(request.seed)
        return [result(request, LOOP if len(seeds) == 1 else GOOD)]

    make_once(generator, scripted(generator, script))
    assert len(set(seeds)) == 2
    candidate = Candidate.objects.get()
    assert (candidate.text, candidate.seed) == (GOOD, seeds[1])
    assert candidate.provenance["dropped_before"] == 1
    found = Finding.objects.get()
    assert (found.found_by, found.dropped, found.text, found.seed) == ("looping", True, LOOP, seeds[0])
    counted = {one.name: (one.marked, one.dropped, one.share) for one in progress.findings(generator)}
    assert counted["looping"] == (0, 1, 0.5)
    assert counted["empty"] == (0, 0, 0.0)
    assert queue.tasks.count() == 1


def test_a_row_fails_once_it_had_its_replacements_and_prompts_do_not_wait_for_it() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, replacements=1)
    (prompt,) = make.imported(project, 1)
    planning.plan_all()
    asked = []

    def script(requests: Any, heartbeat: Any) -> Any:
        asked.append(requests[0].seed)
        return [result(request, LOOP) for request in requests]

    make_once(generator, scripted(generator, script))
    assert states() == {"failed": 1}
    assert Generation.objects.get().error.startswith("Dropped 2 times, at last for this: ")
    prompt.refresh_from_db()
    assert prompt.candidates_awaited == 0
    # Tried again by hand it gets another round, and no seed twice.
    generators.retry_failed(generator, by=make.manager(project))
    make_once(generator, scripted(generator, script))
    assert len(asked) == len(set(asked)) == 4


def test_what_is_drawn_at_temperature_zero_is_not_tried_again() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, sampling={"temperature": 0})
    make.imported(project, 1)
    planning.plan_all()
    asked = []

    def script(requests: Any, heartbeat: Any) -> Any:
        asked.extend(requests)
        return [result(request, LOOP) for request in requests]

    make_once(generator, scripted(generator, script))
    assert (len(asked), states()) == (1, {"failed": 1})


def test_what_is_only_marked_goes_to_people_with_its_mark() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, hygiene={"looping": "mark"})
    make.imported(project, 1)
    planning.plan_all()
    make_once(generator, scripted(generator, lambda rs, _: [result(r, LOOP) for r in rs]))
    candidate = Candidate.objects.get()
    assert candidate.text == LOOP.strip()
    (mark,) = candidate.provenance["hygiene"]
    assert mark["check"] == "looping"
    found = Finding.objects.get()
    assert (found.dropped, found.text, found.generation.candidate) == (False, "", candidate)
    assert progress.findings(generator)[2].share == 1


def test_a_check_that_is_off_finds_nothing() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, hygiene={"looping": "off"})
    make.imported(project, 1)
    planning.plan_all()
    make_once(generator, scripted(generator, lambda rs, _: [result(r, LOOP) for r in rs]))
    assert "hygiene" not in Candidate.objects.get().provenance
    assert not Finding.objects.exists()


def test_siblings_are_compared_with_each_other_also_within_a_batch() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=3, hygiene={"near_duplicate": "replace"})
    make.imported(project, 1)
    planning.plan_all()
    made = []

    def script(requests: Any, heartbeat: Any) -> Any:
        made.append(len(requests))
        return [result(request, GOOD if len(made) == 1 else None) for request in requests]

    make_once(generator, scripted(generator, script))
    assert made == [3, 2]
    assert Candidate.objects.filter(text=GOOD).count() == 1
    assert Candidate.objects.count() == 3
    assert Finding.objects.filter(found_by="near_duplicate", dropped=True).count() == 2


def test_an_empty_response_never_reaches_people_whatever_the_settings_say() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, hygiene={"empty": "off"})
    make.imported(project, 1)
    planning.plan_all()
    make_once(generator, scripted(generator, lambda rs, _: [result(r, " \n ") for r in rs]))
    assert states() == {"failed": 1}
    assert not Candidate.objects.exists()
