"""YAML for the front matter of a dataset card: a small emitter for plain values, so that no library is needed.

What it writes is read alike by YAML 1.1 (PyYAML) and 1.2 (the Hub's js-yaml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

# Texts that need no quotes anywhere: they begin with a letter and hold nothing that YAML reads as a sign.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
# Words that some version of YAML reads as a truth value or as nothing: `no` is Norwegian to us and false to YAML 1.1.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# What stands in double quotes as it is: printable characters, but for the quote, the backslash, and the line ends of
# Unicode (U+0085, U+2028, U+2029), byte order marks and noncharacters, which readers fold or refuse.
_ESCAPED = re.compile("[^ !#-\\[\\]-~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def front_matter(values: Mapping[str, object]) -> str:
    """The values between two lines of `---`, in their order.

    They are mappings with names of text, sequences, texts, booleans and integers, in any depth. Raises TypeError for
    anything else: a float or a date would not come back as it was from every reader.
    """
    return "".join(f"{line}\n" for line in ("---", *_mapping(values), "---"))


def _mapping(values: Mapping[str, object]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, (Mapping, Sequence)) and not isinstance(value, str) and value:
            yield f"{_text(name)}:"
            yield from _block(value)
        else:
            yield f"{_text(name)}: {_scalar(value)}"


def _block(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"  {line}" for line in _mapping(value))
    elif isinstance(value, Sequence):
        for item in value:
            lines = [_scalar(item)] if _is_scalar(item) else [line.removeprefix("  ") for line in _block(item)]
            yield f"  - {lines[0]}"
            yield from (f"    {line}" for line in lines[1:])


def _is_scalar(value: object) -> bool:
    return isinstance(value, str) or not isinstance(value, (Mapping, Sequence)) or not value


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping) and not value:
        return "{}"
    if isinstance(value, Sequence) and not value:
        return "[]"
    raise TypeError(f"front matter has no way to write {value!r}")


def _text(text: str) -> str:
    """A text that comes back as a text: in double quotes unless it is plainly one."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if character in '"\\':
        return "\\" + character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
