"""Languages: what they are called, which are too near each other to be told apart, and which one a text is in."""

import functools
import logging
import re
from collections.abc import Mapping
from typing import Any

_READ = 4000  # characters of a text that are looked at for its language
_READ_FOR_NAMES = 10_000

logger = logging.getLogger(__name__)

# By the identifier's code: the English name, then how the language is called in itself and in others. Only these are
# ever called a wrong language: a text that seems to be in a rarer one is as likely no prose at all.
NAMES: dict[str, tuple[str, ...]] = {
    "ar": ("Arabic", "عربي", "عربية", "arabisch", "arabe", "árabe", "arabo", "арабск", "阿拉伯", "アラビア"),
    "bg": ("Bulgarian", "българск"),
    "bn": ("Bengali", "Bangla", "বাংলা"),
    "ca": ("Catalan", "català", "catalán", "katalanisch"),
    "cs": ("Czech", "česk", "češtin", "tschechisch", "tchèque", "checo"),
    "da": ("Danish", "dansk", "dänisch", "danois", "danés"),
    "de": ("German", "deutsch", "allemand", "alemán", "alemão", "tedesco", "duits", "niemieck", "немецк", "德语",
           "德文", "ドイツ語", "독일어", "almanca", "tysk"),
    "el": ("Greek", "ελληνικ", "griechisch", "grec", "griego", "grego", "greco"),
    "en": ("English", "englisch", "anglais", "inglés", "inglês", "inglese", "engels", "angielsk", "английск", "英语",
           "英文", "英語", "영어", "ingilizce", "engelsk", "الإنجليزية", "अंग्रेज़ी"),
    "es": ("Spanish", "español", "castellano", "spanisch", "espagnol", "espanhol", "spagnolo", "spaans", "испанск",
           "西班牙", "スペイン語", "스페인어", "ispanyolca", "spansk"),
    "et": ("Estonian", "eesti"),
    "eu": ("Basque", "euskara"),
    "fa": ("Persian", "Farsi", "فارسی", "persisch", "persan"),
    "fi": ("Finnish", "suomi", "suomeksi", "finnisch", "finnois"),
    "fr": ("French", "français", "französisch", "francés", "francês", "francese", "frans", "francusk", "французск",
           "法语", "法文", "フランス語", "프랑스어", "fransızca", "fransk", "الفرنسية"),
    "gl": ("Galician", "galego", "gallego"),
    "he": ("Hebrew", "עברית", "hebräisch", "hébreu", "hebreo"),
    "hi": ("Hindi", "हिंदी", "हिन्दी"),
    "hr": ("Croatian", "hrvatsk", "kroatisch", "croate", "croata"),
    "hu": ("Hungarian", "magyar", "ungarisch", "hongrois", "húngaro"),
    "hy": ("Armenian", "հայերեն"),
    "id": ("Indonesian", "bahasa", "indonesisch", "indonésien", "indonesio"),
    "is": ("Icelandic", "íslensk"),
    "it": ("Italian", "italiano", "italienisch", "italien", "итальянск", "意大利", "イタリア語", "이탈리아어"),
    "ja": ("Japanese", "日本語", "日语", "日文", "japanisch", "japonais", "japonés", "japonês", "giapponese", "японск",
           "일본어"),
    "ka": ("Georgian", "ქართულ"),
    "kk": ("Kazakh", "қазақ"),
    "ko": ("Korean", "한국어", "koreanisch", "coréen", "coreano", "корейск", "韩语", "韓国語"),
    "lt": ("Lithuanian", "lietuvi"),
    "lv": ("Latvian", "latvie"),
    "mk": ("Macedonian", "македонск"),
    "ml": ("Malayalam", "മലയാള"),
    "mr": ("Marathi", "मराठी"),
    "ms": ("Malay", "melayu"),
    "nl": ("Dutch", "nederlands", "niederländisch", "néerlandais", "holandés", "holandês", "olandese", "нидерландск"),
    "nn": ("Norwegian Nynorsk", "nynorsk"),
    "no": ("Norwegian", "norsk", "norwegisch", "norvégien", "noruego", "bokmål"),
    "pl": ("Polish", "polsk", "polnisch", "polonais", "polaco", "polacco", "польск"),
    "pt": ("Portuguese", "português", "portugués", "portugiesisch", "portugais", "portoghese", "португальск", "葡萄牙"),
    "ro": ("Romanian", "român", "rumänisch", "roumain", "rumano"),
    "ru": ("Russian", "русск", "russisch", "russe", "ruso", "russo", "俄语", "ロシア語", "러시아어", "rosyjsk"),
    "sk": ("Slovak", "slovensk", "slowakisch"),
    "sl": ("Slovene", "Slovenian", "slovensk", "slowenisch"),
    "sq": ("Albanian", "shqip"),
    "sr": ("Serbian", "српск", "srpsk", "serbisch", "serbe", "serbio"),
    "sv": ("Swedish", "svensk", "schwedisch", "suédois", "sueco"),
    "sw": ("Swahili", "kiswahili", "suaheli"),
    "ta": ("Tamil", "தமிழ்"),
    "te": ("Telugu", "తెలుగు"),
    "th": ("Thai", "ไทย"),
    "tl": ("Tagalog", "Filipino"),
    "tr": ("Turkish", "türkçe", "türkisch", "turc", "turco", "турецк"),
    "uk": ("Ukrainian", "українськ", "ukrainisch", "ukrainien", "ucranian"),
    "ur": ("Urdu", "اردو"),
    "vi": ("Vietnamese", "tiếng việt", "vietnamesisch", "vietnamien", "vietnamita"),
    "zh": ("Chinese", "Mandarin", "Cantonese", "中文", "汉语", "漢語", "中国語", "chinesisch", "chinois", "chino",
           "chinês", "cinese", "китайск", "중국어", "çince"),
}  # fmt: skip

# Written so alike that a page of one may pass for another. What is in no common row can be told apart.
_ALIKE: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "da no nn", "hr bs sr", "id ms jv", "zh yue wuu", "en pcm", "es an ext", "es gl", "pt gl", "de lb", "de ksh",
        "nl li fy", "nl af", "ar ary arz", "fa ps", "hi mr ne sa", "it vec lij", "it co", "fr wa", "fr oc", "ca oc",
        "lv ltg", "bn as", "ru be", "bg mk", "kk ky", "az tr", "tl bcl", "uz uzs",
    )
)  # fmt: skip
# Related, so that it takes a longer text to be sure.
_FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "da no nn sv is fo",
        "cs sk",
        "hr bs sr sl mk bg",
        "ru uk be bg",
        "es pt gl ca it fr ro oc",
        "de nl af lb",
    )
)
# Tags under which the identifier knows a language by another one.
_CODES = {"nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "sh": "sr", "hbs": "sr", "mo": "ro", "ji": "yi"}


def code(tag: str) -> str:
    """The identifier's code for a BCP 47 tag: ``pt`` for ``pt-BR``; blank where it is none of NAMES."""
    primary = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    primary = _CODES.get(primary, primary)
    return primary if primary in NAMES else ""


def name(language: str) -> str:
    """What people call it."""
    return NAMES[language][0] if language in NAMES else language


def alike(one: str, other: str) -> bool:
    """Whether two languages are too near each other to be told apart."""
    return one == other or any({one, other} <= row for row in _ALIKE)


def related(one: str, other: str) -> bool:
    """Whether two languages are of one family, and so take a longer text to be told apart."""
    return any({one, other} <= row for row in _FAMILIES)


def share(shares: Mapping[str, float], language: str) -> float:
    """How likely a text is in a language or in one that is too near to tell."""
    return sum(likely for found, likely in shares.items() if alike(found, language))


def shares(text: str) -> dict[str, float]:
    """How likely a text is in each language, the likeliest first; empty where there is nothing to tell it by."""
    identifier = _identifier()
    if identifier is None or not any(map(str.isalpha, text[:_READ])):
        return {}
    return {found: float(likely) for found, likely in identifier.rank(text[:_READ])}


def named(text: str) -> frozenset[str]:
    """The languages that a text names, in whatever language it is."""
    return frozenset(_BY_NAME[found.lower()] for found in _NAMED.findall(text[:_READ_FOR_NAMES]))


_BY_NAME = {word.lower(): language for language, words in NAMES.items() for word in words}
# Longest first, and each from where a word begins; scripts without spaces between words have no such place.
_NAMED = re.compile(
    "|".join(
        rf"\b{re.escape(word)}" if word[0] < "\u0900" else re.escape(word)
        for word in sorted(_BY_NAME, key=len, reverse=True)
    ),
    re.IGNORECASE,
)


@functools.cache
def _identifier() -> Any:
    """py3langid with its model: 120 MB and a second, once a process. None where it is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        logger.warning("py3langid is not installed (it is in the extra “generate”): no response's language is checked.")
        return None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
