"""Tables as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.importing import PromptLine, Rejected
from tests.labeling.importing.reading import found_in, opening, outcome, prompts_in


def test_every_field_has_its_column() -> None:
    header = (
        "messages,external_id,system,context,batch,priority,tags,language,metadata,metadata.topic,candidates,"
        "candidate_1,candidate_1.model,response_2,gold\n"
    )
    cells = [
        '[{"role": "user", "content": "Hello?"}]', "e1", "Be brief.", '[{"text": "T"}]', "b", "-3", " x | y|x|",
        "pt-BR", '{"n": 1}', "law", '[{"text": "A", "model": "m"}]', "B", "n", "C", '{"rank": {}}',
    ]  # fmt: skip
    file = io.StringIO()
    csv.writer(file).writerow(cells)
    (line,) = prompts_in("csv", (header + file.getvalue()).encode())
    assert line == PromptLine(
        line=2,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        external_id="e1",
        context=[{"text": "T"}],
        batch="b",
        priority=-3,
        tags=["x", "y"],
        language="pt-BR",
        metadata={"n": 1, "topic": "law"},
        candidates=[{"text": "A", "model": "m"}, {"text": "B", "model": "n"}, {"text": "C", "model": ""}],
        gold={"rank": {}},
    )


def test_blank_cells_say_nothing() -> None:
    raw = b"Prompt , TAGS,metadata.Topic,priority,candidate,candidate.model,messages,,\nHello?,, ,,,m,,,\n,,,,,,,,\n\n"
    assert prompts_in("csv", raw) == [PromptLine(line=2, messages=[{"role": "user", "content": "Hello?"}])]


def test_tags_may_be_json() -> None:
    assert prompts_in("csv", b'prompt,tags\nx,"[""a|b"", ""c""]"\n')[0].tags == ["a|b", "c"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_it_is_read_as_it_was_saved(delimiter: str, end: str, encoding: str) -> None:
    rows = [["prompt", "metadata.what, and; why"], ["Größe, 😀;\tja?", 'He said "no"'], [f"Two{end}lines?", ""]]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    text = file.getvalue()
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    one, two = prompts_in("csv", (mark + text).encode(encoding))
    assert (opening(one), one.metadata) == ("Größe, 😀;\tja?", {"what, and; why": 'He said "no"'})
    assert (opening(two), two.metadata) == (f"Two{end}lines?", {})
    assert (one.line, two.line) == (2, 3)
    assert prompts_in("csv", (mark + text.removesuffix(end)).encode(encoding)) == [one, two]


@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1),
       delimiter=st.sampled_from(",;\t"), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))  # fmt: skip
@settings(deadline=None)
def test_what_the_csv_module_writes_is_read(cells: list[str], delimiter: str, quoting: int) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["prompt", "batch"], *([f"x{cell}", "b"] for cell in cells)])
    found = found_in("csv", file.getvalue().encode())
    assert [opening(line) for line in found if isinstance(line, PromptLine)] == [f"x{cell}" for cell in cells]


def test_rows_of_another_length_are_left_out_and_the_others_land() -> None:
    lines, said = outcome("csv", b'prompt,batch\none,a\ntwo\n"th\nree",c\nfour,d,\nfive,e,f\n\nsix,g\n')
    assert [(opening(line), line.line) for line in lines] == [("one", 2), ("th\nree", 4), ("six", 9)]
    assert said == {
        3: "The row has 1 cells where the header has 2.",
        6: "The row has 3 cells where the header has 2.",
        7: "The row has 3 cells where the header has 2.",
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"x,soon,,", "“priority” must be a whole number"),
        (b"x,1.5,,", "“priority” must be a whole number"),
        (b"x,,{,", "“metadata”: This is not JSON"),
        (b"x,,[1],", "“metadata” must be an object"),
        (b"x,,,[oops", "“tags”: This is not JSON"),
        (b",1,,", "Give either “prompt” or “messages”"),
        (b"a\0b,,,", "NUL"),
        (b"\xff,,,", "UTF-8"),
        (b"\xed\xa0\x80,,,", "UTF-8"),
        (b'"a"b,,,', "goes on after its closing quote"),
        (b"x" * 1_000_001 + b",,,", "at most 1,000,000 fit"),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_alone(row: bytes, said: str) -> None:
    lines, messages = outcome("csv", b"prompt,priority,metadata,tags\nbefore,,,\n" + row + b"\nafter,,,\n")
    assert [opening(line) for line in lines] == ["before", "after"]
    assert list(messages) == [3]
    assert said in messages[3]


def test_a_quote_that_is_not_closed_costs_the_rows_up_to_where_it_seems_closed() -> None:
    lines, said = outcome("csv", b'prompt,batch\none,a\n"two,b\nthree,c\n"four",d\nfive,e\n')
    assert [opening(line) for line in lines] == ["one", "five"]
    assert said == {
        3: "A quoted cell goes on after its closing quote. Write a quote that belongs to the text twice. "
        "Lines 3 to 5 are left out."
    }
    lines, said = outcome("csv", b'prompt,batch\none,a\n"two,b\nthree,c\n')
    assert [opening(line) for line in lines] == ["one"]
    assert said == {3: "A quote is opened here and never closed. Lines 3 to 4 are left out."}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "The file is empty"),
        (b"\n \n\n", "The file is empty"),
        (b"sep=;\n", "The file is empty"),
        (b"question,answer\na,b\n", "There is no field for the column “question”. Known are prompt, messages"),
        (b"prompt,topic\na,b\n", "kept when it is called metadata.topic"),
        (b"prompt,Prompt\na,b\n", "The column “prompt” stands twice"),
        (b"prompt,candidate_1,candidate_1\na,b,c\n", "The column “candidate_1” stands twice"),
        (b",prompt\n0,a\n", "Column 1 has no name"),
        (b"batch,tags\na,b\n", "needs a column “prompt” or “messages”. Its columns are: “batch”, “tags”."),
        (b"\xff\xff\xff,prompt\na,b\n", "UTF-8"),
        (b'"prompt\na\n', "never closed"),
        (b"PK\x03\x04 and more", "Save the table as CSV"),
        ("prompt\na\n".encode("utf-16-le"), "no field for the column"),
    ],
)
def test_a_header_that_cannot_be_used_ends_it(raw: bytes, said: str) -> None:
    (refused,) = found_in("csv", raw)
    assert isinstance(refused, Rejected)
    assert said in refused.message


def test_a_header_alone_holds_no_prompts() -> None:
    assert found_in("csv", b"prompt,batch") == []


def test_the_delimiter_may_be_said_as_excel_says_it() -> None:
    for delimiter, name in itertools.product(",;\t", ["metadata.a,b;c\td", "batch"]):
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter).writerows([["prompt", name], ["x", "y"]])
        for said in (f"sep={delimiter}\n", ""):
            (line,) = prompts_in("csv", (said + file.getvalue()).encode())
            assert (opening(line), line.line) == ("x", 2 + bool(said))


def test_text_under_no_name_is_not_lost_in_silence() -> None:
    lines, said = outcome("csv", b"prompt,batch,\na,b,\nc,d,e\n")
    assert [opening(line) for line in lines] == ["a"]
    assert said == {3: "There is text in a column that has no name."}


def test_utf_16_that_is_cut_off_keeps_its_rows() -> None:
    *rows, last = found_in("csv", "prompt\na\nb\n".encode("utf-16")[:-1])
    assert [opening(line) for line in rows if isinstance(line, PromptLine)] == ["a"]
    assert isinstance(last, Rejected)
    assert "middle of a character" in last.message
