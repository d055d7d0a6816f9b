"""Cutting a conversation until it fits, with the tiny tokenizer and no model."""

from typing import Any

import pytest

from tests.workers.backends.conftest import CHATML, tiny_tokenizer
from workers.backends.base import Message, RowError
from workers.backends.chat import Chat
from workers.backends.fitting import fit_chat, fit_text


@pytest.fixture(scope="module")
def chat() -> Chat:
    tokenizer: Any = tiny_tokenizer()
    tokenizer.chat_template = CHATML
    return Chat(tokenizer)


def turns(*said: tuple[str, str]) -> list[Message]:
    return [Message(role=role, content=content) for role, content in said]


TALK = turns(
    ("system", "Be brief."),
    ("user", "first " * 5),
    ("assistant", "one " * 5),
    ("user", "second " * 5),
    ("assistant", "two " * 5),
    ("user", "third"),
)


def test_what_fits_is_left_alone(chat: Chat) -> None:
    made = fit_chat(chat, TALK, context=2000, new=10, rule="refuse")
    assert made.ids == chat.encode(TALK)
    assert made.cut == 0
    assert fit_chat(chat, TALK, context=None, new=10, rule="refuse") == made


def test_the_oldest_turns_go_first_and_the_system_message_stays(chat: Chat) -> None:
    whole = chat.encode(TALK)
    made = fit_chat(chat, TALK, context=len(whole), new=1, rule="cut")
    assert made.ids == chat.encode([TALK[0], *TALK[3:]])
    assert made.cut == len(whole) - len(made.ids)
    shorter = fit_chat(chat, TALK, context=len(made.ids), new=1, rule="cut")
    assert shorter.ids == chat.encode([TALK[0], TALK[5]])
    assert shorter.sha256 != made.sha256


def test_then_the_last_text_loses_its_beginning(chat: Chat) -> None:
    long = turns(("system", "Be brief."), ("user", "What is the answer? " * 30 + "Say it."))
    made = fit_chat(chat, long, context=80, new=20, rule="cut")
    assert 50 < len(made.ids) <= 60
    assert made.cut == len(chat.encode(long)) - len(made.ids)
    written = chat.tokenizer.decode(made.ids)
    assert written.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n")
    assert written.endswith("answer? Say it.<|im_end|>\n<|im_start|>assistant\n")


def test_a_letter_is_not_cut_in_two(chat: Chat) -> None:
    long = turns(("user", "日本語の文" * 30))
    for context in range(60, 66):
        made = fit_chat(chat, long, context=context, new=5, rule="cut")
        assert "\N{REPLACEMENT CHARACTER}" not in chat.tokenizer.decode(made.ids)
        assert len(made.ids) <= context - 5


def test_where_nothing_fits_the_row_fails(chat: Chat) -> None:
    with pytest.raises(RowError, match="cut as far as it can be: this model holds 20 tokens, and 15 of them"):
        fit_chat(chat, TALK, context=20, new=15, rule="cut")
    with pytest.raises(RowError, match="more than the 20 this model can hold"):
        fit_chat(chat, TALK, context=20, new=15, rule="refuse")


def test_a_text_for_an_encoder_loses_its_end_but_not_the_token_that_closes_it() -> None:
    made = fit_text(list(range(10)), "ten", context=6, rule="cut", ending=1)
    assert (made.ids, made.cut) == ([0, 1, 2, 3, 4, 9], 4)
    assert fit_text(list(range(10)), "ten", context=6, rule="cut", ending=0).ids == [0, 1, 2, 3, 4, 5]
    assert fit_text(list(range(6)), "six", context=6, rule="refuse", ending=1).cut == 0
    with pytest.raises(RowError, match="10 tokens long, more than the 6"):
        fit_text(list(range(10)), "ten", context=6, rule="refuse", ending=1)
