"""However large a file is, and whatever a line of it is: an import keeps a few lines of it and no more."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from labeling.importing import SOURCES
from labeling.models import Project, Prompt, Task
from labeling.services import batches, imports
from labeling.services.imports import ImportReport
from tests import make, process
from tests.labeling.importing.reading import Pieces, in_pieces

MB = 1024 * 1024


def good(numbers: range, characters: int) -> Iterator[bytes]:
    """Lines of prompts, of about so many characters."""
    for n in numbers:
        yield json.dumps({"prompt": f"{n}? {'why ' * (characters // 4)}", "external_id": f"p{n}"}).encode() + b"\n"


def line_of(megabytes: int) -> Iterator[bytes]:
    """One line that would be a good one if it were shorter, in pieces of a megabyte."""
    return chain([b'{"prompt": "'], repeat(b"x" * MB, megabytes), [b'"}\n'])


def whole(pieces: Iterator[bytes]) -> BinaryIO:
    return cast(BinaryIO, Pieces(pieces))


def squeezed(pieces: Iterator[bytes]) -> BinaryIO:
    """The same as gzip: what is 200 MB becomes one small file."""
    return in_pieces(gzip.compress(b"".join(pieces), compresslevel=1), MB)


def read(project: Project, stream: BinaryIO) -> tuple[ImportReport, int]:
    """The report of a file, and how many bytes of memory Python held at most while it was read and stored."""
    by = make.manager(project)
    tracemalloc.start()
    try:
        report = imports.import_lines(project, SOURCES["jsonl"](stream), source="jsonl", by=by)
        return report, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sent_as", [whole, squeezed])
@pytest.mark.django_db
def test_a_line_of_200_megabytes_is_left_out_and_the_others_land(
    sent_as: Callable[[Iterator[bytes]], BinaryIO],
) -> None:
    project = make.project()
    make.queue(project)
    stream = sent_as(chain(good(range(2), 10), line_of(200), good(range(2, 3), 10)))
    report, most = read(project, stream)
    assert (report.imported, report.rejected) == (3, 1)
    (error,) = report.errors
    assert (error.line, "longer than 16 MB" in error.message) == (3, True)
    assert list(Prompt.objects.order_by("pk").values_list("external_id", flat=True)) == ["p0", "p1", "p2"]
    assert Task.objects.count() == 3
    assert most < 64 * MB


@pytest.mark.django_db
def test_a_file_of_many_times_the_size_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 50)
    project = make.project()
    make.queue(project)
    read(project, whole(good(range(50), 2000)))  # what is made once, such as the connection's statements
    _, small = read(project, whole(good(range(50, 250), 2000)))
    report, large = read(project, whole(good(range(250, 2250), 2000)))
    assert report.imported == 2000
    assert large < 1.5 * small


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the kernel keeps no mark of a process's memory here"
)
@pytest.mark.django_db(transaction=True)
def test_a_whole_process_that_reads_a_large_file_stays_small(tmp_path: Path) -> None:
    """`manage.py import_prompts` with 330 MB in one file, of which 300 are a single line."""
    project = make.project(slug="large")
    make.queue(project)
    file = tmp_path / "large.jsonl.gz"
    with gzip.open(file, "wb", compresslevel=1) as stream:
        stream.writelines(chain(good(range(1500), 10_000), line_of(300), good(range(1500, 3000), 10_000)))
    most = _most_memory(child := process.start("manage", "import_prompts", "large", file))
    (output,) = process.finish([child], seconds=1)
    assert "imported 3000, updated 0, unchanged 0, rejected 1" in output
    assert Prompt.objects.filter(project=project).count() == Task.objects.count() == 3000
    assert 20 * MB < most < 300 * MB


def _most_memory(child: subprocess.Popen[str], seconds: float = 300) -> int:
    """How many bytes of memory a process had at most, when it has ended. The kernel keeps the mark."""
    most, end = 0, time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < end:
        status = Path(f"/proc/{child.pid}/status").read_text()
        marks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        most = max([most, *(1024 * int(mark) for mark in marks)])
        time.sleep(0.02)
    return most
