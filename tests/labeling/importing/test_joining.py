"""Several models' responses joined into prompt lines, as the docs show it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from labeling.importing import SOURCES, PromptLine
from tests.process import ROOT

SCRIPT = ROOT / "scripts" / "join_responses.py"
SECTION = re.search(r"^## Joining what.+?(?=^## )", (ROOT / "docs" / "importing.md").read_text(), re.M | re.S)


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, encoding="utf-8")


def read(text: str, folder: Path) -> list[PromptLine]:
    """The prompt lines that an import finds."""
    file = folder / "joined.jsonl"
    file.write_text(text, encoding="utf-8")
    with file.open("rb") as stream:
        lines = list(SOURCES["jsonl"](stream))
    assert all(isinstance(line, PromptLine) for line in lines), lines
    return [line for line in lines if isinstance(line, PromptLine)]


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    assert SECTION
    *files, joined = re.findall(r"(?:`(\w+\.jsonl)`\n\n)?```json\n(.+?)```", SECTION[0], re.S)
    for name, text in files:
        (tmp_path / name).write_text(text)
    (command,) = re.findall(r"^python scripts/join_responses.py (.+) > joined.jsonl$", SECTION[0], re.M)
    done = run(*shlex.split(command), folder=tmp_path)
    assert (done.stdout, done.stderr) == (joined[1], "")
    first, second = read(done.stdout, tmp_path)
    assert [candidate["model"] for candidate in first.candidates] == ["small", "large-2"]
    assert [candidate["text"] for candidate in second.candidates] == ["Nine.", "Seven."]


def test_fields_of_other_names_and_an_input_that_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(
        '{"instruction": "Translate.\\n", "input": "Guten Tag", "output": " Good day\\n"}\n\n'
        '{"instruction": "Say ü.", "input": "", "output": "ü"}\n{"instruction": "Say ü.", "output": "Ü"}\n',
        encoding="utf-8",
    )
    done = run("--prompt", "instruction,input", "--response", "output", "--strip", "one.jsonl", folder=tmp_path)
    first, second = read(done.stdout, tmp_path)
    assert first.messages[0]["content"] == "Translate.\n\nGuten Tag"
    assert [candidate["text"] for candidate in first.candidates] == ["Good day"]
    assert [(candidate["text"], candidate["model"]) for candidate in second.candidates] == [("ü", "one"), ("Ü", "one")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "one.jsonl, line 2: it is no JSON"),
        ("[1]", "one.jsonl, line 2: it is no JSON object."),
        ('{"prompt": "?", "answer": "!"}', "one.jsonl, line 2: “response” is no text. The line has answer, prompt."),
        ('{"prompt": 1, "response": "!"}', "one.jsonl, line 2: “prompt” is no text."),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_nothing_is_written(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "one.jsonl").write_text('{"prompt": "?", "response": "!"}\n' + line + "\n")
    done = run("one.jsonl", folder=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_a_blank_response_costs_its_prompt_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"prompt": "?", "response": " \\n"}\n{"prompt": "!", "response": ""}\n')
    (tmp_path / "two.jsonl").write_text('{"prompt": "?", "response": "Two."}\n')
    done = run("one.jsonl", "two.jsonl", folder=tmp_path)
    assert done.stderr == "one.jsonl: 2 blank responses are left out.\n"
    first, second = read(done.stdout, tmp_path)
    assert [candidate["model"] for candidate in first.candidates] == ["two"]
    assert second.candidates == []


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("none.jsonl", folder=tmp_path)
    assert done.returncode == 1
    assert "none.jsonl" in done.stderr
