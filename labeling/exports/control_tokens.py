"""Text that a tokenizer would read as a control token of a chat template: finding it, and breaking it up."""

from __future__ import annotations

import re

# Control tokens of chat templates in use: ChatML and its kin (<|im_end|>, <|eot_id|>, <|user|> …), DeepSeek's in
# wide letters, Llama 2 and Mistral, Gemma, and the classic ends of a sequence.
CONTROL = re.compile(
    r"<\|[A-Za-z0-9_]{2,40}\|>|<｜[^<>｜]{2,40}｜>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<(?:bos|eos|pad)>"
)


def find(text: str) -> str:
    """The first control token in a text, or nothing."""
    # Each has one of these. Almost no text does, and looking for them is far quicker.
    token = CONTROL.search(text) if "<" in text or "INST]" in text else None
    return token.group() if token else ""


def find_in_line(line: bytes) -> str:
    """The same in a line of JSON, as UTF-8."""
    return find(line.decode()) if b"<" in line or b"INST]" in line else ""


def escape(text: str) -> str:
    """The text with a space after the first character of every control token: `<|im_end|>` becomes `< |im_end|>`.

    A space and not a character without width: some tokenizers take such characters out before they look, and a model
    would learn to write what nobody sees.
    """
    while find(text):  # what is broken may have held another one
        text = CONTROL.sub(lambda token: f"{token.group()[0]} {token.group()[1:]}", text)
    return text
