"""Markdown, code and math become safe HTML, whatever the text is up to."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from labeling import rendering
from labeling.rendering import render_markdown
from labeling.rendering.code import MAX_CODE, highlight
from tests.labeling.hostile import SLOW, TEXTS

ELEMENTS = set(
    "p br hr h3 h4 h5 h6 ul ol li blockquote pre code em strong s a table thead tbody tr th td span div".split()  # noqa: SIM905
)
VOID = {"br", "hr"}


class Reader(HTMLParser):
    """Collects every element with its attributes, and minds that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_works() -> None:
    html = render_markdown(
        "# Title\n\nA *b* **c** ~~d~~ `e`\nnew line\n\n- one\n- two\n\n> quote\n\n[link](https://e.org)"
    )
    assert html == (
        '<h3 dir="auto">Title</h3>\n'
        '<p dir="auto">A <em>b</em> <strong>c</strong> <s>d</s> <code>e</code><br>\nnew line</p>\n'
        '<ul dir="auto">\n<li>one</li>\n<li>two</li>\n</ul>\n'
        '<blockquote dir="auto">\n<p>quote</p>\n</blockquote>\n'
        '<p dir="auto"><a href="https://e.org" target="_blank" rel="nofollow noopener noreferrer">link</a></p>\n'
    )


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_hostile_text_stays_text(text: str) -> None:
    found = Reader(render_markdown(text))
    assert found.open == []
    for tag, attributes in found.found:
        assert tag in ELEMENTS
        for name, value in attributes.items():
            assert name in {"href", "title", "rel", "target", "dir", "class", "start"}
            if name == "href":
                assert re.match("https?://", value or "")
            if name == "class":
                assert not {"dock", "candidate__head"} & set((value or "").split())


def test_every_link_opens_elsewhere_and_tells_nothing() -> None:
    links = [
        attributes for tag, attributes in Reader(render_markdown("[a](https://a.b) <http://c.d>")).found if tag == "a"
    ]
    assert len(links) == 2
    for attributes in links:
        assert attributes["target"] == "_blank"
        assert attributes["rel"] == "nofollow noopener noreferrer"


def test_a_picture_is_named_and_not_loaded() -> None:
    html = render_markdown("![a cat](https://evil.example/cat.png)")
    assert "[picture: a cat – https://evil.example/cat.png]" in html
    assert "<img" not in html


def test_tables_keep_their_alignment_without_styles() -> None:
    html = render_markdown("| a | b | c |\n|---|:-:|--:|\n| 1 | 2 | 3 |")
    assert '<td class="align-center">2</td>' in html
    assert '<td class="align-right">3</td>' in html
    assert "style" not in html


def test_code_is_coloured_by_classes() -> None:
    html = render_markdown('```python\ndef f():\n    return "<b>"\n```')
    assert '<span class="k">def</span>' in html
    assert "&lt;b&gt;" in html
    assert "style" not in html


@pytest.mark.parametrize("info", ["", "nonsense", "python3000", "../../etc", 'python" onload="x', "<b>"])
def test_an_unknown_language_is_plain_code(info: str) -> None:
    assert render_markdown(f"```{info}\n1 < 2\n```") == "<pre><code>1 &lt; 2\n</code></pre>\n"


def test_code_that_is_huge_is_not_coloured() -> None:
    assert "<span" not in highlight("x = 1\n" * MAX_CODE, "python")


def test_code_that_takes_too_long_is_not_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.rendering.code.SECONDS", -1.0)
    assert highlight("if a < b: pass", "python") == "if a &lt; b: pass"


@pytest.mark.parametrize(
    ("text", "math"),
    [
        ("$a<b$", "a&lt;b"),
        ("so $x$.", "x"),
        (r"\(x^2\)", "x^2"),
        ("an $x_1$ and $5", "x_1"),
        (r"$a\$b$", r"a\$b"),
        ("$f(x)$ of 10", "f(x)"),
    ],
)
def test_math_in_a_line(text: str, math: str) -> None:
    assert re.findall(r'<span class="math-inline">(.*?)</span>', render_markdown(text)) == [math]


@pytest.mark.parametrize(
    "text", ["costs $5 and $10", "US$ and A$", r"\$x\$", "$ x $", "$$", "$", r"\(", r"\( \)", "`$x$`"]
)
def test_prices_and_single_signs_are_no_math(text: str) -> None:
    assert "math" not in render_markdown(text)


@pytest.mark.parametrize("text", ["$$\na\n- b\n$$", "\\[\na\n- b\n\\]", "\\[ a\n- b \\]", "text\n$$a\n- b$$"])
def test_math_in_a_block(text: str) -> None:
    assert re.findall(r'<(div|span) class="math-block">a\n- b</', render_markdown(text)) == ["div"]


@pytest.mark.parametrize("text", ["$$\na", "\\[\na\n\n\\]"])
def test_math_without_an_end_in_sight_is_text(text: str) -> None:
    assert "math-block" not in render_markdown(text)


def test_each_block_finds_its_own_direction() -> None:
    html = render_markdown("English\n\nعربي\n\n- فارسی\n\n  second\n")
    assert html.count('<p dir="auto">') == 2
    # A paragraph inside a list must not have one: the list would then find no text to go by.
    assert '<ul dir="auto">\n<li>\n<p>' in html


def test_headings_go_below_the_page_s_own() -> None:
    assert re.findall(r"<(h\d)", render_markdown("\n".join("#" * n + " x" for n in range(1, 7)))) == [
        *("h3", "h4", "h5", "h6", "h6", "h6")
    ]


@pytest.mark.parametrize("piece", SLOW, ids=range(len(SLOW)))
def test_text_made_to_be_slow_takes_a_bounded_number_of_steps(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    env = {"steps": rendering.STEPS_BASE + rendering.STEPS_PER_CHARACTER * len(text)}
    most = env["steps"]
    try:
        rendering._READER.render(text, env)
    except rendering._TooMuch:
        assert "Shown without formatting" in render_markdown(text)
    else:
        assert 0 <= env["steps"] <= most
    assert Reader(render_markdown(text)).open == []


def test_a_megabyte_is_shown_as_it_is_with_a_note() -> None:
    html = render_markdown("**x** <b>" * 150_000)
    assert html.startswith(
        '<p class="prose__note">Shown without formatting: it has 1,350,000 characters. The last 350,000'
    )
    assert html.count("**x** &lt;b&gt;") == 111_111


def test_deep_nesting_is_survived() -> None:
    for text in ("> " * 5000 + "x", "- " * 5000 + "x", "[" * 5000 + "]" * 5000, "*" * 5000 + "x" + "*" * 5000):
        assert Reader(render_markdown(text)).open == []
