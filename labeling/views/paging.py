"""Long lists in pages by key: the millionth row costs what the first does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

M = TypeVar("M", bound=Model)
SIZE = 50


@dataclass(frozen=True)
class KeyPage(Generic[M]):
    """The rows of a page, and the query strings of its neighbours: empty where there is none."""

    rows: list[M]
    before: str
    after: str


def key_page(rows: QuerySet[M], query: QueryDict, *, newest_first: bool = False, size: int = SIZE) -> KeyPage[M]:
    """The page of `rows` that the query string asks for by `after` or `before`, a key; the first one for nonsense."""
    after, before = _key(query.get("after", "")), _key(query.get("before", ""))
    backwards = before is not None and after is None
    if after is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    elif before is not None:
        rows = rows.filter(**{"pk__gt" if newest_first else "pk__lt": before})
    found = list(rows.order_by("-pk" if newest_first != backwards else "pk")[: size + 1])
    more, kept = len(found) > size, found[:size]
    if backwards:
        kept.reverse()
    comes_before = more if backwards else after is not None
    comes_after = True if backwards else more
    return KeyPage(
        kept,
        before=_link(query, "before", kept[0].pk) if kept and comes_before else "",
        after=_link(query, "after", kept[-1].pk) if kept and comes_after else "",
    )


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _link(query: QueryDict, name: str, key: int) -> str:
    kept = query.copy()
    for word in ("after", "before"):
        kept.pop(word, None)
    kept[name] = str(key)
    return f"?{kept.urlencode()}"
