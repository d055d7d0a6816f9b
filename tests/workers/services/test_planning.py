"""What is planned: drawn from several generators, and as far ahead as queues ask."""

from __future__ import annotations

from collections import Counter

import pytest

from labeling.errors import Invalid
from labeling.models import Prompt, Queue, Role
from labeling.selectors import slots as slot_reads
from labeling.services import projects, queues, slots
from tests import make
from tests.workers.services.given import echo, run
from workers.models import Generation, Generator, WaterMarks
from workers.selectors import stock
from workers.services import generators, planning, supply

pytestmark = pytest.mark.django_db


class TestDraws:
    def test_it_works(self) -> None:
        project = make.project()
        often = echo(project, name="often", weight=3.0)
        seldom = echo(project, name="seldom", weight=1.0)
        supply.change_project(project, drawn_per_prompt=4, by=make.manager(project))
        make.imported(project, 100)
        run()
        drawn = Counter(Generation.objects.values_list("generator", flat=True))
        assert drawn[often.pk] + drawn[seldom.pk] == 400
        # 300 is expected, with a spread of 8.7.
        assert 260 <= drawn[often.pk] <= 340
        assert set(Prompt.objects.values_list("candidates_count", "candidates_awaited")) == {(4, 0)}
        # Annotators see a mix: most prompts have candidates of both.
        mixed = Generation.objects.values("prompt").distinct().filter(generator=seldom).count()
        assert mixed > 50

    def test_planning_again_draws_nothing_anew_also_when_shares_change(self) -> None:
        project = make.project()
        first = echo(project, name="first", weight=1.0)
        echo(project, name="second", weight=1.0)
        supply.change_project(project, drawn_per_prompt=3, by=make.manager(project))
        make.imported(project, 20)
        run()
        before = set(Generation.objects.values_list("prompt", "generator", "sample"))
        generators.change(first, weight=50.0, by=make.manager(project))
        planning.plan_all()
        assert set(Generation.objects.values_list("prompt", "generator", "sample")) == before
        make.imported(project, 20, start=20)
        run()
        assert Generation.objects.count() == 120

    def test_a_generator_without_a_share_makes_its_own_beside_the_drawn(self) -> None:
        project = make.project()
        echo(project, name="own", candidates_per_prompt=2)
        echo(project, name="drawn", weight=1.0)
        supply.change_project(project, drawn_per_prompt=1, by=make.manager(project))
        queue = make.queue(project, preset="ranking", overlap=1)
        (prompt,) = make.imported(project, 1)
        assert prompt.candidates_awaited == 3
        run()
        assert len(queue.tasks.get().candidate_ids) == 3

    def test_samples_are_drawn_differently_one_after_the_other(self) -> None:
        project = make.project()
        echo(project, candidates_per_prompt=3, variants=[{"temperature": 0.2}, {"temperature": 1.5, "top_p": 0.5}])
        (prompt,) = make.imported(project, 1)
        run()
        drawn = [(one.sampling["temperature"], one.sampling["top_p"]) for one in prompt.candidates.order_by("pk")]
        assert drawn == [(0.2, 0.95), (1.5, 0.5), (0.2, 0.95)]


def work_off(queue: Queue, number: int) -> None:
    """Somebody who has answered nothing yet does so many tasks."""
    ann = make.person()
    projects.add_member(queue.project, email=ann.email, role=Role.ANNOTATOR, by=make.manager(queue.project))
    for _ in range(number):
        slot = slots.take_next(queue, by=ann)
        assert slot is not None
        keys = [candidate.key for candidate in slot_reads.candidates(slot)]
        make.answered(slot, ann, {"ranking": {"groups": [[key] for key in keys]}})


class TestWaterMarks:
    def test_prompts_are_made_up_to_the_high_mark_and_again_below_the_low_one(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1)
        supply.set_water_marks(queue, low=2, high=5, lead_minutes=0, by=make.manager(project))
        echo(project)
        make.imported(project, 20)
        run()
        assert queue.tasks.count() == 5
        run()
        assert queue.tasks.count() == 5
        for ready, tasks in ((4, 5), (3, 5), (2, 5), (1, 9)):
            work_off(queue, 1)
            assert stock.ahead(project)[0].ready == ready
            run()
            assert queue.tasks.count() == tasks

    def test_the_most_urgent_prompts_come_first(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1)
        supply.set_water_marks(queue, low=1, high=2, by=make.manager(project))
        echo(project)
        make.imported(project, 10)
        make.imported(project, 1, start=10, priority=5)
        run()
        assert set(queue.tasks.values_list("prompt__external_id", flat=True)) == {"p10", "p0"}

    def test_whoever_is_fast_gets_more_ahead(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1)
        supply.set_water_marks(queue, low=1, high=12, lead_minutes=60, by=make.manager(project))
        echo(project)
        make.imported(project, 40)
        run()
        work_off(queue, 6)
        (found,) = stock.ahead(project)
        assert (found.ready, found.pace, found.refill_at) == (6, 6, 6)
        assert not found.wanted
        work_off(queue, 1)
        assert stock.ahead(project)[0].wanted == 7

    def test_a_queue_that_is_paused_wants_nothing(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1, state="paused")
        supply.set_water_marks(queue, low=2, high=5, by=make.manager(project))
        echo(project)
        make.imported(project, 4)
        run()
        assert not Generation.objects.exists()
        queues.change(queue, state="open", by=make.manager(project))
        run()
        assert queue.tasks.count() == 4

    def test_all_are_made_as_long_as_one_queue_wants_all(self) -> None:
        project = make.project()
        marked = make.queue(project, preset="ranking", overlap=1)
        supply.set_water_marks(marked, low=1, high=2, by=make.manager(project))
        make.queue(project, preset="ranking", overlap=1, slug="other")
        echo(project)
        make.imported(project, 6)
        run()
        assert marked.tasks.count() == 6

    def test_marks_that_are_taken_away_make_the_rest(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1)
        supply.set_water_marks(queue, low=1, high=2, by=make.manager(project))
        echo(project)
        make.imported(project, 6)
        run()
        assert queue.tasks.count() == 2
        supply.clear_water_marks(queue, by=make.manager(project))
        run()
        assert queue.tasks.count() == 6

    def test_prompts_that_bring_candidates_wait_for_their_turn_too(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1)
        supply.set_water_marks(queue, low=1, high=2, by=make.manager(project))
        echo(project, candidates_per_prompt=1)
        make.imported(project, 4, candidates=2)
        run()
        assert queue.tasks.count() == 2
        assert {len(ids) for ids in queue.tasks.values_list("candidate_ids", flat=True)} == {3}

    @pytest.mark.parametrize(
        ("marks", "path"),
        [({"low": 0, "high": 5}, "low"), ({"low": 6, "high": 5}, "high"), ({"low": 1, "high": True}, "high")],
    )
    def test_marks_that_make_no_sense_are_refused(self, marks: dict[str, int], path: str) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking", overlap=1)
        with pytest.raises(Invalid) as caught:
            supply.set_water_marks(queue, **marks, by=make.manager(project))
        assert [fault.path for fault in caught.value.errors] == [path]
        assert not WaterMarks.objects.exists()

    def test_a_queue_for_what_is_moved_needs_none_and_has_nothing_made_for_it(self) -> None:
        project = make.project()
        marked = make.queue(project, preset="ranking", overlap=1)
        by = make.manager(project)
        supply.set_water_marks(marked, low=1, high=2, by=by)
        experts = make.queue(project, preset="ranking", slug="experts", only_moved=True)
        echo(project)
        make.imported(project, 6)
        run()
        assert (marked.tasks.count(), experts.tasks.count()) == (2, 0)
        with pytest.raises(Invalid, match="only tasks that are moved"):
            supply.set_water_marks(experts, low=1, high=2, by=by)
        # Nor where it has marks from before.
        supply.set_water_marks(marked, low=1, high=1, by=by)
        other = make.queue(project, preset="ranking", slug="other")
        supply.set_water_marks(other, low=1, high=2, by=by)
        queues.change(other, only_moved=True, by=by)
        assert [one.queue for one in stock.ahead(project)] == [marked]

    def test_a_queue_without_candidates_needs_none(self) -> None:
        project = make.project()
        with pytest.raises(Invalid, match="shows no candidates"):
            supply.set_water_marks(make.queue(project), low=1, high=2, by=make.manager(project))


def test_more_candidates_are_made_for_all_prompts_when_a_generator_is_to_make_more() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1)
    make.imported(project, 3)
    run()
    generators.change(generator, candidates_per_prompt=2, by=make.manager(project))
    run()
    assert set(Prompt.objects.values_list("candidates_count", flat=True)) == {2}
    assert Generator.objects.get().candidates_per_prompt == 2
