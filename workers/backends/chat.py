"""From a conversation to the tokens that a chat model answers."""

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workers.backends.base import Message, RowError

# For models that come without a chat template, which are mostly models never taught to chat. Close to how
# dialogues are written in the text that such models have read.
PLAIN_TEMPLATE = """\
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}User: {% elif message['role'] == 'assistant' -%}Assistant: {% endif -%}
{{- message['content'] }}

{% endfor -%}
{%- if add_generation_prompt -%}Assistant:{%- endif -%}
"""


class Chat:
    """A tokenizer with the template it writes conversations in: the model's own, or PLAIN_TEMPLATE."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.own = bool(tokenizer.chat_template)
        self.template: str = tokenizer.get_chat_template() if self.own else PLAIN_TEMPLATE
        # A model's own template writes the token that opens every text; ours cannot know whether there is one.
        opening = tokenizer("a")["input_ids"][:1]
        self._prefix: list[int] = [] if self.own or opening != [tokenizer.bos_token_id] else opening
        self._tools: list[dict[str, Any]] | None = None

    def with_tools(self, tools: Sequence[Mapping[str, Any]]) -> "Chat":
        """The same for conversations in which these may be called. A template that knows no tools leaves them out.

        Raises RowError where a name in them spells a control token: of names, encoding cannot make words.
        """
        if not tools:
            return self
        control = [token for token in self.tokenizer.added_tokens_encoder if token.strip()]
        if any(token in name for name in _names(tools) for token in control):
            raise RowError("A name in the prompt's tools holds a control token of this model.")
        made = copy.copy(self)
        made._tools = [dict(tool) for tool in tools]
        return made

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The token ids of the conversation, up to where the answer begins.

        Words in the prompt that spell a control token (``<|im_end|>``) stay words: a prompt cannot end its own
        turn and write the next one. Raises RowError where the template refuses the conversation.
        """
        try:
            ids: list[int] = self.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tools=self._tools,
                chat_template=self.template,
                add_generation_prompt=True,
                sanitize_control_tokens=True,
                return_dict=False,
            )
        except Exception as error:  # a template is a program: it raises what it likes
            raise RowError(f"The model's chat template refuses this conversation: {first_line(error)}") from error
        return self._prefix + ids

    def render(self, messages: Sequence[Message]) -> str:
        """The text that the template writes for the conversation: what ``encode`` turns into tokens."""
        text: str = self.tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tools=self._tools,
            chat_template=self.template,
            add_generation_prompt=True,
            tokenize=False,
        )
        return text

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of a completion, special tokens left out and white space as the model made it."""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def describe(self) -> dict[str, str]:
        """Which template writes the conversations, for the provenance."""
        return {
            "chat_template": "model" if self.own else "plain",
            "chat_template_sha256": hashlib.sha256(self.template.encode()).hexdigest(),
        }


def _names(value: Any) -> Iterator[str]:
    """Every name of an object in it, however deep."""
    if isinstance(value, Mapping):
        yield from value
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for inner in value:
        yield from _names(inner)


def first_line(error: BaseException) -> str:
    """What an exception says, in one line that fits a table; its class where it says nothing."""
    lines = str(error).strip().splitlines()
    line = lines[0].strip() if lines else type(error).__name__
    return line if len(line) <= 300 else line[:299] + "…"
