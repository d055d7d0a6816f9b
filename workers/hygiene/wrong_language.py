"""``wrong_language``: a response in another language than it should be in.

The language is told by py3langid (Lui and Baldwin 2012, "langid.py", with a newer model): naive Bayes over byte
n-grams. Its probabilities are even enough to be believed, but only for prose of some length.
"""

import re
from collections.abc import Iterator

from workers.hygiene import languages
from workers.hygiene.base import Action, Response
from workers.hygiene.reading import MOST, asked, last_message, prose, quoted, weight

# Letters that it takes to be sure of a response, of one in a related language, and of a prompt.
_LEAST, _LEAST_RELATED, _LEAST_PROMPT = 60, 120, 25
_LEAST_PART = 15
_SURE = 0.9
_PARTS = 24  # pieces of a text that are looked at on their own
_SPLIT = re.compile(r"\n+|[:：]\s|[\"“”«»„「」『』]|(?<=[.!?。！？])\s*(?=\S)")
# A text is to be carried into another language.
_TRANSLATES = re.compile(
    r"translat|bilingual|übersetz|tradu[ciz]|traduis|tradurre|vertaal|vertal|перев[её]|перевод|翻译|翻譯|译成|译为|翻訳|訳し"
    r"|번역|çevir|tercüme|tłumacz|översätt|oversæt|oversett|ترجم|अनुवाद|dịch\b|terjemah",
    re.IGNORECASE,
)
# Languages are what the prompt is about. A system prompt that speaks of them says "in the language of the user".
_ABOUT_LANGUAGES = re.compile(
    r"\blanguages?\b|sprache|\blangues?\b|\bidiomas?\b|\blenguas?\b|\blínguas?\b|\blingua\b|\btaal\b|язык|语言|語言|言語|언어"
    r"|\bdil(?:de|inde|e)?\b|język|\bspråk|\bsprog|لغة|भाषा",
    re.IGNORECASE,
)


class WrongLanguage:
    """In another language than the prompt's tag says or, without one, than the prompt is clearly in."""

    name = "wrong_language"
    title = "Wrong language"
    help = "The response is in another language than its prompt."
    action: Action = "mark"

    def find(self, response: Response) -> str | None:
        """Says nothing about short texts, code, prompts about languages, and texts in more languages than one."""
        text = prose(response.text)
        read = weight(text)
        if read < _LEAST:
            return None
        told = asked(response)
        if _TRANSLATES.search(told) or any(_ABOUT_LANGUAGES.search(text) for text in _turns(response)):
            return None
        found = _language(text)
        wanted = _wanted(response)
        if not found or not wanted or languages.alike(found, wanted) or found in languages.named(told):
            return None
        if languages.related(found, wanted) and read < _LEAST_RELATED:
            return None
        if _has_part_in(text, wanted) or _has_both(response, found, wanted):
            return None
        says = "its prompt is marked as" if languages.code(response.language) else "its prompt is in"
        return (
            f"The response is in {languages.name(found)}, and {says} {languages.name(wanted)}: {quoted(text.strip())}."
        )


def _language(text: str) -> str:
    """The language that a text is in; blank where that is not sure, or where it is none of the known ones."""
    shares = languages.shares(text)
    if not shares:
        return ""
    found = next(iter(shares))
    return found if found in languages.NAMES and languages.share(shares, found) >= _SURE else ""


def _wanted(response: Response) -> str:
    """The language that the response should be in; blank where nobody can say."""
    if response.language.strip():
        return languages.code(response.language)
    text = prose(last_message(response))
    if weight(text) < _LEAST_PROMPT:
        return ""
    return _language(text)


def _parts(text: str) -> Iterator[str]:
    """Sentences, quotations and lines, as far as they are long enough to tell anything."""
    found = (part for part in _SPLIT.split(text) if weight(part) >= _LEAST_PART)
    for _, part in zip(range(_PARTS), found, strict=False):
        yield part


def _has_part_in(text: str, language: str) -> bool:
    """Whether some part of a text is more likely in this language than not."""
    return any(languages.share(languages.shares(part), language) > 0.5 for part in _parts(text))


def _turns(response: Response) -> list[str]:
    """What was said in the conversation: all messages but the system's, which may be in a language of its own."""
    return [message.get("content", "")[:MOST] for message in response.messages if message.get("role") != "system"]


def _has_both(response: Response, found: str, wanted: str) -> bool:
    """Whether the conversation goes on in both languages, or has a text in one and what is asked about it in the other.

    Where it is all in one language that is not the declared one, nothing follows: the tag says what is wanted.
    """
    told = [prose(text) for text in _turns(response)]
    return any(_has_part_in(text, found) for text in told) and any(_has_part_in(text, wanted) for text in told)
