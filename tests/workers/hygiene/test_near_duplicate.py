import pytest

from tests.workers.hygiene.asking import answer, found

LONG = (
    "A good night's sleep begins long before you lie down. Turn off bright screens an hour before bed, keep the room "
    "cool and dark, and go to bed at the same time every day, also at weekends. Coffee after lunch stays in the blood "
    "for many hours, so have tea in the afternoon instead. If you cannot fall asleep, get up, read a few pages of a "
    "dull book in dim light and go back to bed when you are tired. Most people find that a short walk helps too."
)
CODE = "```python\ndef area(radius):\n    return 3.14159 * radius ** 2\n```"
TEXT = "El café se bebe caliente en invierno y con hielo en verano, sobre todo en el sur."
CHINESE = "学习一门语言需要时间和耐心。首先，每天听一点新闻，哪怕只有十分钟。其次，找一个朋友一起练习。"


@pytest.mark.parametrize(
    ("text", "sibling"),
    [
        (LONG, LONG),
        (LONG, LONG.upper()),
        (LONG, "\n\n  " + LONG.replace(". ", ".\n") + "\n"),
        (LONG, LONG.replace("bright", "all")),
        (LONG, LONG + " Sleep well!"),
        (LONG, LONG.replace("A good night's", "A good night’s")),
        (CODE, CODE),
        (CODE, CODE + "\n"),
        (CHINESE, CHINESE),
        (CHINESE, CHINESE.replace("一起练习。", "一起练习！")),
        (TEXT, TEXT.replace("café", "cafe\u0301")),
        (TEXT, TEXT.rstrip(".")),
        (
            "| a | b |\n|---|---|\n| a rather long entry | one more entry of some length |",
            "| a | b |\n|---|---|\n| a rather long entry | one more entry of some length | ",
        ),
    ],
)
def test_texts_that_read_the_same_are_found(text: str, sibling: str) -> None:
    assert found("near_duplicate", answer(text, siblings=("Something else entirely, of some length.", sibling)))
    assert found("near_duplicate", answer(sibling, siblings=(text,))), "whichever came first"


@pytest.mark.parametrize(
    ("text", "sibling"),
    [
        ("Yes.", "Yes."),
        ("42", "42"),
        ("Paris", "Paris"),
        ("The capital is Canberra.", "The capital is Canberra."),
        ("是的。", "是的。"),
        ("positive", "positive"),
        (LONG, LONG.replace("Coffee", "You should not drink coffee, since coffee")),
        (LONG, LONG.replace("an hour", "a day").replace("cool and dark", "warm and bright").replace("dull", "good")),
        (LONG, LONG.replace("helps too", "does not help")),
        (LONG + " It takes 20 minutes.", LONG + " It takes 40 minutes."),
        (CODE, CODE.replace("** 2", "* 2")),
        (CODE, CODE.replace("3.14159", "3.15")),
        (CODE, CODE.replace("radius ** 2", "radius + 2")),
        (LONG, LONG[: len(LONG) // 2]),
        (LONG, ""),
        ("", ""),
        ("Es ist wahr, dass Wale Säugetiere sind.", "Es ist nicht wahr, dass Wale Säugetiere sind."),
        ("The statement about whales in the text is true.", "The statement about whales in the text is false."),
        ("Roses are red, violets are blue, sugar is sweet", "Roses are red, violets are blue, honey is sweet"),
        (
            "这句话的意思是他今天会来参加我们的会议。我觉得很好。",
            "这句话的意思是他今天不会来参加我们的会议。我觉得很好。",
        ),
        (LONG, " ".join(reversed(LONG.split()))),
    ],
)
def test_texts_that_say_something_else_are_left_alone(text: str, sibling: str) -> None:
    assert found("near_duplicate", answer(text, siblings=(sibling,))) is None


def test_without_siblings_there_is_nothing_to_compare() -> None:
    assert found("near_duplicate", answer(LONG)) is None


def test_it_says_how_alike_they_are_and_names_no_model() -> None:
    assert found("near_duplicate", answer(LONG, siblings=(LONG,))) == (
        "The response is the same as another candidate of this prompt: "
        "“A good night's sleep begins long before you lie down. Turn o…”."
    )
    said = found("near_duplicate", answer(LONG, siblings=(LONG + " Sleep well!",)))
    assert said is not None
    assert "9" in said.split(" % the same as")[0]
