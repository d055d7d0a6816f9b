"""What somebody meets on a long day: a conversation in several turns with code in it, and a question about sources,
each with four long responses that share passages; and for each recipe answers that are half given.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from labeling.importing import PromptLine
from labeling.importing.base import parse
from labeling.models import Project, Queue, User
from labeling.services import imports, projects, queues
from tests.browser.content import GUIDELINES

ASKED = """\
We run PostgreSQL 16 on a small machine (4 cores, 16 GB). This query takes **about nine seconds** and is called on \
every page view. `orders` has 41 million rows, `customers` 900 thousand:

```sql
SELECT c.id, c.name, count(*) AS orders, sum(o.total_cents) / 100.0 AS revenue
FROM customers c
JOIN orders o ON o.customer_id = c.id
WHERE lower(c.country) = 'de'
  AND o.created_at >= now() - interval '90 days'
  AND o.status NOT IN ('cancelled', 'refunded')
GROUP BY c.id, c.name
ORDER BY revenue DESC
LIMIT 20;
```

What should I look at first?"""

ANSWERED = """\
First look at what it does: run it under `EXPLAIN (ANALYZE, BUFFERS)`, and see whether `orders` is read as a whole.

Could you show the plan, and the indexes that both tables have?"""

ASKED_AGAIN = """\
Here is the plan, shortened. There is an index on `orders (customer_id)` and the primary keys, nothing else.

```
Limit  (cost=1188402.11..1188402.16 rows=20 width=52) (actual time=9124.551..9187.032 rows=20 loops=1)
  ->  Sort  (cost=1188402.11..1188524.70 rows=49036 width=52) (actual time=9124.549..9124.560 rows=20 loops=1)
        ->  Finalize GroupAggregate  (actual time=8731.207..9098.113 rows=61207 loops=1)
              ->  Parallel Hash Join  (actual time=702.114..8211.930 rows=1204417 loops=3)
                    ->  Parallel Seq Scan on orders o  (actual time=0.041..6904.277 rows=2711032 loops=3)
                          Rows Removed by Filter: 10955635
```

I may add indexes, but I cannot change the tables. Please say **what each change would cost** on writes, too."""

SHARED = """\
The plan says where the time goes: of 9.1 seconds, **6.9 are spent reading all of `orders`** only to throw four rows \
of five away (`Rows Removed by Filter: 10955635`, times three workers)."""

CODE = """\
```sql
CREATE INDEX CONCURRENTLY orders_recent ON orders (created_at, customer_id) INCLUDE (total_cents, status);
CREATE INDEX CONCURRENTLY customers_country ON customers (lower(country));
ANALYZE orders, customers;
```"""

TABLE = """\
| change | time to build | size | cost of an insert | what it saves |
|---|--:|--:|--:|---|
| `orders (created_at, customer_id) INCLUDE (total_cents, status)` | 4–6 min | 1.9 GB | +11 % | the scan of `orders` |
| `customers (lower(country))` | 2 s | 21 MB | below 1 % | a scan of 900 thousand rows, 0.1 s |
| a materialized view, every 5 minutes | 9 s each time | 4 MB | none | all of it, at the price of old numbers |"""

FIRST = f"""\
{SHARED}

### What I would do, in this order

1. **Index what the filter asks for.** `created_at` is the only condition that throws much away, so it leads:

{CODE}

   With `INCLUDE` the query never has to visit the table itself (an *index-only scan*), as long as autovacuum keeps \
the visibility map fresh. `CONCURRENTLY` does not block writers; it cannot run inside a transaction.

2. **Let the country be found by index.** `lower(c.country) = 'de'` cannot use a plain index on `country`, which is \
why the second index is on the expression.

3. **Then measure again.** I expect something like this:

{TABLE}

### How far that goes

The rows that are left are about $n = 2.7 \\cdot 10^6 \\cdot 3 \\approx 8.1 \\cdot 10^6$, of which the join keeps \
3.6 million. Reading them from an index costs roughly

$$
t \\approx \\frac{{n \\cdot 48\\,\\text{{bytes}}}}{{1.2\\,\\text{{GB/s}}}} + n \\cdot 90\\,\\text{{ns}}
\\approx 0.3\\,\\text{{s}} + 0.7\\,\\text{{s}} = 1.0\\,\\text{{s}}
$$

so about **one second** instead of nine. That is still too slow for every page view, so keep the result for a few \
minutes: a materialized view that is refreshed every five minutes gives the page its twenty rows in a millisecond.

> An index on `status` would not help: most orders are neither cancelled nor refunded, so it throws nothing away.

See [Index-Only Scans](https://www.postgresql.org/docs/16/indexes-index-only-scans.html) and \
[CREATE INDEX](https://www.postgresql.org/docs/16/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY) for the details."""

SECOND = f"""\
{SHARED}

You should add an index on every column that the query mentions. Databases are always faster with more indexes, so \
this can only help:

```sql
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (created_at);
CREATE INDEX ON orders (status);
CREATE INDEX ON orders (total_cents);
CREATE INDEX ON customers (country);
CREATE INDEX ON customers (name);
```

After that, run `VACUUM FULL orders;` so that the table is packed tightly. It may take a while, but it is safe to do \
on a running system because PostgreSQL keeps old versions of rows around for readers.

Indexes cost nothing on writes in modern versions, since PostgreSQL 14 updates them in the background. If the query is \
still slow then, raise `work_mem` to 8 GB in `postgresql.conf`:

```ini
work_mem = 8GB
shared_buffers = 14GB
effective_cache_size = 64GB
max_parallel_workers_per_gather = 32
```

Finally, consider moving to a NoSQL database, which does not need joins."""

THIRD = f"""\
Short version: **one covering index on `orders`, one on the expression `lower(country)`, and a cache.**

{CODE}

{SHARED} The first index lets it read the last 90 days alone; the second finds the German customers.

What it costs on writes: every insert into `orders` writes one more index entry, in my experience about 10 % more time \
and 1.9 GB of disk for 41 million rows. An update of `status` can no longer be a HOT update, because `status` is part \
of the index now. If you change the status of most orders (open → paid → shipped), leave `status` out of the index and \
pay with a visit to the table for each row instead.

A nine-second query on *every page view* also says that the numbers need not be fresh to the second. Put the twenty \
rows into a cache and recompute them every few minutes."""

FOURTH = f"""\
Good question! There are many ways to optimise a query, and it is important to choose the right one for your \
situation. Here are some general tips that can help you get the best performance out of your database:

- Make sure that you have the right indexes.
- Avoid `SELECT *`, as it reads more columns than needed.
- Use `EXPLAIN` to understand what your query is doing.
- Consider partitioning large tables, for example by month. {SHARED}
- Keep your statistics up to date with `ANALYZE`.
- Think about caching.

Remember that premature optimisation is the root of all evil. I hope this helps! Let me know if you have any other \
questions, or if you would like me to go into more detail about any of these points."""

CONVERSATION: dict[str, object] = {
    "external_id": "conversation",
    "language": "en",
    "system": "You are a senior database engineer. Answer precisely, and say what you are not sure of.",
    "messages": [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": ANSWERED},
        {"role": "user", "content": ASKED_AGAIN},
    ],
    "candidates": [
        {"model": f"secret-model-{n}", "text": text} for n, text in enumerate((FIRST, SECOND, THIRD, FOURTH))
    ],
}

SOURCED: dict[str, object] = {
    "external_id": "sources",
    "language": "en",
    "prompt": "Using the documents, summarise for a member of the town council what the new bus lane on Harbour Street "
    "has changed so far, for whom, and what is not known yet. Two short paragraphs.",
    "context": [
        {
            "title": "Transport office: Harbour Street bus lane, interim report after six months",
            "url": "https://example.org/transport-office/reports/2024/harbour-street-bus-lane-interim-report.pdf",
            "text": "The lane was opened on 4 March between **Old Bridge** and the ferry terminal (2.1 km). From March "
            "to August, the median travel time of lines 3 and 17 in the morning peak fell from 14.2 to 9.8 minutes. "
            "The share of departures that were more than three minutes late fell from 31 % to 12 %.\n\n"
            "| measured | before | after |\n|---|--:|--:|\n| median travel time, bus | 14.2 min | 9.8 min |\n"
            "| median travel time, car | 8.1 min | 9.4 min |\n| passengers on a working day | 11,300 | 13,050 |\n\n"
            "Counts of cyclists were stopped in May, when the counter was damaged. No statement about cycling is "
            "possible for the summer. Deliveries were not measured.\n\n"
            "Over the same six months, fares on all lines were lowered by a fifth, so that the growth in passengers "
            "cannot be put down to the lane alone.",
        },
        {
            "title": "Letter of the Harbour Street traders’ association",
            "text": "Of our 64 members, 41 answered our survey. 23 of them report a lower turnover since March, 7 a "
            "higher one, 11 no change. The most frequent complaint is that there is no place to unload before eleven "
            "o’clock. We ask the council to permit unloading in the lane between nine and eleven.",
        },
    ],
    "candidates": [
        {
            "model": f"secret-model-{n}",
            "text": text,
        }
        for n, text in enumerate(
            (
                "Since the bus lane on Harbour Street opened on 4 March, lines 3 and 17 have become faster and more "
                "punctual: the median trip in the morning peak takes 9.8 instead of 14.2 minutes, and late departures "
                "fell from 31 % to 12 %. Car drivers need somewhat less time than before. Passengers rose by 15 %, "
                "which shows that the lane is what brought people onto the bus.\n\nThe traders see it differently. "
                "Most shops on the street have lost turnover, above all because there is no place to unload before "
                "eleven o’clock; they ask to be allowed to unload in the lane between nine and eleven. What the lane "
                "means for cyclists is not known, as the counter was damaged in May, and deliveries were not measured. "
                "The council will decide in November.",
                "Buses are faster (9.8 instead of 14.2 minutes), cars a little slower (9.4 instead of 8.1). Passengers "
                "grew from 11,300 to 13,050 on a working day, though cheaper fares had a part in that.\n\nOf 41 "
                "traders who answered, 23 report a lower turnover. Nothing is known about cyclists and deliveries.",
                "The lane is a success.",
                "The documents describe a bus lane. There are arguments for and against it.",
            )
        )
    ],
}


def workday(preset: str, manager: User, annotator: User) -> tuple[Project, Queue]:
    """A project with both prompts and a queue of this preset; first comes the prompt that suits it."""
    project = projects.create(name="Support answers, autumn 2024", guidelines=GUIDELINES, by=manager)
    projects.add_member(project, email=annotator.email, role="annotator", by=manager)
    first, second = (SOURCED, CONVERSATION) if preset == "grounded" else (CONVERSATION, SOURCED)
    lines = [parse({**first, "priority": 5}, 1), parse(second, 2)]
    assert all(isinstance(line, PromptLine) for line in lines), lines
    imports.import_lines(project, lines, source="jsonl", by=manager)
    most = 2 if preset in ("helpsteer2", "mqm", "grounded") else None
    name = f"Queue of {preset}"
    return project, queues.create(project, name=name, slug="queue", preset=preset, candidates_max=most, by=manager)


# --- Answers that are half given, by the keys that people would press ---


def _press(*keys: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)

    return press


def _write(page: Page) -> None:
    page.keyboard.press("w")
    page.keyboard.insert_text(THIRD)


def _edit(page: Page) -> None:
    page.keyboard.press("7")
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("\n\nBefore you build the index, look at the free space on the disk.")
    page.keyboard.press("Control+Home")
    for _ in range(4):
        page.keyboard.press("Control+Delete")
    page.keyboard.insert_text("In short: ")


def _reason(page: Page) -> None:
    page.keyboard.press("2")
    page.keyboard.insert_text("A names the one index that matters and says what it costs; B")


def _mark(page: Page) -> None:
    _press("w", *["ArrowRight"] * 6, *["Shift+ArrowRight"] * 5, "2", "c")(page)
    page.keyboard.insert_text("accuracy: it is a third of the rows")
    _press("Enter", *["ArrowRight"] * 9, *["Shift+ArrowRight"] * 14, "1", *["ArrowRight"] * 3)(page)
    _press(*["Shift+ArrowRight"] * 4, "3", "Escape")(page)


def _judge(page: Page) -> None:
    _press("w", *["ArrowRight"] * 12, *["Shift+ArrowRight"] * 9, "1", "c")(page)
    page.keyboard.insert_text("it says “lines 3 and 17 in the morning peak”")
    _press("Enter", *["ArrowRight"] * 7, *["Shift+ArrowRight"] * 5, "2", "Escape", ".", "2")(page)


HALF_GIVEN: dict[str, Callable[[Page], None]] = {
    "demonstrations": _write,
    "ranking": _press("3", "1", "2"),
    "instructgpt-ranking": _press("7", "1", "5", "5", ",", "1", "3", "Enter", "3"),
    "llama2-pairwise": _press("3"),
    "llama3-pairwise-edit": _edit,
    "helpsteer2": _press("4", "2", "4", "1", "3"),
    "helpsteer3": _reason,
    "kto": _press("1", "0"),
    "mqm": _mark,
    "grounded": _judge,
}

# Whole answers that stand to be corrected, to four responses or the first two.
CORRECTED: dict[str, dict[str, object]] = {
    "instructgpt-ranking": {
        "quality": {"a": 7, "b": 2, "c": 5, "d": 1},
        "flags": {"d": ["Contains a hallucination"]},
        "ranking": {"groups": [["a"], ["c"], ["b", "d"]]},
    },
    "llama3-pairwise-edit": {
        "preference": {"preferred": "a", "strength": 2},
        "edited": {"candidate": "a", "text": "The **mean** is the sum divided by the count."},
    },
    "grounded": {
        "claims": {"a": [{"start": 0, "end": 3, "label": "Unsupported", "comment": "Who says so?"}]},
        "grounded": {"a": ["In part"], "b": ["Fully"], "c": ["Fully"], "d": ["Not at all"]},
        "why": {"text": "It names no source."},
    },
}
