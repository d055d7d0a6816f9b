"""Tables with types."""

from __future__ import annotations

import datetime
import decimal
import io
import math

import pyarrow
import pytest
from pyarrow import parquet

from labeling.importing import SOURCES, PromptLine, Rejected
from labeling.importing.texts import MAX_TEXT
from tests.labeling.importing.reading import as_table, found_in, opening, outcome, prompts_in, zipped

USER = {"role": "user", "content": "Hello?"}


def test_columns_may_be_typed() -> None:
    raw = as_table({
        "messages": [[USER, {"role": "assistant", "content": "Hi.", "name": "bot"}, USER]],
        "external_id": [7],
        "priority": [3],
        "tags": [["x", "y"]],
        "metadata": [{"page": 1, "deep": {"a": [1.5, None], "gone": None}}],
        "metadata.when": [datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)],
        "metadata.day": [datetime.date(2024, 1, 2)],
        "metadata.price": [decimal.Decimal("1.50")],
        "metadata.bytes": [b"text"],
        "metadata.map": pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        "candidates": [[{"text": "A", "model": None}]],
        "candidate_2": pyarrow.array(["B"]).dictionary_encode(),
        "context": [[{"text": "T", "title": None}]],
    })  # fmt: skip
    (line,) = prompts_in("parquet", raw)
    assert line == PromptLine(
        line=1,
        messages=[USER, {"role": "assistant", "content": "Hi.", "name": "bot"}, USER],
        external_id="7",
        priority=3,
        tags=["x", "y"],
        metadata={
            "page": 1,
            "deep": {"a": [1.5, None]},
            "when": "2024-01-02T03:04:05+00:00",
            "day": "2024-01-02",
            "price": "1.50",
            "bytes": "text",
            "map": {"k": 1},
        },
        candidates=[{"text": "A", "model": ""}, {"text": "B", "model": ""}],
        context=[{"text": "T"}],
    )


def test_texts_may_be_json_as_in_csv() -> None:
    raw = as_table({"messages": ['[{"role": "user", "content": "Hello?"}]'], "tags": ["a|b"], "priority": ["2"]})
    (line,) = prompts_in("parquet", raw)
    assert (line.messages, line.tags, line.priority) == ([USER], ["a", "b"], 2)


def test_what_pandas_writes_is_read() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"prompt": ["a", None, "c"], "priority": [1.0, 2.0, math.nan]}, index=[5, 6, 7])
    file = io.BytesIO()
    frame.to_parquet(file)
    assert "__index_level_0__" in parquet.read_schema(io.BytesIO(file.getvalue())).names
    lines, said = outcome("parquet", file.getvalue())
    assert [(opening(line), line.priority, line.line) for line in lines] == [("a", 1, 1), ("c", 0, 3)]
    assert said == {2: "Give either “prompt” or “messages”."}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"prompt": ["a"], "topic": ["b"]}, "There is no field for the column “topic”"),
        ({"text": ["a"]}, "There is no field for the column “text”"),
        ({"batch": ["a"]}, "needs a column “prompt” or “messages”. Its columns are: “batch”."),
        ({"prompt": [], "Prompt": []}, "stands twice"),
    ],
)
def test_columns_that_mean_nothing_end_it(columns: dict[str, list[str]], said: str) -> None:
    (refused,) = found_in("parquet", as_table(columns))
    assert isinstance(refused, Rejected)
    assert said in refused.message


def test_rows_that_cannot_be_used_are_left_out_alone() -> None:
    raw = as_table({
        "prompt": pyarrow.array([b"a", b"\xff", b"c", b"d", b"e", b"f"]).view(pyarrow.string()),
        "metadata.x": pyarrow.array([b"a", b"b", b"\xff", b"d", b"e", b"f"]),
        "tags": [["a"], ["b"], ["c"], [""], ["e"], ["f"]],
        "metadata.time": pyarrow.array([0, 1, 2, 3, 2**62, 5], pyarrow.timestamp("us")),
    })  # fmt: skip
    lines, said = outcome("parquet", raw)
    assert [opening(line) for line in lines] == ["a", "f"]
    assert said[2] == "“prompt” is not UTF-8."
    assert said[3] == "“metadata.x” holds bytes that are no text."
    assert said[4] == "A tag is empty."
    assert "“metadata.time” cannot be read" in said[5]


def test_what_is_no_parquet_is_said_to_be_none() -> None:
    whole = as_table({"prompt": ["a"] * 1000})
    for raw in (b"", b"prompt\na\n", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"PAR1" + b"\0" * 100 + b"PAR1"):
        (refused,) = found_in("parquet", raw)
        assert isinstance(refused, Rejected)
        assert "not a Parquet file" in refused.message


def test_a_file_that_is_damaged_inside_keeps_the_rows_around() -> None:
    prompts = [f"Question {n}?" for n in range(20_000)]
    raw = bytearray(as_table({"prompt": prompts}, row_group_size=5000, use_dictionary=False, compression=None))
    place = raw.index(b"Question 12000?")
    raw[place - 100 : place] = b"\xff" * 100
    found = found_in("parquet", bytes(raw))
    lost = [item for item in found if isinstance(item, Rejected)]
    assert len(lost) == 1
    assert "damaged here" in lost[0].message
    assert 10_000 < lost[0].line <= 12_000
    numbers = [item.line for item in found if isinstance(item, PromptLine)]
    assert numbers == [*range(1, lost[0].line), *range(15_001, 20_001)]


def test_gzip_that_unfolds_without_end_is_not_put_on_disk() -> None:
    (refused,) = found_in("parquet", zipped(b"PAR1" + b"\0" * 100_000_000))
    assert isinstance(refused, Rejected)
    assert "Send it without gzip" in refused.message


def test_a_large_group_of_rows_is_never_held() -> None:
    text = "x" * (MAX_TEXT - 10)
    file = io.BytesIO()
    schema = pyarrow.schema({"prompt": pyarrow.string()})
    with parquet.ParquetWriter(file, schema, use_dictionary=False, write_batch_size=1) as writer:
        rows = [f"{text}{number}" for number in range(300)]
        writer.write_table(pyarrow.table({"prompt": rows}, schema))
    assert parquet.ParquetFile(file).metadata.num_row_groups == 1
    del rows
    file.seek(0)
    before = pyarrow.total_allocated_bytes()
    most = count = 0
    for line in SOURCES["parquet"].read(file):
        assert isinstance(line, PromptLine)
        count += 1
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert count == 300
    assert most < 100_000_000 < 300 * len(text)
