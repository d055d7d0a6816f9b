r"""Math in Markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, all of which models write.

Nothing is typeset here. The TeX goes, escaped, into `.math-inline` and `.math-block`, and the page's script draws it.
Dollars follow Pandoc's rule (extension tex_math_dollars), so that prices are no math: no white space inside the
dollars, no digit after the closing one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_PAIRS = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}
_MOST_LINES = 60  # of one block; a search for the end of a block must itself have an end
_NOWHERE = "math_nowhere"


def _escaped(text: str, position: int) -> bool:
    backslashes = 0
    while position - backslashes > 0 and text[position - backslashes - 1] == "\\":
        backslashes += 1
    return backslashes % 2 == 1


def _find_end(state: StateInline, closing: str) -> int:
    """Where the closing mark stands, or -1. That there is none is remembered: many openings must not search it anew."""
    memo = state.env.setdefault(_NOWHERE, {})
    known = memo.get(closing)
    if known and known[0] is state.src and known[1] <= state.pos:
        return -1
    end = state.src.find(closing, state.pos + len(closing), state.posMax)
    while end >= 0 and closing[0] == "$" and _escaped(state.src, end):
        end = state.src.find(closing, end + 1, state.posMax)
    if end < 0 and state.posMax == len(state.src):
        memo[closing] = (state.src, state.pos)
    return end


def _inline(state: StateInline, silent: bool) -> bool:
    text, start = state.src, state.pos
    if text[start] not in "$\\":
        return False
    opening = next((mark for mark in _PAIRS if text.startswith(mark, start)), None)
    if opening is None or (opening[0] == "$" and start > 0 and text[start - 1].isdigit()):
        return False
    end = _find_end(state, _PAIRS[opening])
    content = text[start + len(opening) : end] if end >= 0 else ""
    after = end + len(opening)
    if not content.strip():
        return False
    if opening == "$" and (content != content.strip() or text[after : after + 1].isdigit()):
        return False
    if not silent:
        token = state.push("math_inline" if opening in ("$", r"\(") else "math_display", "math", 0)
        token.content, token.markup = content, opening
    state.pos = after
    return True


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """From a line that starts with `$$` or `\\[` to the line that ends with its closing mark, no empty line between."""
    if state.is_code_block(start_line):
        return False
    begin = state.bMarks[start_line] + state.tShift[start_line]
    opening = state.src[begin : begin + 2]
    if opening not in ("$$", r"\["):
        return False
    last = None
    for line in range(start_line, min(end_line, start_line + _MOST_LINES)):
        first = line == start_line
        content = state.src[begin + 2 if first else state.bMarks[line] : state.eMarks[line]].rstrip()
        if not content and not first:
            return False
        if content.endswith(_PAIRS[opening]):
            last = line
            break
    if last is None:
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        whole = state.getLines(start_line, last + 1, state.blkIndent, False).strip()
        token.block, token.map, token.markup = True, [start_line, last + 1], opening
        token.content = whole.removeprefix(opening).removesuffix(_PAIRS[opening])
        state.line = last + 1
    return True


def _draw(element: str, name: str, end: str = "") -> Any:
    def rule(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f'<{element} class="{name}">{escape(tokens[index].content.strip())}</{element}>{end}'

    return rule


def math(md: MarkdownIt) -> None:
    """The plug-in: `MarkdownIt().use(math)`."""
    md.inline.ruler.before("escape", "math", _inline)
    md.block.ruler.before("fence", "math", _block, {"alt": ["paragraph", "blockquote", "list"]})
    md.add_render_rule("math_inline", _draw("span", "math-inline"))
    md.add_render_rule("math_display", _draw("span", "math-block"))
    md.add_render_rule("math_block", _draw("div", "math-block", "\n"))
