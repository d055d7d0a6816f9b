"""``self_naming``: a model that says that it is one, which one, or who made it.

People judge responses without knowing whose they are, and what is kept here teaches a model that has another name.
Read sentence by sentence: words for "I am" or "as a", and then a name, a maker, or what such a thing is called.
"""

import re
from collections.abc import Iterable, Sequence

from workers.hygiene.base import Action, Response
from workers.hygiene.names import AIS, MAKERS, MODELS, OWN, SHARED, SPEAKERS
from workers.hygiene.reading import asked, prose, quoted


def _any(words: Iterable[str]) -> str:
    """One of these words from where it begins, if its script has such a place; blanks and hyphens are alike."""
    escaped = [(word, re.escape(word).replace(r"\ ", "[ -]").replace(r"\-", "[ -]?")) for word in words]
    spaced = "|".join(pattern for word, pattern in escaped if word < "\u0600")
    others = "".join(f"|{pattern}" for word, pattern in escaped if word >= "\u0600")
    return rf"(?:(?<![a-zа-я])(?:{spaced}){others})"


_NAME, _NAME_SHARED, _MAKER = _any(OWN), _any(SHARED) + r"\b", _any(MAKERS) + r"(?![a-zа-я])"
_MODEL = _any(MODELS) + r"(?! (?:research|engineer|developer|development|expert|training))"
_AI = _any(AIS) + r"(?![a-zа-я])"
_I_AM = (
    r"(?:\bi am|\bi['’]m|\bmy name is|\bmy name['’]s|\bcall me|\bich bin|\bich heiße|\bmein name ist"
    r"|\bje suis|\bje ne suis qu['’]|\bje m['’]appelle|\bmon nom est|\bsoy|\bme llamo|\bmi nombre es"
    r"|\bsou|\bme chamo|\bmeu nome é|\bsono|\bmi chiamo|\bil mio nome è|\bik ben|\bik heet|\bmijn naam is"
    r"|\bjag är|\bjag heter|\bjeg er|\bjestem|\bnazywam się|\bben|\badım|\bя\b|\bменя зовут"
    r"|我是|我叫|我的名字是|私は|저는|제 이름은|أنا|मैं|\bsaya(?: adalah)?|\btôi là)"
)
# Only where a clause begins: things "such as a language model" are spoken of, and speak not themselves.
_AS = (
    r"(?:(?:^|[,;:(\"“–—]|\b(?:and|but|because|that|since|so|i|und|aber|y|pero|et|mais|e|mas|ma)) ?"
    r"(?:as|als|en tant que?|en tant qu['’]|como|come|in quanto|som|jako|как|بصفتي|sebagai)\b[ '’]?|作为|作為)"
)
_I_WAS = (
    r"(?:\bi was|\bi have been|\bi['’]ve been|\bi am|\bi['’]m|\bich wurde|\bich bin|\bj['’]ai été|\bje suis|\bfui"
    r"|\bhe sido|\bsoy|\bsou|\bsono stat[oa]|\bsono|\bik ben|\bjag är|\bя был[ао]?|\bменя|\bя\b|我是|我由|私は|저는)"
)
_MADE = (
    r"(?:creat|develop|train|made|built|build|design|entwickel|trainier|erstell|geschaffen|développ|créé|entraîn|conçu"
    r"|desarroll|cread|entrenad|desenvolvid|criad|treinad|svilupp|addestrat|ontwikkel|gemaakt|getraind|utveckla|tränad"
    r"|создан|разработ|обуч|создал|开发|開発|開發|训练|訓練|研发|推出|打造|创建|作成|개발|만든|만들|훈련)"
)
_FILL = (
    r"(?:(?:just|only|simply|merely|actually|called|an?|the|large|big|small|helpful|advanced|virtual|trained"
    r"|multilingual|text-based|computer|nur|lediglich|eine?|großes|une?|simple|grand|solo|sólo|una|apenas|um|uma"
    r"|grande|gran|slechts|een|groot|bara|ett|en|stor|tylko|dużym|всего лишь|просто|большая|большой|一个|一個|一款|一名"
    r"|大型|只是|bir|el|il|le|o|[-–—\"“'*]|ai|ki|ia|artificial intelligence|人工智能)[ -]?){0,6}"
)
_THING = r"assistant|assistent|asistente|assistente|chatbot|model|modell|system|program|tool"
_NAMES = re.compile(
    rf"{_I_AM} ?(?:{_FILL}{_NAME}(?! (?:user|fan|expert|plus|sub|develop|prompt))"
    rf"|(?:called )?[\"“'*]{{0,3}}{_NAME_SHARED}.{{0,60}}(?:{_AI}|{_MODEL}|\bassistant|{_MAKER}))",
)
_NAMES_MAKER = re.compile(
    rf"{_I_WAS} ?(?:\w+ )?{_MADE}.{{0,25}}{_MAKER}"
    rf"|{_I_AM}.{{0,40}}(?:{_AI}|{_MODEL}|{_THING}).{{0,30}}{_MADE}.{{0,25}}{_MAKER}"
    rf"|{_I_WAS}.{{0,12}}{_MAKER}.{{0,14}}{_MADE}"
)
_IS_ONE = re.compile(
    rf"(?:{_I_AM}|{_AS}) ?{_FILL}{_MODEL}"
    rf"|{_AS}{_FILL}(?<![a-zа-я])(?:{_AI})(?:[ -](?:{_THING}))?(?=,|，|、| i\b| je\b| ich\b| no\b| não\b)"
    rf"|{_I_AM} ?(?:just |only )?an? (?:helpful )?{_AI}(?: (?:{_THING}))?(?=$|,| and\b| so\b| without\b| with no\b)"
    r"|言語モデル(?:として|なので)|언어 모델(?:로서|이기|입니다)|dil modeli(?:yim| olarak)|كنموذج لغوي"
)
# What a sentence must hold to be looked at: a piece of one of these names, or a short one as a word of its own.
_STEMS = {re.split("[ -]", name)[0] for name in (*OWN, *SHARED, *MAKERS, *MODELS, *AIS)}
_SHORT = frozenset(stem for stem in _STEMS if len(stem) <= 4 and stem.isalpha() and stem < "\u0900")
_SPEAKERS = frozenset(SPEAKERS)
_LONG = tuple(sorted(_STEMS - _SHORT))
_SPEAKS_OF_ITSELF = re.compile(rf"{_AI}|{_MODEL}|chatbot|\brobot")
_SENTENCE = re.compile(r"[.!?](?=\s|$)|[。！？\n]")
_WORD = re.compile(r"[^\W\d_]+")  # without the version that names end in: qwen2
_SPACED = re.compile("[\x00-\u05ff\u1e00-\u2fff]*")  # Latin, Greek, Cyrillic and signs
_SENTENCES = 400  # of a text, that are read
_LONGEST = 600  # characters of a sentence


class SelfNaming:
    """A model that gives its name, its maker, or itself away."""

    name = "self_naming"
    title = "Names itself"
    help = "The response says that a model wrote it, which one, or who made that."
    action: Action = "mark"

    def find(self, response: Response) -> str | None:
        """Leaves alone what the prompt speaks of: who asks for a story about ChatGPT gets one."""
        own = _own_name(response.model)
        text = prose(response.text)
        low = text.lower()
        clues = [stem for stem in (*_LONG, *filter(None, [own])) if stem in low]
        if not clues and _SHORT.isdisjoint(_WORD.findall(low)):
            return None
        told = asked(response).lower()
        for sentence in _SENTENCE.split(text)[:_SENTENCES]:
            low = sentence[:_LONGEST].lower().strip(" .\t\r*_#>-")
            words = _WORD.findall(low)
            if any(clue in low for clue in clues) or not _SHORT.isdisjoint(words):
                what = _gives_away(low, words, told, own)
                if what:
                    return f"The response {what}: {quoted(sentence.strip())}."
        return None


def _gives_away(sentence: str, words: Sequence[str], told: str, own: str) -> str | None:
    """What a sentence says about who wrote it; None where the prompt spoke of that."""
    if own and own in sentence and own not in told:
        return "names the model that made it"
    if _SPACED.fullmatch(sentence) and _SPEAKERS.isdisjoint(words):
        return None
    if (found := _NAMES.search(sentence)) and not _spoken_of(found[0], told, (*OWN, *SHARED)):
        return "names a model as its writer"
    if (found := _NAMES_MAKER.search(sentence)) and not _spoken_of(found[0], told, MAKERS):
        return "names the maker of a model as its own"
    if _IS_ONE.search(sentence) and not _SPEAKS_OF_ITSELF.search(told):
        return "says that a model wrote it"
    return None


def _spoken_of(found: str, told: str, names: Iterable[str]) -> bool:
    return any(name in found and name in told for name in names)


def _own_name(model: str) -> str:
    """What a model is called in sentences: the last part of its name or folder, where nothing else is called so."""
    name = re.split(r"[/\\]", model.strip().rstrip("/\\"))[-1].partition("?")[0].lower()
    name = re.sub(r"\.(?:gguf|safetensors|bin)$", "", name)
    return name if len(name) >= 6 and re.search(r"\d", name) and re.search(r"[a-z]", name) else ""
