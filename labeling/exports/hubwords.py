"""The words that the Hugging Face Hub knows: what a dataset card may name languages, sizes and tags.

From the Hub's own documentation (hub-docs, datasetcard.md). A word that it does not know makes it refuse the card, so
what is not here is told in the text instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

# ISO 639-1. Of ISO 639-2 and -3 the Hub takes every code, which are too many to list: they have three letters.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_TWO_LETTERS = frozenset(_CODES.split())
# Codes of three letters that name no language: undetermined, several, none, uncoded, and those for local use.
_NO_LANGUAGE = re.compile(r"und|mul|zxx|mis|q[a-t][a-z]")

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")

# What people look for, by format. Of one that is not here the name itself is the tag.
_TAGS = {
    "sft": ("sft",),
    "prompt-completion": ("sft",),
    "preference": ("preference", "dpo"),
    "reward": ("preference", "reward-model"),
    "kto": ("kto",),
    "prompts": ("prompts", "grpo"),
    "raw": ("raw-annotations",),
}

# Formats whose rows hold what people wrote.
_WITH_WRITTEN = {"sft", "prompt-completion", "openai-sft", "alpaca", "sharegpt", "llama-factory", "oasst"}


def language(tag: str) -> str:
    """The Hub's code for the language of a BCP 47 tag such as `pt-BR`; "" where it has none."""
    code = tag.replace("_", "-").partition("-")[0].lower()
    if code in _TWO_LETTERS:
        return code
    return code if re.fullmatch("[a-z]{3}", code) and not _NO_LANGUAGE.fullmatch(code) else ""


def size_category(rows: int) -> str:
    """The Hub's words for how many rows there are."""
    for power, category in enumerate(_SIZES[:-1], 3):
        if rows < 10**power:
            return category
    return _SIZES[-1]


def tags(formats: Iterable[str], *, by_people: bool) -> list[str]:
    """What the dataset is found by, each tag once."""
    found = ["human-feedback"] if by_people else []
    for name in formats:
        found += _TAGS.get(name, (name,))
    return list(dict.fromkeys(found))


def creators(formats: Collection[str], *, by_people: bool, by_models: bool) -> dict[str, list[str]]:
    """Who made annotations and texts. Whether annotators are experts or a crowd is not known here: they are `other`."""
    texts = ["found"] + (["machine-generated"] if by_models else [])
    if by_people and _WITH_WRITTEN & set(formats):
        texts.append("other")
    return {"annotations_creators": ["other" if by_people else "no-annotation"], "language_creators": texts}
