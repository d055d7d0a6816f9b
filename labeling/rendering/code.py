"""Code in colour: Pygments' class names, no styles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from time import monotonic
from typing import Any

from django.utils.html import escape
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

MAX_CODE = 20_000  # characters of one block that are coloured
SECONDS = 0.25

# Languages worth colouring. Lexers are regular expressions over hostile text: a short list of much-used ones, each
# tried with texts made to be slow, is safer than all five hundred.
_NAMES = """
    bash c c++ cpp cs csharp css diff docker dockerfile go graphql haskell html http java javascript js json julia
    kotlin latex lua make makefile perl php powershell py py3 python python3 r rb ruby rs rust scala sh shell sql
    swift tex toml ts tsx typescript xml yaml yml zsh
"""
_LANGUAGES = frozenset(_NAMES.split())
_SAME_AS = {"zsh": "bash", "shell": "bash", "latex": "tex"}

CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)


class _TooSlow(Exception):
    pass


def _lexer(info: str) -> Lexer | None:
    name = (info.split() or [""])[0].lower().strip("{}.")
    return get_lexer_by_name(_SAME_AS.get(name, name)) if name in _LANGUAGES else None


def _within(seconds: float, tokens: Iterable[tuple[Any, str]]) -> Iterator[tuple[Any, str]]:
    end = monotonic() + seconds
    for token in tokens:
        if monotonic() > end:
            raise _TooSlow
        yield token


def highlight(code: str, info: str) -> str:
    """Code as escaped HTML, in spans with class names where the language (the fence's first word) is known.

    A huge block, or one that takes longer than SECONDS, is left without colour.
    """
    lexer = _lexer(info) if len(code) <= MAX_CODE else None
    if lexer is None:
        return escape(code)
    out = StringIO()
    try:
        HtmlFormatter(nowrap=True).format(_within(SECONDS, lexer.get_tokens(code)), out)
    except _TooSlow:
        return escape(code)
    return out.getvalue()
