"""Budgets: what stops a generator before it costs too much."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from labeling.errors import Invalid
from labeling.models import Prompt
from tests import make
from tests.workers.services.given import echo, make_once, result, scripted, states
from workers.backends.base import Failure
from workers.models import Generation, Generator, GeneratorState
from workers.services import budgets, generators, planning, supply

pytestmark = pytest.mark.django_db


def priced(generator: Generator, *, price_in: float = 0, price_out: float = 0) -> Generator:
    """As if its backend were one that is paid for, by the million tokens."""
    generator.options = {"price_in": price_in, "price_out": price_out}
    generator.save()
    return generator


def paid(requests: Any, cost: float) -> list[Any]:
    return [result(request, cost=cost, completion_tokens=100) for request in requests]


def test_it_works() -> None:
    project = make.project()
    # A row makes 100 tokens at most, which cost 0.01: ten of them fit into 0.10.
    generator = priced(echo(project, candidates_per_prompt=1, max_cost="0.1", sampling={"max_new_tokens": 100}))
    generator = priced(generator, price_out=100)
    make.imported(project, 30)
    planning.plan_all()
    sizes = []

    def script(requests: Any, heartbeat: Any) -> Any:
        sizes.append(len(requests))
        return paid(requests, 0.01)

    make_once(generator, scripted(generator, script, width=4))
    assert sizes == [4, 4, 2]
    generator.refresh_from_db()
    assert (generator.cost, generator.state) == (Decimal("0.100000"), GeneratorState.SPENT)
    assert generator.last_error == "Its budget of 0.10 USD is spent."
    # Raised and set going again, it goes on.
    generators.change(generator, max_cost="0.15", by=make.manager(project))
    generator = generators.set_state(generator, "active", by=make.manager(project))
    make_once(generator, scripted(generator, script, width=4))
    assert states()["done"] == 15


def test_cheaper_rows_than_feared_use_the_budget_up_all_the_same() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, max_cost="0.1", sampling={"max_new_tokens": 100})
    generator = priced(generator, price_out=100)
    make.imported(project, 60)
    planning.plan_all()
    make_once(generator, scripted(generator, lambda rs, _: paid(rs, 0.004), width=16))
    generator.refresh_from_db()
    assert generator.state == GeneratorState.SPENT
    assert Decimal("0.1") <= generator.cost <= Decimal("0.104")


def test_the_projects_budget_stops_each_of_its_generators() -> None:
    project = make.project()
    supply.change_project(project, budget="0.05", currency="EUR", by=make.manager(project))
    sampling = {"max_new_tokens": 100}
    first = priced(echo(project, name="first", candidates_per_prompt=1, sampling=sampling), price_out=100)
    second = priced(echo(project, name="second", candidates_per_prompt=1, sampling=sampling), price_out=100)
    free = echo(project, name="free", candidates_per_prompt=1)
    make.imported(project, 8)
    planning.plan_all()
    make_once(first, scripted(first, lambda rs, _: paid(rs, 0.01), width=3))
    make_once(second, scripted(second, lambda rs, _: paid(rs, 0.01), width=3))
    make_once(free, scripted(free, lambda rs, _: [result(r) for r in rs]))
    assert budgets.spent(project.pk) == Decimal("0.05")
    assert [one.state for one in Generator.objects.order_by("pk")] == ["spent", "spent", "active"]
    assert Generator.objects.get(name="second").last_error == "The project's budget of 0.05 EUR is spent."
    assert Generation.objects.filter(generator=free, state="done").count() == 8


def test_a_cap_on_tokens_counts_what_was_made_for_nothing_too() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, max_tokens=300, sampling={"max_new_tokens": 100})
    make.imported(project, 10)
    planning.plan_all()

    def script(requests: Any, heartbeat: Any) -> Any:
        return [Failure(request.id, "It was withheld.", completion_tokens=100) for request in requests]

    make_once(generator, scripted(generator, script, width=2))
    generator.refresh_from_db()
    assert (generator.state, states()["failed"]) == (GeneratorState.SPENT, 3)
    assert generator.last_error == "It has made the 300 tokens that it may make."


def test_rows_that_are_under_way_elsewhere_count_with_the_most_that_they_can_cost() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1, max_tokens=300, sampling={"max_new_tokens": 100})
    make.imported(project, 10)
    planning.plan_all()
    assert budgets.allowance(generator) == budgets.Allowance(3)
    Generation.objects.filter(pk__in=Generation.objects.values("pk")[:2]).update(
        state="running", claim="8b3c1d3e-9d0c-4a8e-8d0f-1f3d6c1a2b3c", claimed_until="2100-01-01T00:00Z"
    )
    assert budgets.allowance(generator) == budgets.Allowance(1)
    Generation.objects.filter(pk__in=Generation.objects.filter(state="pending").values("pk")[:1]).update(
        state="running", claim="8b3c1d3e-9d0c-4a8e-8d0f-1f3d6c1a2b3c", claimed_until="2100-01-01T00:00Z"
    )
    assert budgets.allowance(generator) == budgets.Allowance(0)


def test_prompts_wait_for_a_spent_generator_until_its_rows_are_called_off() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project, candidates_per_prompt=2, max_tokens=100, sampling={"max_new_tokens": 100})
    make.imported(project, 2)
    planning.plan_all()
    make_once(generator, scripted(generator, lambda rs, _: paid(rs, 0), width=2))
    assert set(Prompt.objects.values_list("candidates_awaited", flat=True)) == {1, 2}
    generators.cancel_pending(generator, by=make.manager(project))
    assert set(Prompt.objects.values_list("candidates_awaited", flat=True)) == {0}
    assert queue.tasks.count() == 0


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"budget": "-1"}, "budget"),
        ({"budget": "much"}, "budget"),
        ({"currency": "euro"}, "currency"),
        ({"drawn_per_prompt": 65}, "drawn_per_prompt"),
        ({"colour": 1}, "colour"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], path: str) -> None:
    project = make.project()
    with pytest.raises(Invalid) as caught:
        supply.change_project(project, **given, by=make.manager(project))
    assert [fault.path for fault in caught.value.errors] == [path]


@pytest.mark.parametrize(
    ("amount", "said"), [("12.5", "12.50 USD"), ("0.000123", "0.000123 USD"), ("1234567.89", "1,234,567.89 USD")]
)
def test_amounts_are_said_as_people_read_them(amount: str, said: str) -> None:
    assert budgets.money(Decimal(amount), "USD") == said
