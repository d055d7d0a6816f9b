import subprocess
import sys
from typing import Any

import pytest

from tests.workers.hygiene.asking import answer, found
from workers.hygiene import languages
from workers.hygiene.base import Response

EN = "To bake a good bread you need flour, water, salt and a little patience, because the dough has to rest overnight."
DE = (
    "Um ein gutes Brot zu backen, braucht man Mehl, Wasser, Salz und etwas Geduld, denn der Teig muss über Nacht ruhen."
)
FR = "Pour faire un bon pain, il faut de la farine, de l'eau, du sel et un peu de patience, car la pâte doit reposer."
ES = (
    "Para hacer un buen pan hacen falta harina, agua, sal y un poco de paciencia, porque la masa tiene que reposar "
    "toda la noche. Después se forma, se deja crecer otra vez y se mete en un horno muy caliente cuarenta minutos."
)
PT = (
    "Para fazer um bom pão, são precisos farinha, água, sal e um pouco de paciência, porque a massa tem de descansar a "
    "noite toda. Depois dá-se-lhe forma, deixa-se crescer outra vez e leva-se a um forno muito quente."
)
IT = (
    "Per fare un buon pane servono farina, acqua, sale e un po' di pazienza, perché l'impasto deve riposare una notte. "
    "Poi si forma, si lascia crescere ancora e si mette in un forno molto caldo per quaranta minuti."
)
RU = "Чтобы испечь хороший хлеб, нужны мука, вода, соль и немного терпения, потому что тесто должно стоять всю ночь."
ZH = "要烤出好面包，需要面粉、水、盐和一点耐心，因为面团要放一个晚上。第二天早上放进很热的烤箱里烤四十分钟。"
JA = "おいしいパンを焼くには、小麦粉と水と塩、それに少しの忍耐が必要です。生地は一晩寝かせます。"
KO = "맛있는 빵을 구우려면 밀가루와 물, 소금, 약간의 인내심이 필요합니다. 반죽을 하룻밤 동안 두어야 하기 때문입니다."
NO = "For å bake et godt brød trenger man mel, vann, salt og litt tålmodighet, fordi deigen må hvile over natten."
DA = "For at bage et godt brød skal man bruge mel, vand, salt og lidt tålmodighed, fordi dejen skal hvile natten over."
HR = (
    "Za dobar kruh trebaju brašno, voda, sol i malo strpljenja, jer tijesto mora odmarati cijelu noć na hladnom mjestu."
)
SR = "Za dobar hleb su potrebni brašno, voda, so i malo strpljenja, jer testo mora da odmara celu noć na hladnom mestu."
UK = (
    "Щоб спекти добрий хліб, потрібні борошно, вода, сіль і трохи терпіння, бо тісто має стояти всю ніч. Потім його "
    "формують, дають піднятися ще раз і ставлять у дуже гарячу піч на сорок хвилин, поки скоринка не стане темною."
)
HOW_EN = "How do I bake a good bread at home?"
HOW_DE = "Wie backe ich zu Hause ein gutes Brot?"


@pytest.mark.parametrize(
    ("text", "prompt", "language", "said"),
    [
        (EN, HOW_DE, "de", "English"),
        (EN, HOW_DE, "", "English"),
        (DE, HOW_EN, "", "German"),
        (DE, HOW_EN, "en-GB", "German"),
        (FR, HOW_DE, "", "French"),
        (IT, "¿Cómo se hace un buen pan en casa?", "es", "Italian"),
        (ES, "Como faço um bom pão em casa?", "pt-BR", "Spanish"),
        (PT, "¿Cómo se hace un buen pan en casa?", "es", "Portuguese"),
        (RU, HOW_EN, "", "Russian"),
        (UK, "Как испечь хороший хлеб дома в духовке?", "ru", "Ukrainian"),
        (ZH, HOW_EN, "en", "Chinese"),
        (ZH, HOW_EN, "", "Chinese"),
        (EN, "怎么在家里烤出好吃的面包？请一步一步说明。", "", "English"),
        (JA, "怎么在家里烤出好吃的面包？请一步一步说明。", "zh-Hans", "Japanese"),
        (KO, HOW_EN, "", "Korean"),
        (EN, "Hvordan baker jeg et godt brød?", "nb", "English"),
        (EN, "Brot?", "de", "English"),  # the tag says it, however short the prompt
        (EN, HOW_EN, "de", "English"),  # the tag is what counts
        (f"{EN}\n\n```python\nbrot = 1\n```", HOW_DE, "", "English"),
    ],
)
def test_an_answer_in_another_language_is_found(text: str, prompt: str, language: str, said: str) -> None:
    reason = found("wrong_language", answer(text, prompt, language=language))
    assert reason is not None
    assert reason.startswith(f"The response is in {said}, and its prompt is ")


@pytest.mark.parametrize(
    ("text", "prompt", "known"),
    [
        ("Yes.", HOW_DE, {"language": "de"}),
        ("42", HOW_DE, {"language": "de"}),
        ("OK, that works.", HOW_DE, {"language": "de"}),  # too short to be sure
        (EN, HOW_EN, {}),
        (DE, HOW_DE, {"language": "de-AT"}),
        (PT, "Como faço um bom pão em casa?", {"language": "pt"}),
        (ZH, "怎么在家里烤出好吃的面包？", {"language": "zh-Hant"}),
        (DE, "Translate into German: " + EN, {}),
        (DE, "Translate into German: " + EN, {"language": "en"}),
        (FR, "Answer in French: how do I bake a good bread?", {}),
        (ES, "Schreib auf Spanisch, wie man ein gutes Brot backt.", {"language": "de"}),
        (EN, "Explique en anglais comment faire un bon pain.", {}),
        (RU, "Напиши это по-русски, а потом ещё раз на другом языке.", {"language": "en"}),
        (EN, "用英语解释怎么烤面包。", {}),
        (FR, f"Correct the grammar of this paragraph:\n{FR}", {"language": "en"}),
        (DE, f"Summarise in two lines.\n\n“{DE}”", {}),
        (f"The German proverb is:\n\n> {DE}\n\nIt means that bread takes time, as all good things do.", HOW_EN, {}),
        (f"{DE}\n\nIn English: {EN}", HOW_EN, {}),
        ("```python\nfor item in basket:\n    print(item, 'is in the basket of the house')\n```", HOW_DE, {}),
        ("$$\\int_0^1 x^2 \\, dx = \\frac{1}{3}$$", HOW_DE, {"language": "de"}),
        ("| Name | Age |\n|---|---|\n| Ann | 31 |\n| Bob | 27 |", HOW_DE, {"language": "de"}),
        ('{"first_name": "Ann", "last_name": "Miller", "email": "ann@example.org"}', HOW_DE, {"language": "de"}),
        ("The Beatles: Abbey Road, Let It Be, Revolver, Help!", "Nenne vier Alben der Beatles.", {}),
        ("Inception, Interstellar, Memento, The Prestige, Dunkirk, Tenet", "Nenne sechs Filme von Nolan.", {}),
        (NO, "Hvordan bager jeg et godt brød derhjemme?", {"language": "da"}),
        (DA, "Hvordan baker jeg et godt brød hjemme hos meg?", {"language": "nb"}),
        (HR, "Kako da ispečem dobar hleb kod kuće?", {"language": "sr-Latn"}),
        (SR, "Kako ispeći dobar kruh kod kuće?", {"language": "hr"}),
        (EN, "42?", {}),  # nobody can say what language that is
        (EN, "bread", {}),
        (EN, HOW_EN, {"language": "tlh"}),  # a language that the identifier does not know
        (EN, "", {}),
        (EN, HOW_DE, {"language": "und"}),
        ("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt", HOW_EN, {}),
        ("xkjq wvzt plmk qqrs ttvw zzxy kkjh ggfd ppoi uuyt rrew qqas ddfg hhjk llzx ccvb nnmq", HOW_EN, {}),
    ],
)
def test_whatever_may_be_right_is_left_alone(text: str, prompt: str, known: dict[str, Any]) -> None:
    assert found("wrong_language", answer(text, prompt, **known)) is None


def test_a_system_prompt_in_another_language_excuses_nothing() -> None:
    system = "You are a helpful assistant. Answer in the language of the user, and be brief in what you say."
    assert found("wrong_language", answer(EN, HOW_DE, system=system))
    in_messages = Response(EN, [{"role": "system", "content": system}, {"role": "user", "content": HOW_DE}])
    assert found("wrong_language", in_messages)


def test_a_conversation_in_two_languages_may_go_on_in_either() -> None:
    turns = [
        {"role": "user", "content": HOW_DE},
        {"role": "assistant", "content": EN},
        {"role": "user", "content": "Und wie lange muss es dann im Ofen bleiben?"},
    ]
    assert found("wrong_language", Response(EN, turns)) is None


def test_it_quotes_the_response() -> None:
    assert found("wrong_language", answer(EN, HOW_DE, language="de")) == (
        "The response is in English, and its prompt is marked as German: "
        "“To bake a good bread you need flour, water, salt and a littl…”."
    )


@pytest.mark.parametrize(
    ("tag", "code"),
    [("de", "de"), ("pt-BR", "pt"), ("PT_br", "pt"), ("nb-NO", "no"), ("iw", "he"), ("fil", "tl"), ("x", ""), ("", "")],
)
def test_tags_are_read_by_their_language(tag: str, code: str) -> None:
    assert languages.code(tag) == code


def test_the_identifier_knows_every_language_that_has_a_name() -> None:
    assert set(languages.NAMES) <= set(languages.shares(EN))


def test_no_model_is_loaded_before_a_text_needs_it() -> None:
    code = (
        "import sys, workers.hygiene as h; "
        "h.examine(h.Response('Yes.', [{'role': 'user', 'content': 'Is it?'}]), {}); "
        "print([name for name in ('py3langid', 'numpy', 'torch', 'django') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_without_the_library_nothing_is_found_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    languages._identifier.cache_clear()
    try:
        assert found("wrong_language", answer(EN, HOW_DE, language="de")) is None
        assert found("wrong_language", answer(EN, HOW_DE, language="de")) is None
        assert [record.levelname for record in caplog.records] == ["WARNING"], "said once"
    finally:
        languages._identifier.cache_clear()
