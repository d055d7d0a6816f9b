"""How many generations each generator has in each state, as PostgreSQL keeps it (workers.models.GenerationCount)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import Sum

from labeling.selectors.counts import Kept
from workers.models import GenerationCount

GENERATORS = Kept(
    "generator",
    "workers_generation_count",
    "generator_id",
    "workers_generator",
    """
    SELECT generator_id AS whose, what, sum(n) AS kept, 0 AS counted FROM workers_generation_count
        GROUP BY generator_id, what
    UNION ALL SELECT generator_id, state, 0, count(*) FROM workers_generation GROUP BY generator_id, state
""",
)


def of_generators(generator_ids: Iterable[int]) -> dict[int, Counter[str]]:
    """The number of generations of each generator, by their states."""
    found: dict[int, Counter[str]] = {pk: Counter() for pk in generator_ids}
    rows = GenerationCount.objects.filter(generator__in=found).order_by().values_list("generator_id", "what")
    for pk, what, number in rows.annotate(sum=Sum("n")):
        found[pk][what] = int(number)
    return found
