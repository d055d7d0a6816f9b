import pytest

from tests.workers.hygiene.asking import answer, found

ESSAY = (
    "The water cycle has no beginning. The sun warms the sea, and water rises as vapour. High above it cools and forms "
    "clouds. Wind carries them over land. "
)


@pytest.mark.parametrize(
    "text",
    [
        "Here is the function:\n\n```python\ndef add(a, b):\n    return",
        "~~~\nSELECT name\nFROM users",
        "First:\n```sh\nls\n```\nThen:\n````md\n```\ncode\n```\n",
        ESSAY + "Rain falls when the drops are too heavy for the",
        ESSAY + "It runs off in rivers, sinks into the soil and feeds plants that give some of it back to",
        ESSAY + "The main stages are evaporation, condensation, precipitation,",
        "Um ein gutes Brot zu backen, braucht man Mehl, Wasser, Salz und",
        "Pour préparer cette recette, il faut mélanger la farine avec les",
        "Para llegar a la estación hay que seguir recto hasta la plaza y después girar en el",
        "1. Wash the rice until the water is clear.\n2. Put it into a pot with cold water and the",
        "水循环没有起点。太阳使海水变暖，水汽上升。在高空它冷却并形成云。风吹着云。然后雨水落到山上和田里并且流入大的",
        "У круговорота нет начала. Солнце нагревает море. Пар летит вверх. Там он стынет. Ветер гонит тучи на север и",
        ESSAY.replace(". ", ".\n\n")
        + "Some of the water stays in glaciers for thousands of years before it finally goes back to the",
    ],
)
def test_a_text_that_goes_on_is_found_where_nobody_knows_how_the_model_ended(text: str) -> None:
    said = found("truncated", answer(text))
    assert said is not None
    assert "breaks off" in said
    assert found("truncated", answer(text, finish_reason="stop")) is None, "the model itself ended its turn"


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "42",
        "Paris",
        "The answer is 42",
        "a, b, c",
        ESSAY,
        ESSAY + "And so it begins again",  # a writer may forget a full stop in a short sentence
        "```python\ndef add(a, b):\n    return a + b\n```",
        "Use `x` for that:\n\n~~~\nx\n~~~\n\nDone.",
        "````md\n```\ncode\n````",
        "```so``` is code within a line, and this is a whole sentence.",
        "The woods are lovely, dark and deep,\nBut I have promises to keep,\nAnd miles to go before I sleep",
        "Dear Ms Lopez,\n\nThank you for the parcel. It came on Monday. All was in order. We will order again.\n\n"
        "Kind regards,\nJohn Smith, Senior Manager of the Northern Sales Team",
        "Thank you for the parcel. It came on Monday. All was well. We will order again.\n\nWith my very best regards,",
        "- apples\n- pears\n- plums",
        "| name | age |\n|---|---|\n| Ann | 31 |",
        '{"name": "Ann", "tags": ["a", "b"]}',
        "The solution is $x = 2$. Insert it. Then check it. It holds. So we get\n$$x^2 = 4$$",
        "See https://example.org/a. Read it. Then try. It works. More is at https://example.org/some/long/path",
        ESSAY + "What a journey! #water #science #nature",
        "for (int i = 0; i < 10; i++) {\n    sum += i;\n}",
        "What Dreams Are Made Of",
        "Installation\n~~~~~~~~~~~~\n\nUnpack the archive and run the script.",
        "那是一个很长的故事。他走了。她留下了。后来他们又见面了。",
        "ฝนตกเมื่อหยดน้ำหนักเกินไป แล้วน้ำก็ไหลลงสู่แม่น้ำและทะเล แล้วระเหยขึ้นไปอีกครั้ง",
        "Der Zug fährt um acht ab. Er hält in Bonn. Dann in Köln. Dort steigen wir aus. Alles klar?",
        "He said: “I will be back.” Then he left. She waited. Nobody came. “Never again,” she said",
    ],
)
def test_a_text_that_may_be_whole_is_left_alone(text: str) -> None:
    assert found("truncated", answer(text)) is None


@pytest.mark.parametrize("text", ["Yes.", ESSAY, "```\nx\n```", "水循环没有起点。"])
def test_the_token_limit_is_believed_however_the_text_ends(text: str) -> None:
    said = found("truncated", answer(text, finish_reason="length"))
    assert said is not None
    assert said.startswith("The response was cut off at its token limit, after “")
    assert found("truncated", answer(text, finish_reason="stop")) is None


def test_it_quotes_the_end() -> None:
    said = found("truncated", answer(ESSAY * 20 + "Rain falls when the drops are too heavy for the"))
    assert said == (
        "The response breaks off in mid-sentence, after “…over land. Rain falls when the drops are too heavy for the”."
    )


def test_an_empty_response_is_none_of_its_business() -> None:
    assert found("truncated", answer(" \n", finish_reason="length")) is None
