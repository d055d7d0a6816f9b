"""Long lists in pages by key: the millionth row costs what the first does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

from labeling.text import typed_number

M = TypeVar("M", bound=Model)
SIZE = 50
# How many rows are gone through for a page of what may be rare.
LOOKED_AT = 100_000
_LAST_KEY = 2**63 - 1


@dataclass(frozen=True)
class KeyPage(Generic[M]):
    """The rows of a page, and the query strings of its neighbours: empty where there is none.

    `looked_at` is how many rows were gone through where the page ends because of that, and `further` the neighbour in
    which the search goes on; 0 and empty where the page is full, or where nothing is left.
    """

    rows: list[M]
    before: str
    after: str
    looked_at: int = 0
    further: str = ""


def key_page(rows: QuerySet[M], query: QueryDict, *, newest_first: bool = False, size: int = SIZE) -> KeyPage[M]:
    """The page of `rows` that the query string asks for by `after` or `before`, a key; the first one for nonsense."""
    after, before = typed_number(query.get("after", "")), typed_number(query.get("before", ""))
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


def search_page(
    among: QuerySet[M], find: Callable[[int, int], QuerySet[M]], query: QueryDict, *, size: int = SIZE
) -> KeyPage[M]:
    """The page that the query string asks for of those of `among` that fit, for what no index knows.

    `find(low, high)` gives those that fit with keys from `low` to `high`. A page goes through LOOKED_AT rows at most,
    and the next one goes on there: what is rare takes more pages, but none takes longer.
    """
    after, before = typed_number(query.get("after", "")), typed_number(query.get("before", ""))
    backwards = before is not None and after is None
    order = "-pk" if backwards else "pk"
    low, high = 0, _LAST_KEY
    if after is not None:
        low = after + 1
    elif before is not None:
        high = before - 1
    keys = among.filter(pk__gte=low, pk__lte=high).order_by(order).values_list("pk", flat=True)
    edge = list(keys[LOOKED_AT - 1 : LOOKED_AT + 1])
    cut = len(edge) == 2
    if cut:
        low, high = (edge[0], high) if backwards else (low, edge[0])
    found = list(find(low, high).order_by(order).values_list("pk", flat=True)[: size + 1])
    more, kept = len(found) > size, sorted(found[:size])
    # Where this page begins and ends: at its rows, or at the keys that were gone through.
    first = kept[0] if kept and (more or not backwards) else low
    last = kept[-1] if kept and (more or backwards) else high
    to_before = _link(query, "before", first) if (more or cut if backwards else after is not None) else ""
    to_after = _link(query, "after", last) if backwards or more or cut else ""
    rows = list(among.filter(pk__in=kept).order_by("pk"))
    if more or not cut:
        return KeyPage(rows, to_before, to_after)
    return KeyPage(rows, to_before, to_after, looked_at=LOOKED_AT, further=to_before if backwards else to_after)


def _link(query: QueryDict, name: str, key: int) -> str:
    kept = query.copy()
    for word in ("after", "before"):
        kept.pop(word, None)
    kept[name] = str(key)
    return f"?{kept.urlencode()}"
