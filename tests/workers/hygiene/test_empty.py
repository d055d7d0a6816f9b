import pytest

from tests.workers.hygiene.asking import answer, found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n\t  \n",
        "\u200b\u200b\ufeff",  # invisible
        "\u3000\u00a0",
        "...",
        "…",
        "- \n- \n- ",
        "```\n\n```",
        "***",
        "“”",
        "。。。",
        "| | |\n|---|---|",
        "\ufffd\ufffd\ufffd",
        "\u3164",
        "!?",
        "\x00\x00",
        "\ud800",
    ],
)
def test_nothing_to_read_is_found(text: str) -> None:
    said = found("empty", answer(text, "What is a dog?"))
    assert said is not None
    assert said.startswith("The response h")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Yes.", ""),
        ("42", ""),
        ("7", ""),
        ("x", ""),
        ("👍", "Is that right? Answer with one emoji."),
        ("✓", ""),
        ("½", ""),
        ("[]", "Give the list of primes between 24 and 28 as JSON."),
        ("{}", "Give me an empty JSON object."),
        ("```json\n[ ]\n```", ""),
        ("是", ""),
        ("네.", ""),
        ("ใช่", ""),
        ("نعم", ""),
        ("+", "Which operator adds two numbers?"),
        ("?", "Which punctuation mark ends a question?"),
        ("“;”", "Welches Zeichen beendet eine Anweisung in C?"),
        ("&", ""),
        ("%", ""),
        ("$x$", ""),
        ("—Sí.", ""),
        ("...and then he left.", ""),
        ("-1", ""),
        ("∅", ""),
        ("\U0001fae9", ""),  # an emoji that is younger than some versions of Python
    ],
)
def test_whatever_can_be_read_is_left_alone(text: str, prompt: str) -> None:
    assert found("empty", answer(text, prompt)) is None


def test_it_says_what_is_there_instead_of_words() -> None:
    assert found("empty", answer("")) == "The response has no text at all."
    assert found("empty", answer(" \n")) == "The response holds nothing but white space."
    assert found("empty", answer(" . . . ")) == "The response holds nothing but marks: “. . .”."


def test_a_letter_behind_much_white_space_counts() -> None:
    assert found("empty", answer(" " * 200_000 + "a")) is None
