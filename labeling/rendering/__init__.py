"""Markdown, code and math to safe HTML: one renderer for every screen.

What is rendered was written by models and strangers. Three walls stand between it and the page: the Markdown reader
knows no raw HTML, nh3 then keeps only a short list of elements and attributes, and the content policy of the site
runs no script that is not a file of ours. Pictures are named and never loaded, so a text cannot phone home.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from labeling.rendering.code import CLASSES, highlight
from labeling.rendering.math import math

MAX_MARKDOWN = 100_000  # characters; a longer text is shown as it is
MAX_PLAIN = 1_000_000  # characters; what is beyond is cut off with a note

# How much work one text may make: far above what people and models write (a tenth of a step for each character), and
# an end for text that was made to have none (many thousand unclosed brackets cost the square of their number).
STEPS_BASE = 5_000
STEPS_PER_CHARACTER = 1
MAX_TOKENS = 60_000

_HEADINGS = ("h3", "h4", "h5", "h6")
_DIRECTED = ("p", *_HEADINGS, "ul", "ol", "blockquote", "table")
_TAGS = {
    *("br", "hr", "li", "pre", "code", "em", "strong", "s", "a", "thead", "tbody", "tr", "th", "td", "span", "div"),
    *_DIRECTED,
}


def _keep_attribute(tag: str, attribute: str, value: str) -> str | None:
    # An address without a scheme would lead into this site, dressed as part of a response, and so would `https:/here`.
    if attribute == "href" and not re.match(r"https?://|mailto:", value, re.IGNORECASE):
        return None
    if attribute == "start" and not re.fullmatch(r"\d{1,9}", value):
        return None
    return value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    tag_attribute_values={tag: {"dir": {"auto"}} for tag in _DIRECTED},
    allowed_classes={
        "span": set(CLASSES) | {"math-inline", "math-block", "picture"},
        "div": {"math-block", "plain"},
        "th": {"align-right", "align-center"},
        "td": {"align-right", "align-center"},
        "p": {"prose__note"},
        **{tag: {f"level-{level}" for level in range(1, 7)} for tag in _HEADINGS},
    },
    attribute_filter=_keep_attribute,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow noopener noreferrer",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


class _TooMuch(Exception):
    """The text makes more work than any honest one."""


def _count(env: Any) -> bool:
    env["steps"] -= 1
    if env["steps"] < 0:
        raise _TooMuch
    return False


def _count_inline(state: StateInline, silent: bool) -> bool:
    return _count(state.env)


def _count_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if len(state.tokens) > MAX_TOKENS:
        raise _TooMuch
    return _count(state.env)


def _settle_headings(tokens: Sequence[Token]) -> None:
    """Headings go below the page's own, and none is more than one level below the one before it, so that the page
    keeps an outline. How they look goes by the level that was written: it is a class.
    """
    above: list[int] = []  # the levels, as written, of the headings that this one stands below
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
            token.attrSet("class", f"level-{level}")
        if token.type in ("heading_open", "heading_close"):
            token.tag = _HEADINGS[min(len(above), len(_HEADINGS)) - 1]


def _settle_blocks(state: StateCore) -> None:
    """Each outer block finds its own direction; alignment is a class, no style; an empty corner of a table heads
    nothing.
    """
    _settle_headings(state.tokens)
    for place, token in enumerate(state.tokens):
        if token.level == 0 and token.nesting == 1:
            token.attrSet("dir", "auto")
        if token.type in ("th_open", "td_open"):
            side = str(token.attrs.pop("style", "")).rpartition(":")[2]
            if side in ("right", "center"):
                token.attrSet("class", f"align-{side}")
        if token.type == "th_open" and not state.tokens[place + 1].content.strip():
            token.tag = state.tokens[place + 2].tag = "td"


def _code(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    return f"<pre><code>{highlight(token.content, token.info)}</code></pre>\n"


def _picture(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A picture is named, with its address in words, and not loaded."""
    token = tokens[index]
    name = self.renderInlineAsText(token.children, options, env) or "without a name"
    return f'<span class="picture">[picture: {escape(name)} – {escape(str(token.attrs.get("src", "")))}]</span>'


def _reader() -> MarkdownIt:
    # `breaks`: where a response breaks its lines is part of what is judged.
    md = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False, "breaks": True})
    md.enable(["table", "strikethrough"]).use(math)
    md.inline.ruler.before("text", "count", _count_inline)
    md.block.ruler.before("table", "count", _count_block)
    md.core.ruler.push("settle_blocks", _settle_blocks)
    md.add_render_rule("fence", _code)
    md.add_render_rule("code_block", _code)
    md.add_render_rule("image", _picture)
    return md


_READER = _reader()


def _plain(text: str, note: str) -> str:
    cut = len(text) - MAX_PLAIN
    more = f" The last {cut:,} characters are left out here." if cut > 0 else ""
    return f'<p class="prose__note">{note}{more}</p><div class="plain">{escape(text[:MAX_PLAIN])}</div>'


@lru_cache(maxsize=512)
def _render(text: str) -> str:
    if len(text) > MAX_MARKDOWN:
        return _CLEANER.clean(_plain(text, f"Shown without formatting: it has {len(text):,} characters."))
    try:
        html = _READER.render(text, {"steps": STEPS_BASE + STEPS_PER_CHARACTER * len(text)})
    except (_TooMuch, RecursionError):
        html = _plain(text, "Shown without formatting: its structure is too deep.")
    return _CLEANER.clean(html)


def render_markdown(text: str) -> SafeString:
    """Text as HTML that may stand in any page: Markdown, coloured code, and math in marked elements.

    Math stays TeX in `.math-inline` and `.math-block`, which the page's script draws. A text above MAX_MARKDOWN
    characters, or one built to be slow, is shown as it is with a note. Never raises.
    """
    return mark_safe(_render(text))  # noqa: S308 - it has been through the allow-list
