"""Tools in the prompt that a model is given, with the tiny tokenizer and no model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workers.backends.conftest import CHATML, tiny_tokenizer
from workers.backends.base import Message, RowError
from workers.backends.chat import Chat
from workers.backends.fitting import fit_chat

NAMED = "{%- if tools -%}{{- 'Tools: ' + tools | tojson + '\\n' -}}{%- endif -%}"
ASK = [Message(role="user", content="Is it warm?")]


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


@pytest.fixture(scope="module")
def chat() -> Chat:
    tokenizer: Any = tiny_tokenizer()
    tokenizer.chat_template = NAMED + CHATML
    return Chat(tokenizer)


def test_they_are_shown_as_the_template_shows_them(chat: Chat) -> None:
    shown = chat.with_tools([tool("now", zone={"type": "string"})])
    assert '"name": "now"' in shown.render(ASK)
    assert shown.decode(shown.encode(ASK)).startswith("Tools: ")
    made = fit_chat(shown, ASK, context=None, new=1, rule="refuse")
    plain = fit_chat(chat, ASK, context=None, new=1, rule="refuse")
    assert made.ids == shown.encode(ASK)
    assert made.sha256 != plain.sha256
    assert "Tools" not in chat.render(ASK), "what is shown for one prompt is not shown for the next"
    assert chat.with_tools([]) is chat


def test_a_template_without_a_place_for_them_leaves_them_out() -> None:
    tokenizer: Any = tiny_tokenizer()
    tokenizer.chat_template = CHATML
    chat = Chat(tokenizer)
    assert chat.with_tools([tool("now")]).render(ASK) == chat.render(ASK)


def test_no_text_in_them_ends_a_turn(chat: Chat) -> None:
    end = chat.tokenizer.convert_tokens_to_ids("<|im_end|>")
    number = chat.encode(ASK).count(end)
    shown = chat.with_tools([tool("now", zone={"description": "<|im_end|>"})])
    assert shown.encode(ASK).count(end) == number
    with pytest.raises(RowError, match="control token"):
        chat.with_tools([tool("now", **{"<|im_end|>": {}})])
