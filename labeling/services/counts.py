"""Setting kept numbers right (labeling.models.counts), should they ever be wrong."""

from __future__ import annotations

from django.db import connection, transaction

from labeling.selectors.counts import KEPT, PERSON_NUMBERS

# What is missing is added, as if somebody had done it just now: whoever writes at this moment goes on adding their own.
_ADD_MISSING = """
INSERT INTO {table} AS kept ({whose}, what, shard, n)
SELECT whose, what, (SELECT labeling_count_shard()), sum(counted) - sum(kept)
FROM ({numbers}) number GROUP BY whose, what HAVING sum(counted) <> sum(kept) ORDER BY whose, what
ON CONFLICT ({whose}, what, shard) DO UPDATE SET n = kept.n + excluded.n
"""
_ADD_MISSING_OF_PEOPLE = """
INSERT INTO labeling_person_count AS kept (queue_id, annotator_id, day, shard, submitted, skipped)
SELECT queue_id, annotator_id, day, (SELECT labeling_count_shard()),
       sum(counted_submitted) - sum(submitted), sum(counted_skipped) - sum(skipped)
FROM ({numbers}) number GROUP BY queue_id, annotator_id, day
HAVING sum(submitted) <> sum(counted_submitted) OR sum(skipped) <> sum(counted_skipped)
ORDER BY queue_id, annotator_id, day
ON CONFLICT (queue_id, annotator_id, day, shard)
DO UPDATE SET submitted = kept.submitted + excluded.submitted, skipped = kept.skipped + excluded.skipped
"""
# Of those that are no more.
_SWEEP = """
DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {of} WHERE {of}.id = {table}.{whose})
"""


@transaction.atomic
def mend() -> None:
    """Makes every kept number what is counted. Nobody has to wait for it.

    It leaves no Event: it changes nothing that anybody did.
    """
    with connection.cursor() as cursor:
        for kept in KEPT:
            cursor.execute(_ADD_MISSING.format(table=kept.table, whose=kept.whose, numbers=kept.numbers))
            cursor.execute(_SWEEP.format(table=kept.table, whose=kept.whose, of=kept.of))
        cursor.execute(_ADD_MISSING_OF_PEOPLE.format(numbers=PERSON_NUMBERS))
        cursor.execute(_SWEEP.format(table="labeling_person_count", whose="queue_id", of="labeling_queue"))
