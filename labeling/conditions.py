"""Conditions on seats, in SQL: what the claim judges by, and what is told of a queue in the same words."""

from __future__ import annotations

# What somebody reads of a queue `q`, as their membership `m` says, in small letters; NULL: everything. Tags that differ
# in capitals alone are the same language.
LANGUAGES = "CASE WHEN q.by_language THEN lower(m.languages::text)::varchar[] END"


def wanted(seat: str) -> str:
    """The condition that a seat is asked for: one that is too many since the overlap was lowered, or whose task is
    retired (where this is NULL), is its holder's to finish and nobody else's.
    """
    return f"""
    (SELECT count(*) FROM labeling_slot a WHERE a.task_id = {seat}.task_id AND a.state <> 'skipped')
    <= (SELECT overlap FROM labeling_task t WHERE t.id = {seat}.task_id AND t.state <> 'retired')
"""  # noqa: S608 - a name of ours


def reads(language: str, languages: str) -> str:
    """The condition that a language is among those, or is a kind of one of them: `pt-BR` of `pt`."""
    return f"""
    ({languages} IS NULL OR {language} = '' OR lower({language}) = ANY({languages})
     OR split_part(lower({language}), '-', 1) = ANY({languages}))
"""
