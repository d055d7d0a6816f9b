"""Rows that a model is later tested on: what a benchmark and an export have in common.

Brown et al. 2020 (“Language Models are Few-Shot Learners”, appendix C) call a text contaminated that has 13 words in a
row in common with a benchmark, or the whole of a benchmark text that is shorter. Words are lower case, divided at white
space and without punctuation. Here a character of a script that puts no spaces between words is a word.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.errors import Invalid
from labeling.text import normalised

# Words in a row that two texts have in common by chance next to never.
WORDS = 13
# A whole text of fewer words (“Yes”, “42”, the name of a subject) says nothing of where it comes from.
FEWEST = 3
# Runs of words that a benchmark may have in all: eight bytes each, and three times as much for the moment of sorting.
MOST = 5_000_000

# Thai, Lao, Burmese and Khmer letters; kana; Chinese characters. Hangul has spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    bare = "".join(letter for letter in normalised(text) if unicodedata.category(letter)[0] not in "PS")
    return _WORD.findall(bare)


@dataclass(frozen=True)
class Benchmark:
    """The runs of words of a benchmark, as sorted hashes. `texts` counts what was read, `ignored` the too short."""

    known: array[int]
    texts: int = 0
    ignored: int = 0

    @classmethod
    def read(cls, lines: Iterable[str]) -> Benchmark:
        """A benchmark from lines. Of a line that is JSON every text in it counts by itself, else the line is one text.

        Raises Invalid where there is nothing to compare with, and where it holds more than `MOST` runs of words.
        """
        found = array("Q")
        read = ignored = 0
        for line in lines:
            for text in _texts_of(line):
                runs = _runs(words(text))
                read += 1
                ignored += not runs
                found.extend(map(_hash, runs))
                if len(found) > MOST:
                    raise Invalid(
                        f"The benchmark has more than {MOST:,} runs of {WORDS} words, which is more than one export "
                        "compares with. Give a part of it at a time."
                    )
        if not found:
            raise Invalid(f"The benchmark has no text of {FEWEST} words or more, so there is nothing to compare with.")
        return cls(_sorted(found), read, ignored)

    @property
    def as_bytes(self) -> bytes:
        """Its runs, eight bytes each with the lowest first, which `of_bytes` reads."""
        import numpy

        return numpy.frombuffer(self.known, dtype=numpy.uint64).astype("<u8").tobytes()

    @classmethod
    def of_bytes(cls, kept: bytes) -> Benchmark:
        """A benchmark that was kept. How many texts it was made of is not known any more."""
        import numpy

        known = array("Q")
        known.frombytes(numpy.frombuffer(kept, dtype="<u8").astype(numpy.uint64).tobytes())
        return cls(known)

    def matches(self, texts: Iterable[str]) -> bool:
        """Whether one of these texts has a run of words, or the whole of a short text, in common with the benchmark."""
        import numpy

        known = numpy.frombuffer(self.known, dtype=numpy.uint64)
        for text in texts:
            hashes = numpy.fromiter(map(_hash, _runs(words(text))), dtype=numpy.uint64)
            at = numpy.minimum(numpy.searchsorted(known, hashes), len(known) - 1)
            if bool((known[at] == hashes).any()):
                return True
        return False


def benchmark_in(name: str) -> Benchmark | None:
    """The benchmark in a file, None without a name. Raises Invalid where it cannot be read."""
    if not name:
        return None
    try:
        with Path(name).open(encoding="utf-8") as lines:
            return Benchmark.read(lines)
    except OSError as error:
        raise Invalid(f"{name} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} is no text in UTF-8.") from error


def _runs(found: Sequence[str]) -> list[str]:
    """Every run of so many words; of a shorter text the whole, unless it is too short to say anything."""
    if len(found) >= WORDS:
        return [" ".join(found[start : start + WORDS]) for start in range(len(found) - WORDS + 1)]
    return [" ".join(found)] if len(found) >= FEWEST else []


def _hash(run: str) -> int:
    digest = hashlib.blake2b(run.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _sorted(found: array[int]) -> array[int]:
    import numpy

    known = array("Q")
    known.frombytes(numpy.unique(numpy.frombuffer(found, dtype=numpy.uint64)).tobytes())
    return known


def _texts_of(line: str) -> Iterator[str]:
    line = line.strip().removeprefix("\ufeff")
    if line[:1] in ("{", "[", '"'):
        try:
            yield from _texts(json.loads(line))
            return
        except (ValueError, RecursionError):
            pass  # a text that begins so
    if line:
        yield line


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, but not the names of its fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
