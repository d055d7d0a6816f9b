"""How long a search for near duplicates takes, how many it finds, and what it holds: `python -m
tests.bench.bench_duplicates`.

A script and not a test: what it prints depends on the machine. Texts of 8 to 120 words are drawn, and for some of them
a copy with some words changed. Which of these pairs are as alike as is asked for is worked out piece by piece; what is
found of them is the recall.

First in memory, over `--compared` texts: the search of the platform, and where datasketch is installed, its MinHash and
MinHashLSH on the same pieces (`pip install datasketch`; the platform does not need it), with the exact check that both
need after it. Then a whole search over `--prompts` prompts in a database, as a worker does it, beside the very same
found by bare SQL.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import random
import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tests.bench.bench_export import throwaway

BATCH = 20_000  # prompts that are filled in at once
BARE = """
SELECT count(*) FROM (
    SELECT md5(lower(messages #>> '{0,content}')) FROM labeling_prompt WHERE project_id = %s
    GROUP BY 1 HAVING count(*) > 1
) same
"""


class Clock:
    """Seconds that went by, and those in which this process was at work."""

    def __init__(self) -> None:
        self.began, self.busy = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        return f"{time.perf_counter() - self.began:7.1f} s, {time.process_time() - self.busy:7.1f} of them busy here"


def drawn(number: int, *, copies: int) -> Iterator[tuple[str, int | None]]:
    """Texts, and of a copy the place of what it was made of. The last `copies` are copies, changed more or less."""
    dice = random.Random(number)
    words = [f"{a}{b}{c}" for a, b, c in itertools.product(["ka", "lo", "mi", "te", "su"], "bdfgnprstvz", "aeiou")]
    chances = [1 / (place + 5) for place in range(len(words))]
    kept: list[list[str]] = []
    for place in range(number - copies):
        text = dice.choices(words, chances, k=dice.randint(8, 120))
        if place < copies:
            kept.append(text)
        yield " ".join(text), None
    for place in range(copies):
        text = list(kept[place])
        for _ in range(dice.choice((1, 1, 2, 3, 5))):
            text[dice.randrange(len(text))] = dice.choice(words)
        yield " ".join(text), place


def together(texts: Sequence[str], sources: Sequence[int | None], least: int) -> list[tuple[int, int]]:
    """The pairs of a copy and its source that are as alike as is asked for, piece by piece."""
    from labeling.services.likeness import likeness, pieces

    return [
        (source, place)
        for place, source in enumerate(sources)
        if source is not None and 100 * likeness(pieces(texts[source]), pieces(texts[place])) >= least
    ]


def ours(texts: Sequence[str], pairs: Sequence[tuple[int, int]], least: int) -> None:
    """The platform's search over texts in memory."""
    from labeling.services.likeness import Text, alike

    clock = Clock()
    group_of: dict[int, int] = {}
    found = alike((Text(n, text) for n, text in enumerate(texts)), least, fetch=lambda ids: {n: texts[n] for n in ids})
    for number, (members, _) in enumerate(found):
        group_of |= dict.fromkeys(members, number)
    hits = sum(one in group_of and group_of[one] == group_of.get(other) for one, other in pairs)
    print(f"the platform   {clock}; finds {hits:,} of {len(pairs):,} ({100 * hits / len(pairs):.1f} %)", flush=True)


def theirs(texts: Sequence[str], pairs: Sequence[tuple[int, int]], least: int) -> None:
    """datasketch over the same pieces: signatures, its index, and the exact check of what it brings together."""
    from labeling.services.likeness import BANDS, likeness, pieces

    try:
        library: Any = importlib.import_module("datasketch")
    except ImportError:
        print("datasketch     is not installed")
        return
    bands, height = BANDS[least]
    # As it is by itself, and with as many bands of as many minima as the platform's.
    shapes: list[tuple[int, dict[str, Any]]] = [
        (128, {"threshold": least / 100}),
        (bands * height, {"params": (bands, height)}),
    ]
    for permutations, shape in shapes:
        clock = Clock()
        # One index for each kind of pieces: only those of one kind are compared.
        index = {kind: library.MinHashLSH(num_perm=permutations, **shape) for kind in ("characters", "words")}
        made = []
        for n, text in enumerate(texts):
            for kind, found in pieces(text).items():
                signature = library.MinHash(num_perm=permutations, hashfunc=int)
                signature.update_batch([number & 0xFFFFFFFF for number in found.tolist()])
                index[kind].insert(n, signature, check_duplication=False)
                made.append((n, kind, signature))
        signed = str(clock)
        met: set[tuple[int, int]] = set()
        for n, kind, signature in made:
            met |= {(min(n, other), max(n, other)) for other in index[kind].query(signature) if other != n}
        alike = {pair for pair in met if 100 * likeness(*(pieces(texts[place]) for place in pair)) >= least}
        hits = sum(pair in alike for pair in pairs)
        print(
            f"datasketch {permutations:3} {clock}; finds {hits:,} of {len(pairs):,} ({100 * hits / len(pairs):.1f} %)"
        )
        print(f"               (signatures and index: {signed}; {len(met):,} pairs met)", flush=True)


def search(number: int, copies: int, least: int) -> None:
    """A whole search over prompts in a database."""
    from django.db import connection

    from labeling.importing.base import parse
    from labeling.models import DuplicateMember, DuplicateSearch, Prompt
    from labeling.services import duplicates, imports
    from tests import make

    project = make.project(slug="bench")
    by = make.manager(project)
    made = drawn(number, copies=copies)
    sources: list[int | None] = []
    texts: dict[int, str] = {}
    for start in range(0, number, BATCH):
        some = list(itertools.islice(made, BATCH))
        sources += [source for _, source in some]
        texts |= {start + n: text for n, (text, source) in enumerate(some) if start + n < copies or source is not None}
        lines = [parse({"prompt": text, "external_id": f"{start + n}"}, n + 1) for n, (text, _) in enumerate(some)]
        imports.import_lines(project, lines, source="jsonl", by=by)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    clock = Clock()
    with connection.cursor() as cursor:
        cursor.execute(BARE, [project.pk])
    print(f"bare SQL       {clock}: the very same among {number:,} prompts, by md5")
    clock = Clock()
    duplicates.search(project, by=by)
    duplicates.work()
    print(f"the very same  {clock}", flush=True)
    clock = Clock()
    asked = duplicates.search(project, likeness=least, by=by)
    duplicates.work()
    took = str(clock)
    asked = DuplicateSearch.objects.get(pk=asked.pk)
    ids = dict(Prompt.objects.filter(project=project).values_list("external_id", "pk"))
    group_of = dict(DuplicateMember.objects.values_list("prompt", "group"))
    known = [texts.get(place, "") for place in range(number)]
    pairs = together(known, sources, least)
    hits = sum(
        group_of.get(ids[str(one)], -1) == group_of.get(ids[str(other)], -2)
        for one, other in pairs
        if known[one] != known[other]
    )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"nearly         {took}; {asked.state}, {asked.groups:,} groups, finds {hits:,} of {len(pairs):,} "
        f"({100 * hits / len(pairs):.1f} %); at most {most:,.0f} MB, {held:,.0f} before it"
    )


def main() -> None:
    """Draws, searches, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=200_000)
    parser.add_argument("--compared", type=int, default=20_000)
    parser.add_argument("--copies", type=int, default=2000)
    parser.add_argument("--least", type=int, default=80, choices=(90, 80, 70), help="percent of likeness")
    options = parser.parse_args()
    if min(options.prompts, options.compared) < 2 * options.copies:
        parser.error("at least twice as many texts as copies: each is made of another")
    with throwaway():
        import django

        django.setup()
        from django.core.management import call_command

        rows = list(drawn(options.compared, copies=options.copies))
        texts, sources = [text for text, _ in rows], [source for _, source in rows]
        pairs = together(texts, sources, options.least)
        print(f"{len(texts):,} texts in memory, of which {len(pairs):,} have a copy alike by {options.least} percent")
        ours(texts, pairs, options.least)
        theirs(texts, pairs, options.least)
        call_command("migrate", verbosity=0)
        search(options.prompts, options.copies, options.least)


if __name__ == "__main__":
    main()
