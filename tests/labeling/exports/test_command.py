"""`manage.py export`: a whole file or none, and a report beside it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command, load_command_class

from labeling.exports import stream
from labeling.exports.settings import SETTINGS
from labeling.models import Project, Queue, User
from tests import make, process
from tests.labeling.exports.answering import answered
from tests.labeling.exports.tiny import tokenizer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(ann: User) -> Project:
    made = make.project(annotators=[ann], slug="haiku")
    make.imported(made, 2)
    make.written(make.queue(made, slug="write"), ann, "Mine.")
    return made


def test_it_works(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "train.jsonl"
    call_command("export", "haiku", format="sft", out=str(out))
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["messages"][-1]["content"] == "Mine."
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "1 row from 1 prompt," in printed.err
    assert hashlib.sha256(out.read_bytes()).hexdigest() in printed.err
    assert list(tmp_path.iterdir()) == [out]
    mask = os.umask(0o022)
    os.umask(mask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~mask


def test_every_setting_can_be_given(
    project: Project, ann: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "rows.jsonl")
    make.imported(project, 1, candidates=2, start=7)
    edit = make.queue(project, preset="edit")
    answered(edit, ann, edit={"candidate": "Answer 0 to 7", "text": "Edited."})
    call_command("export", "haiku", format="preference", edits="only", pairs="all", out=out)
    assert "1 row from 1 prompt," in capsys.readouterr().err
    with pytest.raises(CommandError, match="nothing to export"):
        call_command("export", "haiku", format="preference", edits="none", out=out)
    answered(make.queue(project, preset="kto"), ann, thumbs={"Answer 0 to 7": 1, "Answer 1 to 7": 0})
    call_command("export", "haiku", format="kto", out=out)
    assert "1 labelled true, 1 labelled false." in capsys.readouterr().err
    call_command("export", "haiku", format="sft", style="standard", out=out)
    assert [json.loads(line)["text"] for line in Path(out).read_text().splitlines()] == [
        "Question 7? Edited.",  # it leads, for its candidates
        "Question 0? Mine.",
    ]


def test_every_setting_is_an_option() -> None:
    parser = load_command_class("labeling.exports", "export").create_parser("manage.py", "export")
    given = [f"{setting.option}={setting.default_text or 'x'}" for setting in SETTINGS]
    found = parser.parse_args(["haiku", "--format", "sft", *given])
    for setting in SETTINGS:
        assert getattr(found, setting.name) == (setting.default_text or "x")
    told = parser.format_help()
    assert "--min-raters" in told
    assert "best_vs_random" in told


def test_a_benchmark_is_kept_clear_of(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make.written(Queue.objects.get(slug="write"), make.manager(project), "Out of a book of tests")
    file, out = tmp_path / "benchmark.jsonl", tmp_path / "train.jsonl"
    file.write_text('{"question": "out of a book of tests!"}\n')
    call_command("export", "haiku", format="sft", benchmark=str(file), out=str(out))
    assert "Left out: 1 rows that share words with the benchmark." in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 1
    for broken, said in ((b"\xff\xfe", "no text in UTF-8"), (b"Yes", "3 words or more")):
        file.write_bytes(broken)
        with pytest.raises(CommandError, match=said):
            call_command("export", "haiku", format="sft", benchmark=str(file), out=str(out))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("export", "haiku", format="sft", benchmark=str(tmp_path / "missing"), out=str(out))


def test_tokens_are_counted_with_a_model_of_the_platform(
    project: Project, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ANNOTATE_HOME = tmp_path
    (tmp_path / "models" / "small").mkdir(parents=True)
    tokenizer().backend_tokenizer.save(str(tmp_path / "models" / "small" / "tokenizer.json"))
    given = {"format": "sft", "tokenizer": "small", "out": str(tmp_path / "train.jsonl")}
    call_command("export", "haiku", **given, max_tokens="100")
    assert "1 row from 1 prompt," in capsys.readouterr().err
    with pytest.raises(CommandError, match="1 rows with more tokens"):
        call_command("export", "haiku", **given, max_tokens="11")
    with pytest.raises(CommandError, match="There are: small"):
        call_command("export", "haiku", **given | {"tokenizer": "large"}, max_tokens="11")


def test_what_is_no_file_is_written_to_and_stays(project: Project, tmp_path: Path) -> None:
    """As root, a file put in the place of a device would take the device away from the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Open for reading first, or the writer would wait for a reader; a row fits into the pipe's own memory.
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        call_command("export", "haiku", format="sft", out=str(pipe))
        assert json.loads(os.read(reader, 65536))["messages"][-1]["content"] == "Mine."
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export", "haiku", format="sft", out=str(tmp_path))


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "manage.py", "export", *arguments],
        cwd=process.ROOT,
        env=os.environ | {"DATABASE_URL": process.database_url()},
        capture_output=True,
    )


def test_a_pipe_gets_the_rows_and_nothing_else(project: Project) -> None:
    done = run("haiku", "--format", "raw", "--queue", "write")
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["queue"] == "write"
    assert b"1 row from 1 prompt," in done.stderr


def test_an_empty_export_ends_with_an_error_and_leaves_no_file(project: Project, tmp_path: Path) -> None:
    done = run("haiku", "--format", "preference", "--out", str(tmp_path / "pairs.jsonl"))
    assert done.returncode == 1
    assert b"nothing to export" in done.stderr
    assert done.stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_a_file_from_before_stays_when_there_is_nothing_new(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "pairs.jsonl"
    out.write_text("before\n")
    with pytest.raises(CommandError, match="nothing to export"):
        call_command("export", "haiku", format="preference", out=str(out))
    assert out.read_text() == "before\n"


def test_a_failure_on_the_way_leaves_no_half_file(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "train.jsonl"
    out.write_text("before\n")

    def broken(self: stream.Export) -> bytes:
        raise psycopg.OperationalError("the server closed the connection")

    monkeypatch.setattr(stream.Export, "__next__", broken)
    with pytest.raises(psycopg.OperationalError):
        call_command("export", "haiku", format="sft", out=str(out))
    assert out.read_text() == "before\n"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"project": "nowhere", "format": "sft"}, "no project “nowhere”"),
        ({"project": "haiku", "format": "xml"}, "Known: sft"),
        ({"project": "haiku", "format": "sft", "queue": "nowhere"}, "It has: write"),
        ({"project": "haiku", "format": "sft", "edits": "some"}, "over_original, over_worse"),
        ({"project": "haiku", "format": "sft", "style": "chat"}, "conversational, standard"),
        ({"project": "haiku", "format": "sft", "split": "dev"}, "train, validation, test"),
        ({"project": "haiku", "format": "sft", "out": "/nowhere/at/all.jsonl"}, "cannot be written"),
    ],
)
def test_mistakes_are_said_in_words(project: Project, given: dict[str, str], said: str) -> None:
    slug = given.pop("project")
    with pytest.raises(CommandError, match=said):
        call_command("export", slug, **given)


def test_a_reader_that_goes_away_is_no_crash(project: Project) -> None:
    make.imported(project, 3000, start=10)
    running = subprocess.Popen(
        [sys.executable, "manage.py", "export", "haiku", "--format", "prompts"],
        cwd=process.ROOT,
        env=os.environ | {"DATABASE_URL": process.database_url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout
    assert running.stderr
    running.stdout.read(10)
    running.stdout.close()
    said = running.stderr.read()
    running.stderr.close()
    assert running.wait(timeout=60) == 1
    assert b"Nobody reads the output" in said
    assert b"Traceback" not in said
