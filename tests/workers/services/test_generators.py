"""Setting generators up, planning what they owe, and stopping them: no prompt waits for what nobody makes."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.errors import Conflict, Invalid
from labeling.importing.base import parse
from labeling.models import Candidate, Event
from labeling.services import prompts
from tests import make
from tests.workers.services.given import echo, make_once, run, scripted, states, worker
from workers.backends.base import GeneratorError
from workers.models import Generation, Generator, GeneratorState
from workers.services import generations, generators, planning

pytestmark = pytest.mark.django_db


def test_planning_again_plans_nothing_and_new_prompts_are_planned() -> None:
    project = make.project()
    echo(project)
    make.imported(project, 3)
    assert planning.plan_all() == 6
    assert planning.plan_all() == 0
    assert planning.plan(project) == 0
    make.imported(project, 1, start=3)
    assert planning.plan_all() == 2


def test_a_second_generator_makes_its_own() -> None:
    project = make.project()
    make.imported(project, 2)
    echo(project)
    run()
    echo(project, name="other", candidates_per_prompt=1)
    run()
    assert sorted(Candidate.objects.values_list("generator", flat=True)) == ["echo"] * 4 + ["other"] * 2


def test_a_generator_whose_model_is_wrong_breaks_and_says_so() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 1)
    planning.plan_all()

    def script(requests: Any, heartbeat: Any) -> Any:
        raise GeneratorError("The folder holds no model.")

    make_once(generator, scripted(generator, script))
    generator.refresh_from_db()
    assert (generator.state, generator.last_error) == (GeneratorState.BROKEN, "The folder holds no model.")
    assert states() == {"pending": 2}
    assert run() == 0
    generators.set_state(generator, "active", by=make.manager(project))
    assert run() == 2
    generator.refresh_from_db()
    assert generator.last_error == ""


def test_cancelling_lets_prompts_go_on_with_what_they_have() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project)
    make.imported(project, 2, candidates=2)
    planning.plan_all()
    assert not queue.tasks.exists()
    assert generators.cancel_pending(generator, by=make.manager(project)) == 4
    assert queue.tasks.count() == 2
    assert states() == {"cancelled": 4}


def test_a_paused_generator_rests() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 1)
    generators.set_state(generator, "paused", by=make.manager(project))
    assert run() == 0
    project.refresh_from_db()
    assert project.candidates_expected == 0
    generators.set_state(generator, "active", by=make.manager(project))
    assert run() == 2
    assert Event.objects.filter(verb="generator.changed").count() == 2


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"backend": "abacus"}, "backend"),
        ({"model": " "}, "model"),
        ({"candidates_per_prompt": 0}, "candidates_per_prompt"),
        ({"sampling": {"temperature": 3}}, "sampling.temperature"),
        ({"sampling": {"temperature": 10**400}}, "sampling.temperature"),
        ({"sampling": {"top_k": 3}}, "sampling.top_k"),
        ({"sampling": [1]}, "sampling"),
        ({"system": "a\x00"}, "system"),
        ({"name": ""}, "name"),
    ],
)
def test_a_mistake_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        echo(make.project(), **fields)
    assert [fault.path for fault in refused.value.errors] == [path]


def test_a_name_is_taken_once_in_a_project() -> None:
    project = make.project()
    echo(project)
    with pytest.raises(Conflict):
        echo(project)


def test_prompts_that_come_while_a_generator_is_broken_wait_for_nothing() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project)
    generators.break_off(generator, "The folder holds no model.")
    make.imported(project, 1, candidates=2)
    assert queue.tasks.count() == 1


def test_prompts_that_nobody_planned_for_wait_for_nothing_once_the_generator_rests() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project)
    make.imported(project, 1, candidates=2)
    assert not queue.tasks.exists()
    generators.set_state(generator, "paused", by=make.manager(project))
    assert queue.tasks.count() == 1


def test_what_failed_on_an_old_text_is_tried_on_the_new_one() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    echo(project, model="echo?fail=Question+0")
    make.imported(project, 1)
    run()
    assert states() == {"failed": 2}
    given = {"prompt": "A shorter one?", "external_id": "p0"}
    prompts.import_lines(project, [parse(given, 1)], source="jsonl", by=make.manager(project))
    run()
    assert states() == {"done": 2}
    assert queue.tasks.count() == 1


def test_a_generator_made_while_a_plan_runs_is_planned_for_by_the_next() -> None:
    project = make.project()
    echo(project, candidates_per_prompt=1)
    make.imported(project, 2)
    real = planning._plan_some

    def chunk_with_a_newcomer(*args: Any, **named: Any) -> Any:
        outcome = real(*args, **named)
        if Generator.objects.count() == 1:
            echo(project, name="newcomer", candidates_per_prompt=1)
        return outcome

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "_plan_some", chunk_with_a_newcomer)
        planning.plan(project)
    planning.plan_all()
    assert Generation.objects.count() == 4


class TestSettings:
    @pytest.mark.parametrize(
        ("given", "path"),
        [
            ({"weight": 0}, "weight"),
            ({"weight": "1"}, "weight"),
            ({"group": "Big one"}, "group"),
            ({"hygiene": {"looping": "burn"}}, "hygiene.looping"),
            ({"hygiene": {"rhyme": "mark"}}, "hygiene.rhyme"),
            ({"replacements": 11}, "replacements"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"max_cost": "NaN"}, "max_cost"),
            ({"variants": [{"temperature": 9}]}, "variants[0].temperature"),
            ({"variants": {"temperature": 1}}, "variants"),
            ({"sampling": {"stop": "END"}}, "sampling.stop"),
            ({"sampling": {"min_new_tokens": 40, "max_new_tokens": 30}}, "sampling.min_new_tokens"),
            ({"options": {"dtype": "bfloat16"}}, "options.dtype"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_each_mistake_has_its_path(self, given: dict[str, Any], path: str) -> None:
        with pytest.raises(Invalid) as caught:
            echo(make.project(), **given)
        assert path in [fault.path for fault in caught.value.errors]
        assert not Generator.objects.exists()

    def test_all_mistakes_are_told_at_once(self) -> None:
        with pytest.raises(Invalid) as caught:
            echo(make.project(), weight=-1, replacements=-1, backend="abacus", system=7)
        assert {fault.path for fault in caught.value.errors} == {"weight", "replacements", "backend", "system"}

    def test_what_says_which_model_answers_stays(self) -> None:
        project = make.project()
        generator = echo(project)
        with pytest.raises(Invalid, match="do not fit") as caught:
            generators.change(generator, model="echo?seconds=1", by=make.manager(project))
        assert caught.value.errors[0].path == "model"

    def test_a_name_that_is_taken_is_a_conflict(self) -> None:
        project = make.project()
        echo(project, name="first")
        second = echo(project, name="second")
        with pytest.raises(Conflict):
            generators.change(second, name="first", by=make.manager(project))

    def test_a_change_is_in_the_audit_log(self) -> None:
        project = make.project()
        generators.change(echo(project), replacements=0, by=make.manager(project))
        assert Event.objects.get(verb="generator.changed").data == {"replacements": 0}


class TestGroups:
    def test_a_worker_makes_only_what_is_of_its_groups(self) -> None:
        project = make.project()
        small = echo(project, name="small", candidates_per_prompt=1)
        big = echo(project, name="big", candidates_per_prompt=1, group="big")
        make.imported(project, 3)
        planning.plan_all()
        assert generations.groups_waiting() == ["", "big"]
        assert generations.work(worker(groups=("big",)), seconds=60) == 3
        assert set(Generation.objects.values_list("generator", "state")) == {(big.pk, "done"), (small.pk, "pending")}
        assert generations.groups_waiting() == [""]

    def test_a_worker_keeps_as_many_models_as_it_may(self) -> None:
        project = make.project()
        makers = [echo(project, name=name, model=f"echo?seconds=0.0{n}") for n, name in enumerate("abc")]
        both = worker(most_models=2)
        kept = [both.model_for(one) for one in makers[:2]]
        assert both.model_for(makers[0]) is kept[0]
        third = both.model_for(makers[2])  # the one that was used longest ago makes room
        assert not both.holds(makers[1])
        assert both.model_for(makers[0]) is kept[0]
        assert both.model_for(makers[2]) is third
        both.close()
        assert not both.holds(makers[0])
