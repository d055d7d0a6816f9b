import pytest

from tests.workers.hygiene.asking import answer, found

SENTENCE = "The best way to learn a language is to speak it every day with people who know it well. "
LIST = "\n".join(f"{number}. Click on the blue button in the upper right corner." for number in range(1, 9))
MIXED = (
    "I think you should talk to him and tell him how you feel about it. If he listens, that is good for both of you. "
    "If he does not listen, you should talk to him and tell him how you feel about it again. "
)


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE * 4,
        "Let us begin. " + SENTENCE * 12 + "The best way to",  # cut off in the middle of the piece
        "Games: " + ", ".join(["chess", "go"] + ["Rick and Morty"] * 40),
        "na " * 100,
        "Q" * 500,
        LIST,
        "Das ist gut. " * 20,
        "这是一个很好的问题，我们来看看。" * 12,
        "Привет, как дела? " * 15,
        "```python\n" + "print('hello')\n" * 30,
        "<div class='row'></div>\n" * 40,
        "\n\n".join([SENTENCE, "A new thought that stands here alone.", SENTENCE, SENTENCE, SENTENCE, SENTENCE]),
        MIXED * 8 + "In the end it is up to you.",
        "Positive Points:\nNegative Points:\nSummary:\n" * 12,
        "I am not sure. " * 30 + "Then again, who knows?",
        "1 2 3 4 5 6 7 8 9\n" * 40,
    ],
)
def test_the_same_over_and_over_is_found(text: str) -> None:
    assert found("looping", answer(text, "Tell me something about it.")) is not None


TWELVE = "\n".join(f"{a} x {b} = {a * b}" for a in range(1, 13) for b in range(1, 13))
TABLE = "| day | open | close |\n|---|---|---|\n" + "\n".join(f"| {day} | 09:00 | 17:00 |" for day in range(1, 31))
GRID = "```\n" + ("0 " * 20 + "\n") * 20 + "```"
CODE = "```python\n" + "\n".join(f"    self.assertEqual(add({n}, 1), {n + 1})" for n in range(40)) + "\n```"
TURTLE = "```python\n" + "turtle.forward(100)\nturtle.right(90)\n" * 4 + "```"
SONG = (
    "{verse}\nOh carry me home across the silver sea,\nwhere the lights of the harbour are waiting for me,\n"
    "oh carry me home, oh carry me home.\n"
)
VERSES = (
    "The wind has turned, the sails are torn,\nwe have not slept since early morn,",
    "My mother stands beside the door,\nshe counts the ships that come to shore,",
    "And when the night is cold and long,\nwe keep us warm with one old song,",
)
VILLANELLE = "\n".join(
    [
        "I hold the morning in an open hand,",
        "the bread is warm, the kettle starts to sing,",
        "and every tide returns to meet the land.",
        "The gulls are writing letters in the sand,",
        "and nobody can read them till the spring;",
        "I hold the morning in an open hand.",
        "My neighbour does not wish to understand",
        "why I should care for such a little thing,",
        "and every tide returns to meet the land.",
        "He says the sea will never be unmanned,",
        "that nets come home with nothing but the string;",
        "I hold the morning in an open hand.",
        "So let him talk of ships and contraband,",
        "of all the gold that other harbours bring,",
        "and every tide returns to meet the land.",
        "The light goes out the way that it was planned,",
        "the bell goes on, there is no end of ring;",
        "I hold the morning in an open hand,",
        "and every tide returns to meet the land.",
    ]
)
QUIZ = "\n\n".join(
    f"{number}. What is the name of the function that {what} in R?"
    for number, what in enumerate(
        ["makes a vector", "reads a file of values", "draws a histogram", "fits a linear model", "joins two tables"], 1
    )
)
RECORDS = (
    "[\n"
    + ",\n".join(f'  {{"id": {n}, "type": "string", "required": true, "default": null}}' for n in range(60))
    + "\n]"
)
CHINESE = (
    "学习一门语言需要时间和耐心。首先，每天听一点新闻，哪怕只有十分钟。其次，找一个朋友一起练习，互相纠正错误。"
    "最后，不要害怕说错，错误是学习的一部分。坚持几个月以后，你会发现自己已经能看懂简单的文章了。"
)
JAPANESE = (
    "言葉を学ぶには時間がかかります。毎日少しずつ聞くことが大切です。友達と話すと、もっと早く上達します。"
    "間違いを恐れないでください。間違いは学びの一部です。数か月続ければ、簡単な文章が読めるようになります。"
)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Yes.", ""),
        ("42", ""),
        ("No, no, no!", ""),
        ("Ha ha ha ha ha ha!", ""),
        (SENTENCE, ""),
        (SENTENCE + SENTENCE, ""),  # twice is no loop
        (TWELVE, ""),
        (TABLE, ""),
        (GRID, "Draw me a field of zeros."),
        (CODE, ""),
        (TURTLE, "Draw a square with turtle."),
        (VILLANELLE, "Write a villanelle about the sea."),
        ("\n".join(SONG.format(verse=verse) for verse in VERSES), "Write a shanty."),
        (QUIZ, "Make a quiz about R."),
        (RECORDS, ""),
        ("{\n" + '  "patternProperties": {\n    "^x-": true\n  },\n' * 8 + '  "type": "object"\n}', "Make a schema."),
        (CHINESE, ""),
        (JAPANESE, ""),
        ("1/3 = 0." + "3" * 60 + "…", ""),
        ("\n".join(f"- {name}" for name in ("apples", "pears", "plums", "figs", "limes", "dates", "nuts")), ""),
        ("\n".join(f"Day {n}: Rest" if n % 7 == 0 else f"Day {n}: Run {n} km" for n in range(1, 31)), ""),
        ("=" * 80 + "\nREPORT\n" + "=" * 80, ""),
        ("She loves me, she loves me not, she loves me, she loves me not.", ""),
        ("I am sorry. " * 20, "Write “I am sorry” 20 times."),
        ("Ich werde nicht zu spät kommen.\n" * 20, "Wiederhole diesen Satz zwanzigmal."),
        ("\\begin{bmatrix} 1 & 0 & 0 \\\\ 0 & 1 & 0 \\\\ 0 & 0 & 1 \\end{bmatrix}", ""),
        ("<table>\n" + "<tr><td></td><td></td><td></td></tr>\n" * 10 + "</table>", "Make an empty table."),
        ("import a\nimport b\n\n\ndef f():\n    return 1\n\n\ndef g():\n    return 1\n\n\ndef h():\n    return 1", ""),
    ],
)
def test_what_repeats_for_a_reason_is_left_alone(text: str, prompt: str) -> None:
    assert found("looping", answer(text, prompt)) is None


def test_it_says_what_is_repeated_and_how_often() -> None:
    said = found("looping", answer("Hello. " + "I like tea with milk and honey. " * 9))
    assert said is not None
    assert said.endswith("9 times in a row.")
    assert "tea with milk" in said


def test_the_number_of_an_item_does_not_hide_the_loop() -> None:
    said = found("looping", answer(LIST))
    assert said is not None
    assert "blue button" in said
