"""How many tokens a text has: by a rule of thumb, or by the tokenizer of a model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from labeling.errors import Fault, Invalid

Count = Callable[[str], int]

# What a chat template adds to each message: a token to begin and to end it, its role, line feeds.
EACH_MESSAGE = 5
# Tokenizers in use make some four bytes of English and three of code, Chinese or Japanese into one token.
BYTES = 3

# The name of a folder: no path.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def estimate(text: str) -> int:
    """A text's tokens by its length: a third of its bytes as UTF-8, rounded up. Of English rather too many."""
    return -(-len(text.encode()) // BYTES)


def chosen(folder: Path, tokenizer: str) -> Count:
    """What counts as it is asked for: with a tokenizer out of a folder of models, or without one by length."""
    return counter(folder, tokenizer) if tokenizer else estimate


def counter(folder: Path, name: str) -> Count:
    """Counts with `tokenizer.json` of the model called `name` in a folder of models.

    Needs the library tokenizers, which comes with what generates responses; the web process must not call this. Raises
    Invalid that says what is missing.
    """
    file = folder / name / "tokenizer.json"
    if not NAME.fullmatch(name) or not file.is_file():
        known = ", ".join(sorted(path.parent.name for path in folder.glob("*/tokenizer.json"))) or "none yet"
        raise _unknown(f"There is no tokenizer “{name}” in {folder}. There are: {known}.")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _unknown(
            "To count with a tokenizer, install the library tokenizers: it comes with annotate[generate]."
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise _unknown(f"{file} cannot be read as a tokenizer: {error}") from error
    # Control tokens in a text are counted as the tokenizer of a trainer would see them, its own are EACH_MESSAGE.
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _unknown(said: str) -> Invalid:
    return Invalid(said, errors=[Fault("tokenizer", said)])
