"""How fast files become prompt lines, beside json.loads of the same: `python -m tests.bench.bench_parse`.

A script and not a test: what it prints depends on the machine. Nothing is stored. Times are those of the processor, of
which all of this needs one core; each is the best of a few rounds. "read" is reading and checking, "with hashes" also
works out what an import needs of each line: its key and hashes.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from labeling.importing import SOURCES, PromptLine

ASKED = "Explain to somebody new how a bill becomes a law in country {n}, step by step, please."
ANSWERED = "It begins with a draft, which a committee reads {n} times. Then both houses vote on it."
LANGUAGE = "Объясни новичку, как законопроект становится законом в стране {n}, шаг за шагом."


def short(n: int) -> dict[str, Any]:
    return {"prompt": ASKED.format(n=n), "external_id": f"p-{n}"}


def other_letters(n: int) -> dict[str, Any]:
    return {"prompt": LANGUAGE.format(n=n), "external_id": f"p-{n}"}


def with_fields(n: int) -> dict[str, Any]:
    return {**short(n), "tags": ["law", "a"], "language": "en", "metadata": {"topic": "law", "n": n}}


def with_candidates(n: int) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ASKED.format(n=n)}]
    candidates = [{"text": ANSWERED.format(n=n), "model": model} for model in ("small", "large")]
    return {"messages": messages, "external_id": f"p-{n}", "candidates": candidates}


def as_lines(number: int, make: Callable[[int], dict[str, Any]], **options: Any) -> bytes:
    return b"".join(json.dumps(make(n), **options).encode() + b"\n" for n in range(number))


def as_csv(number: int) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["prompt", "external_id", "candidate_1"])
    writer.writerows((ASKED.format(n=n), f"p-{n}", ANSWERED.format(n=n)) for n in range(number))
    return file.getvalue().encode()


def as_parquet(number: int) -> bytes:
    import pyarrow
    from pyarrow import parquet

    rows = range(number)
    columns = {
        "prompt": [ASKED.format(n=n) for n in rows],
        "external_id": [f"p-{n}" for n in rows],
        "candidate_1": [ANSWERED.format(n=n) for n in rows],
    }
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def as_array(number: int, make: Callable[[int], dict[str, Any]]) -> bytes:
    return json.dumps([make(n) for n in range(number)], indent=2).encode()


def instruction(n: int) -> dict[str, Any]:
    return {"instruction": ASKED.format(n=n), "input": "", "output": ANSWERED.format(n=n)}


def conversation(n: int) -> dict[str, Any]:
    turns = [{"from": "human", "value": ASKED.format(n=n)}, {"from": "gpt", "value": ANSWERED.format(n=n)}]
    return {"id": f"p-{n}", "conversations": turns}


def tree(n: int) -> dict[str, Any]:
    reply = {"message_id": f"r-{n}", "role": "assistant", "text": ANSWERED.format(n=n), "rank": 0, "replies": []}
    root = {"message_id": f"p-{n}", "role": "prompter", "text": ASKED.format(n=n), "lang": "en", "replies": [reply]}
    return {"message_tree_id": f"p-{n}", "tree_state": "ready_for_export", "prompt": root}


def read(source: str, raw: bytes) -> Iterator[PromptLine]:
    for line in SOURCES[source].read(io.BytesIO(raw)):
        assert isinstance(line, PromptLine), line
        yield line


def fastest(rounds: int, work: Callable[[], int]) -> tuple[int, float]:
    """What the work counted, and the processor's seconds in its best round."""
    count, best = 0, float("inf")
    for _ in range(rounds):
        began = time.process_time()
        count = work()
        best = min(best, time.process_time() - began)
    return count, best


def measure(title: str, source: str, raw: bytes, rounds: int) -> None:
    """One file: what reading it takes, and for JSON Lines what json.loads alone takes."""
    count, alone = fastest(rounds, lambda: sum(1 for _ in read(source, raw)))
    _, hashed = fastest(rounds, lambda: sum(1 for line in read(source, raw) if line.key and line.line_hash))
    said = f"{title:26}{len(raw) / count:5.0f} bytes/line"
    for what, seconds in {"read": alone, "with hashes": hashed}.items():
        said += f"  {what} {count / seconds:8,.0f} lines/s {seconds / count * 1e6:5.1f} µs"
    if source == "jsonl":
        lines = raw.splitlines()
        _, bare = fastest(rounds, lambda: sum(1 for line in lines if json.loads(line)))
        said += f"  json.loads alone {count / bare:8,.0f} lines/s {bare / count * 1e6:5.1f} µs"
    print(said)


def main() -> None:
    """Makes files, reads them, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    number, rounds = given.lines, given.rounds
    measure("jsonl, short", "jsonl", as_lines(number, short), rounds)
    measure("jsonl, other letters", "jsonl", as_lines(number, other_letters, ensure_ascii=False), rounds)
    measure("jsonl, escaped letters", "jsonl", as_lines(number, other_letters), rounds)
    measure("jsonl, tags and metadata", "jsonl", as_lines(number, with_fields), rounds)
    measure("jsonl, with 2 candidates", "jsonl", as_lines(number, with_candidates), rounds)
    measure("csv", "csv", as_csv(number), rounds)
    measure("parquet", "parquet", as_parquet(number), rounds)
    measure("alpaca, an array", "alpaca", as_array(number, instruction), rounds)
    measure("alpaca, lines", "alpaca", as_lines(number, instruction), rounds)
    measure("sharegpt, an array", "sharegpt", as_array(number, conversation), rounds)
    measure("oasst, trees", "oasst", as_lines(number, tree), rounds)


if __name__ == "__main__":
    main()
