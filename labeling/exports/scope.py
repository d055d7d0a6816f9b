"""What an export reads, as conditions of SQL on prompts `p` and annotations `a`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from labeling.exports.records import Prompt
from labeling.exports.selection import Selection, Versions

# An answer as of the cutoff, which is 'infinity' where an export reads what stands now.
STANDS = """a.created_at <= %(cutoff)s::timestamptz
      AND (a.undone_at IS NULL OR a.undone_at > %(cutoff)s::timestamptz)"""
PRESENT = "AND a.annotator_id <> ALL(%(withdrawn)s::bigint[])"

# `OFFSET 0` keeps EXISTS a probe for each prompt. As a join it would have to sort all annotations before the first
# row comes out.
_ANSWERED = f"""
  AND EXISTS (
    SELECT 1 FROM labeling_task t
    JOIN labeling_slot s ON s.task_id = t.id
    JOIN labeling_annotation a ON a.slot_id = s.id
    WHERE t.prompt_id = p.id AND {STANDS} {{present}}
      AND (%(queue)s::bigint IS NULL OR t.queue_id = %(queue)s){{answers}}
    OFFSET 0
  )
"""  # noqa: S608  only a constant is put in
_IN_QUEUE = """
  AND (%(queue)s::bigint IS NULL
       OR EXISTS (SELECT 1 FROM labeling_task t WHERE t.prompt_id = p.id AND t.queue_id = %(queue)s
                  AND t.created_at <= %(cutoff)s::timestamptz OFFSET 0))
"""
# What a selection adds, by the names of its settings. What is not asked for is in no statement, so that an export
# without a selection is planned as ever. Versions are looked up once, as a list of ids.
_ANSWER_CONDITIONS = {
    "annotators": "a.annotator_id = ANY(%(annotators)s)",
    "without_annotators": "a.annotator_id <> ALL(%(without_annotators)s)",
    "guidelines": "a.guidelines_id = ANY(ARRAY(SELECT g.id FROM labeling_guidelinesversion g "
    "WHERE g.project_id = %(project)s AND g.number BETWEEN %(guidelines_first)s AND %(guidelines_last)s))",
    "form": "a.form_id = ANY(ARRAY(SELECT f.id FROM labeling_formversion f JOIN labeling_queue q ON q.id = f.queue_id "
    "WHERE q.project_id = %(project)s AND f.number BETWEEN %(form_first)s AND %(form_last)s))",
    "since": "a.created_at >= %(since)s",
    "until": "a.created_at < %(until)s",
}
_PROMPT_CONDITIONS = {
    "tags": "p.tags && %(tags)s::varchar[]",
    "languages": "(lower(p.language) = ANY(%(languages)s) "
    "OR split_part(lower(p.language), '-', 1) = ANY(%(languages)s))",
    "batches": "p.batch = ANY(%(batches)s)",
}

LAST_ID = 2**63 - 1
ALL_VERSIONS = Versions(1, None)


def _every(prompt: Prompt) -> bool:
    return True


@dataclass(frozen=True)
class Scope:
    """What is read: one project, all of its queues or one, only answered prompts or all, of those the wanted ones.

    `leads` names what prompts that come first should have, beside those that lead every export. `cutoff` is the moment
    whose answers are read, None for now; `last_prompt` the newest prompt of that moment. `release` is the number of the
    release that is read for: people have other pseudonyms in each. `parts` are the parts of a dataset that go into
    files of their own, each as the prompts that it takes: each has its own leaders. `grouped` is whether prompts are
    to know their group, which `wanted` and `parts` may go by. `provenance` is whether it is to be told how
    everything came to be: how each candidate was made, and when people worked on each annotation. `shuffled` is the
    seed by which the order of the prompts is drawn, None for that of their ids.
    """

    project_id: int
    queue_id: int | None = None
    unanswered: bool = False
    wanted: Callable[[Prompt], bool] = _every
    selection: Selection = field(default_factory=Selection)
    leads: tuple[str, ...] = ()
    cutoff: datetime | None = None
    last_prompt: int = LAST_ID
    release: int | None = None
    parts: tuple[Callable[[Prompt], bool], ...] = (_every,)
    grouped: bool = False
    provenance: bool = False
    shuffled: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of all conditions."""
        chosen = self.selection
        return {
            "project": self.project_id,
            "queue": self.queue_id,
            "cutoff": self.cutoff.isoformat() if self.cutoff else "infinity",
            "last_prompt": self.last_prompt,
            "seed": self.shuffled,
            "annotators": [person.id for person in chosen.annotators],
            "without_annotators": [person.id for person in chosen.without_annotators],
            **_between("guidelines", chosen.guidelines),
            **_between("form", chosen.form),
            "since": chosen.since,
            "until": chosen.until,
            "tags": list(chosen.tags),
            "languages": [language.lower() for language in chosen.languages],
            "batches": list(chosen.batches),
        }

    @property
    def answers(self) -> str:
        """What the selection asks of an annotation `a`, as SQL that goes on from a condition."""
        return self._conditions(_ANSWER_CONDITIONS)

    @property
    def prompts(self) -> str:
        """What it asks of a prompt `p`."""
        return self._conditions(_PROMPT_CONDITIONS)

    @property
    def later(self) -> str:
        """What it asks of a version `n` that corrects an earlier one: what came later had not been said."""
        return " AND n.created_at < %(until)s" if self.selection.until else ""

    def _conditions(self, known: dict[str, str]) -> str:
        return "".join(f"\n  AND {condition}" for name, condition in known.items() if getattr(self.selection, name))

    def which(self, *, present: bool = False) -> str:
        """The condition on prompts, as SQL.

        Whoever answered may have withdrawn since. That is seen, and counted, when it is read; but a prompt that leads
        must give rows, so of its answers one must be `present`.
        """
        answered = _ANSWERED.format(answers=self.answers, present=PRESENT if present else "")
        return self.prompts + (_IN_QUEUE if self.unanswered else answered)

    def statement(self, text: str, *, present: bool = False) -> str:
        """A statement with all conditions in their places."""
        return text.format(
            which=self.which(present=present), answers=self.answers, prompts=self.prompts, later=self.later
        )


def _between(name: str, versions: Versions | None) -> dict[str, int | None]:
    first, last = (versions.first, versions.last) if versions else (None, None)
    return {f"{name}_first": first, f"{name}_last": 2**31 - 1 if last is None else last}
