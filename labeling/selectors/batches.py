"""The batches of a project's prompts, and what each adds to the priority of its prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from labeling.models import Project

SIZE = 50
COUNTED = 1000  # prompts of a batch, at most

# From one name to the next along the index of batches, whatever number of prompts is between them; and those that have
# a priority but no prompt yet.
_BATCHES = """
WITH RECURSIVE named AS (
    SELECT (SELECT min(p.batch) FROM labeling_prompt p
            WHERE p.project_id = %(project)s AND p.batch <> '' AND p.batch > %(after)s) AS batch, 1 AS nth
    UNION ALL
    SELECT (SELECT min(p.batch) FROM labeling_prompt p
            WHERE p.project_id = %(project)s AND p.batch <> '' AND p.batch > named.batch), nth + 1
    FROM named WHERE named.batch IS NOT NULL AND nth < %(number)s
), found AS (
    (SELECT batch FROM named WHERE batch IS NOT NULL AND NOT %(only_set)s)
    UNION
    (SELECT batch FROM labeling_batchpriority WHERE project_id = %(project)s AND batch > %(after)s
     ORDER BY batch LIMIT %(number)s)
    ORDER BY batch LIMIT %(number)s
)
SELECT found.batch, COALESCE(b.priority, 0), (
    SELECT count(*) FROM (
        SELECT FROM labeling_prompt p WHERE p.project_id = %(project)s AND p.batch <> '' AND p.batch = found.batch
        LIMIT %(counted)s + 1) first_ones)
FROM found LEFT JOIN labeling_batchpriority b ON b.project_id = %(project)s AND b.batch = found.batch
ORDER BY found.batch
"""


@dataclass(frozen=True)
class Batch:
    """A batch by its name, what it adds to the priority of its prompts, and how many of them it has."""

    name: str
    priority: int
    prompts: int

    @property
    def prompts_in_words(self) -> str:
        """How many it has: counted as far as COUNTED, for it may be a million."""
        return f"more than {COUNTED:,}" if self.prompts > COUNTED else f"{self.prompts:,}"


@dataclass(frozen=True)
class BatchPage:
    """Batches in the order of their names; `more` says whether others come after the last."""

    rows: list[Batch]
    more: bool


def page_of(project: Project, *, after: str = "", only_set: bool = False) -> BatchPage:
    """The batches whose names come after a name: all, or only those whose priority is set."""
    asked: dict[str, Any] = {
        "project": project.pk,
        "after": after,
        "only_set": only_set,
        "number": SIZE + 1,
        "counted": COUNTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BATCHES, asked)
        rows = [Batch(*row) for row in cursor.fetchall()]
    return BatchPage(rows[:SIZE], more=len(rows) > SIZE)
