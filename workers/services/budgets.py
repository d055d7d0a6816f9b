"""Budgets: how many more rows a generator may begin, and why it may begin none.

What a row costs is known when it is made. Until then a row that is under way counts with the most that it can make, so
that several workers together stay below a cap. Prompts are reckoned at the length of those so far; only there can a
budget be passed, by the prompts of the rows that were under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from workers.models import Generation, GenerationSettings, GenerationState, Generator
from workers.selectors import counts

USUAL_PROMPT = 500  # tokens, before any is known
_ANY = 2**31 - 1


@dataclass(frozen=True)
class Allowance:
    """``rows``: so many more may begin now, None for any number. ``why``: it is used up, in a sentence; else blank.

    None left and no reason: the rest is under way, and what it leaves over is not known yet.
    """

    rows: int | None = None
    why: str = ""


def allowance(generator: Generator) -> Allowance:
    """What is left for a generator. Call it with its row, and its project's settings, locked: see ``lock``."""
    fresh = Generator.objects.get(pk=generator.pk)
    shared = GenerationSettings.objects.filter(project=generator.project_id).first()
    left: list[int] = []
    if fresh.max_tokens is not None:
        used, row = fresh.tokens_made, Decimal(_most_tokens(fresh))
        if used >= fresh.max_tokens:
            return Allowance(0, f"It has made the {fresh.max_tokens:,} tokens that it may make.")
        left.append(_rows_within(fresh.max_tokens - used, row, under_way=row * _running(fresh)))
    currency = shared.currency if shared else "USD"
    if fresh.max_cost is not None:
        if fresh.cost >= fresh.max_cost:
            return Allowance(0, f"Its budget of {money(fresh.max_cost, currency)} is spent.")
        row = row_cost(fresh)
        left.append(_rows_within(fresh.max_cost - fresh.cost, row, under_way=row * _running(fresh)))
    if shared is not None and shared.budget is not None:
        siblings = list(Generator.objects.filter(project=generator.project_id))
        used_up = sum((one.cost for one in siblings), Decimal(0)) >= shared.budget
        if used_up and row_cost(fresh):
            return Allowance(0, f"The project's budget of {money(shared.budget, currency)} is spent.")
        under_way = sum((row_cost(one) * _running(one) for one in siblings), Decimal(0))
        left.append(_rows_within(shared.budget - spent(generator.project_id), row_cost(fresh), under_way=under_way))
    return Allowance(min(left) if left else None)


def lock(generator: Generator) -> None:
    """Has workers that ask for the same budget wait for each other, until the end of the transaction."""
    if GenerationSettings.objects.filter(project=generator.project_id, budget__isnull=False).exists():
        GenerationSettings.objects.select_for_update(no_key=True).get(project=generator.project_id)
    Generator.objects.select_for_update(no_key=True).get(pk=generator.pk)


def is_limited(generator: Generator) -> bool:
    """Whether anything limits it at all: a claim without limits takes no lock."""
    if generator.max_tokens is not None or generator.max_cost is not None:
        return True
    return GenerationSettings.objects.filter(project=generator.project_id, budget__isnull=False).exists()


def row_cost(generator: Generator) -> Decimal:
    """The most that one more row can cost, in the project's currency; 0 where nothing is paid."""
    prices: dict[str, Any] = generator.options
    price_in, price_out = (Decimal(str(prices.get(name) or 0)) for name in ("price_in", "price_out"))
    if not price_in and not price_out:
        return Decimal(0)
    made = counts.of_generators([generator.pk])[generator.pk][GenerationState.DONE]
    prompt = generator.tokens_read / made if made and generator.tokens_read else USUAL_PROMPT
    return (price_in * Decimal(prompt) + price_out * _most_tokens(generator)) / 1_000_000


def money(amount: Decimal, currency: str) -> str:
    """An amount as people read it: 12.50 USD; small ones with the digits that they have."""
    shown = f"{amount:,.2f}" if amount == amount.quantize(Decimal("0.01")) else f"{amount.normalize():,f}"
    return f"{shown} {currency}"


def spent(project_id: int) -> Decimal:
    """What the project's generators have cost so far."""
    return Generator.objects.filter(project=project_id).aggregate(sum=Sum("cost"))["sum"] or Decimal(0)


def _most_tokens(generator: Generator) -> int:
    ways = [generator.sampling, *generator.variants]
    return max(int(way.get("max_new_tokens", generator.sampling.get("max_new_tokens", 512))) for way in ways)


def _running(generator: Generator) -> int:
    return Generation.objects.filter(generator=generator, state=GenerationState.RUNNING).count()


def _rows_within(room: Decimal | int, row: Decimal, *, under_way: Decimal) -> int:
    """How many rows of the most that one can take fit into what is left; one, where nothing at all is under way.

    Without that one, a budget with less than a row's most left would never be used up, and its generator never stop.
    """
    if not row:
        return _ANY
    return max(int((room - under_way) // row), 0 if under_way else 1)
