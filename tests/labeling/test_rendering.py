"""Markdown, code and math become safe HTML, whatever the text is up to."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from labeling import rendering
from labeling.rendering import MAX_MARKDOWN, render_markdown
from labeling.rendering.code import CLASSES, MAX_CODE, highlight
from labeling.rendering.diff import MOST_LINES, diff_html
from tests.labeling.hostile import SLOW, TEXTS

ELEMENTS = set(
    "p br hr h3 h4 h5 h6 ul ol li blockquote pre code em strong s a table thead tbody tr th td span div".split()  # noqa: SIM905
)
VOID = {"br", "hr"}
# None of them is a name that a screen of ours gives a look or a meaning outside rendered text.
KNOWN_CLASSES = CLASSES | {f"level-{n}" for n in range(1, 7)} | {"align-right", "align-center", "picture", "plain"}
KNOWN_CLASSES |= {"math-inline", "math-block", "prose__note"}


class Reader(HTMLParser):
    """Collects every element with its attributes, and minds that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_works() -> None:
    html = render_markdown(
        "# Title\n\nA *b* **c** ~~d~~ `e`\nnew line\n\n- one\n- two\n\n> quote\n\n[link](https://e.org)"
    )
    assert html == (
        '<h3 class="level-1" dir="auto">Title</h3>\n'
        '<p dir="auto">A <em>b</em> <strong>c</strong> <s>d</s> <code>e</code><br>\nnew line</p>\n'
        '<ul dir="auto">\n<li>one</li>\n<li>two</li>\n</ul>\n'
        '<blockquote dir="auto">\n<p>quote</p>\n</blockquote>\n'
        '<p dir="auto"><a href="https://e.org" target="_blank" rel="nofollow noopener noreferrer">link</a></p>\n'
    )


def test_there_are_many_hostile_texts() -> None:
    assert len(set(TEXTS)) >= 130


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_hostile_text_stays_text(text: str) -> None:
    found = Reader(render_markdown(text))
    assert found.open == []
    for tag, attributes in found.found:
        assert tag in ELEMENTS
        for name, value in attributes.items():
            assert name in {"href", "title", "rel", "target", "dir", "class", "start"}
            if name == "href":
                assert re.match("https?://|mailto:", value or "")
            if name == "class":
                assert set((value or "").split()) <= KNOWN_CLASSES


@pytest.mark.parametrize(
    "text",
    [
        "<script>hacked=1</script>",
        "</div></article></form></main><script>hacked=1</script>",
        '<math><mtext><table><mglyph><style><img title="x">',
        "<!-- an unclosed comment",
        "{{ request.user.password }} {% debug %}",
        '"}</script><script>hacked=1</script>',
    ],
)
def test_what_is_no_markdown_reads_as_it_was_written(text: str) -> None:
    assert Reader(render_markdown(text)).text.strip() == text


@pytest.mark.parametrize("address", ["/logout/", "//e.org", "https:/logout/", "http:logout", "HTTPS:../x", "?x", "#x"])
def test_a_link_leads_to_another_site_or_nowhere(address: str) -> None:
    links = [attributes for tag, attributes in Reader(render_markdown(f"[x]({address})")).found if tag == "a"]
    assert all("href" not in attributes for attributes in links)


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


@pytest.mark.parametrize(
    ("levels", "tags"),
    [
        ((1, 2, 3, 4, 5, 6), "h3 h4 h5 h6 h6 h6"),
        ((3,), "h3"),
        ((3, 4, 3), "h3 h4 h3"),
        ((3, 1, 3), "h3 h3 h4"),
        ((1, 6, 2, 4, 1), "h3 h4 h4 h5 h3"),
    ],
)
def test_headings_go_below_the_page_s_own_without_a_gap(levels: tuple[int, ...], tags: str) -> None:
    html = render_markdown("\n".join("#" * level + " x" for level in levels))
    assert re.findall(r'<(h\d) class="level-(\d)" dir="auto">', html) == [
        (tag, str(level)) for tag, level in zip(tags.split(), levels, strict=True)
    ]


def test_an_empty_corner_of_a_table_is_no_heading() -> None:
    html = render_markdown("| | a |\n|---|---|\n| b | 1 |")
    assert "<thead>\n<tr>\n<td></td>\n<th>a</th>\n</tr>\n</thead>" in html


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
    half = MAX_MARKDOWN // 2
    for text in ("> " * (half - 1) + "x", "- " * (half - 1) + "x", "[" * half + "]" * half, "*_" * half):
        assert Reader(render_markdown(text)).open == []


def test_a_difference_of_long_texts_shows_what_differs_and_what_is_near() -> None:
    lines = [f"Line {n} says something.\n" for n in range(3 * MOST_LINES)]
    changed = [*lines[:9], "A new line.\n", *lines[10:]]
    shown = re.sub(r"<[^>]+>", "", diff_html("".join(lines), "".join(changed)))
    assert "new" in shown
    assert "Line 8 says" in shown
    assert "Line 30 says" not in shown
    # Where too much lies between the first and the last change, it is shown as gone and come anew.
    twice = [*changed[:-9], "Another new one.\n", *changed[-8:]]
    long = diff_html("".join(lines), "".join(twice))
    assert (long.count("<del>"), long.count("<ins>")) == (1, 1)
    assert "Line 2 says" not in long
