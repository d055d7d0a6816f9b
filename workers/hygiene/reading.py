"""How the checks read a text: what of it is prose, what was asked for, and how a piece of it is quoted."""

import re
import unicodedata
from collections.abc import Iterator

from workers.hygiene.base import Response

MOST = 50_000  # characters of a text that a check looks at
_QUOTED = 60  # characters

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
# Nothing here can stand between two matches of a repeated group, so that none of these goes back and forth.
_NOT_PROSE = re.compile(
    r"`[^`\n]{1,500}`"  # code within a line
    r"|\$\$[^$]{1,2000}\$\$|\$[^$\n]{1,300}\$|\\\([^\n]{1,300}?\\\)|\\\[[^\]]{1,2000}\]"  # maths
    r"|https?://\S{1,500}|www\.\S{1,500}|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}"  # addresses
    r"|</?[A-Za-z][^<>\n]{0,300}>"  # tags
)
# Written without spaces between words: Chinese, Japanese, Korean (a syllable weighs like two letters), Thai, Lao,
# Burmese, Khmer.
_WIDE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


def quoted(text: str) -> str:
    """A short excerpt in quotation marks, in one line that can be stored and shown."""
    # A slice first: only so much can be shown, whatever stands between the letters.
    line = " ".join("".join(_shown(letter) for letter in text[: 4 * _QUOTED]).split())
    cut = len(line) > _QUOTED or len(text) > 4 * _QUOTED
    return f"“{line[:_QUOTED].rstrip()}…”" if cut else f"“{line}”"


def quoted_end(text: str) -> str:
    """The end of a text in quotation marks, from the beginning of a word where there is one near."""
    line = " ".join("".join(_shown(letter) for letter in text[-4 * _QUOTED :]).split())
    if len(line) <= _QUOTED and len(text) <= 4 * _QUOTED:
        return f"“{line}”"
    end = line[-_QUOTED:]
    _, space, from_word = end.partition(" ")
    return f"“…{from_word if space and len(from_word) > _QUOTED // 2 else end}”"


def _shown(letter: str) -> str:
    """A character as a stored line has it: no control characters, and no half of a surrogate pair."""
    kind = unicodedata.category(letter)
    return " " if kind in ("Cc", "Zl", "Zp") else "\ufffd" if kind == "Cs" else letter


def folded(text: str) -> str:
    """A text with Unicode composed, case folded and white space collapsed: the same for what reads the same.

    As far as it is looked at.
    """
    # Cut once more: one character may become eighteen.
    return " ".join(unicodedata.normalize("NFKC", text[:MOST])[:MOST].casefold().split())


def lines_outside_code(text: str) -> Iterator[str]:
    """The lines that stand in no code fence; those of a fence that is never closed are not among them."""
    fence = ""
    for line in text.splitlines():
        fence, inside = after_line(line, fence)
        if not inside:
            yield line


def after_line(line: str, fence: str) -> tuple[str, bool]:
    """The code fence that is open after a line (blank for none), and whether the line belongs to one.

    As CommonMark has it: a fence is closed by as many marks of its kind or more, with nothing behind them.
    """
    found = _FENCE.match(line)
    if not found:
        return fence, bool(fence)
    marks, rest = found[1], found[2]
    if not fence:
        # Behind backticks that open a fence there are none: ```so``` is code within a line. A long row of tildes
        # underlines a heading.
        opens = "`" not in rest if marks[0] == "`" else len(marks) < 5 or bool(rest.strip())
        return (marks, True) if opens else ("", False)
    closes = marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip()
    return ("" if closes else fence), True


def open_fence(text: str) -> bool:
    """Whether a text ends inside a code fence."""
    fence = ""
    for line in text.splitlines():
        fence, _ = after_line(line, fence)
    return bool(fence)


def prose(text: str) -> str:
    """A text without code, maths, addresses and tags, as far as it is looked at."""
    outside = "\n".join(lines_outside_code(text[:MOST]))
    return _NOT_PROSE.sub(" ", outside)


def weight(text: str) -> int:
    """How much there is to read: letters and digits, where a sign that stands for a syllable or a word counts twice."""
    return sum(map(str.isalnum, text)) + len(_WIDE.findall(text))


def wide(text: str) -> bool:
    """Whether a text is mostly written without spaces between words."""
    return 2 * len(_WIDE.findall(text)) > sum(map(str.isalnum, text))


def asked(response: Response) -> str:
    """All that the model was told: the system prompt and the messages, the last of them first, as far as is read."""
    told = [message.get("content", "") for message in reversed(response.messages)]
    return "\n".join([*told, response.system])[:MOST]


def last_message(response: Response) -> str:
    """What the response answers."""
    return response.messages[-1].get("content", "") if response.messages else ""
