"""``prompt_leak``: what the model was given comes back: control tokens, role markers, the prompt, the system prompt."""

import re

from workers.hygiene.base import Action, Response
from workers.hygiene.reading import MOST, asked, last_message, lines_outside_code, quoted, wide

# What chat templates mark turns with. Each is a spelling that prose does not have; </s> alone may close a tag.
_TOKEN = re.compile(
    r"(?<![\"'“])(?:"  # what stands in quotation marks is spoken of
    r"<\|[A-Za-z][A-Za-z0-9_ ]{1,40}\|>"  # ChatML, Llama 3, Phi, Zephyr
    r"|<｜[^｜<>\n]{1,40}｜>"  # DeepSeek
    r"|</?(?:start|end)_of_(?:turn|utterance|text)>|<(?:bos|eos|pad|unk)>|\[/?INST\]|<</?SYS>>"
    r"|</s>(?=\s*$|\s*<s>)|(?:^|</s>\s*)<s>(?=\s*\[))"
)
_ABOUT_TOKENS = re.compile(r"\btokeni[sz]|special token|control token|chat template|chatml", re.IGNORECASE)
_CODE_IN_LINE = re.compile(r"`[^`\n]{1,500}`")
# The frames of Alpaca, Vicuna and their kin, in which models were taught to follow instructions.
_FRAME = re.compile(
    r"^#{2,3} ?(?:Instruction|Human|User|Assistant|Prompt)s?:|\A\s*#{2,3} ?(?:Response|Output|Answer):"
    r"|Below is an instruction that describes a task",
    re.MULTILINE,
)
_USER = (
    r"User|Human|Benutzer(?:in)?|Nutzer(?:in)?|Utilisateur|Usuario|Usuário|Utente|Gebruiker|Пользователь"
    r"|用户|用戶|ユーザー|사용자"
)
_ASSISTANT = r"Assistant|AI|Assistent(?:in)?|KI|Asistente|Assistente|Ассистент|Помощник|助手|アシスタント|어시스턴트"
_BARE = r"[ \t]*(?:\*\*|#{1,4} ?)?"
_USER_TURN = re.compile(rf"{_BARE}(?:{_USER})(?:\*\*)?[ \t]?[:：](?:\*\*)?[ \t]*(.*)", re.IGNORECASE)
_ASSISTANT_TURN = re.compile(rf"{_BARE}(?:{_ASSISTANT})(?:\*\*)?[ \t]?[:：]", re.IGNORECASE)
# Models that write all in one line go on with the user's turn behind a full stop.
_TURN_WITHIN = re.compile(r"(?<=[.!?\"”])[ \t]{1,4}(?=(?:User|Human): )")
_LABEL = re.compile(r"[ \t]*[-*]*[ \t]*[^\W\d_][\w ]{0,30}[:：][ \t]*\S")
# A prompt that wants a dialogue, or that is one.
_WANTS_TURNS = re.compile(
    r"dialog|conversation|convers|\bchat|transcript|\bscript|screenplay|interview|role.?play|\bskit|\bscene|few.?shot"
    r"|user stor|prompt|gespräch|unterhaltung|diálogo|entrevista|conversa|dialóg|диалог|разговор|对话|對話|会話|대화",
    re.IGNORECASE,
)
_WANTS_IT_BACK = re.compile(
    r"repeat|echo|verbatim|word for word|copy|quote|rewrite|recite|wiederhol|wörtlich|abschreib|répèt|répét|recopi"
    r"|repite|repetir|copia|ripet|herhaal|повтор|重复|重複|繰り返|复述|반복",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|\w+")
# Words of a message that it takes: as how the response begins, anywhere in it, and of a system prompt's beginning.
_FIRST, _ANYWHERE, _SYSTEM = 10, 40, 12
_SYSTEM_LEAST = 6
_MEANT_FOR_PEOPLE = re.compile(r"[\"“”«»„「」]|\bsay\b|\breply\b|\banswer with\b|\bgreet", re.IGNORECASE)


class PromptLeak:
    """The prompt, the system prompt or the marks of the chat template in the response."""

    name = "prompt_leak"
    title = "Prompt leak"
    help = "The response holds control tokens, goes on with the user's turn, or gives the prompt back."
    action: Action = "replace"

    def find(self, response: Response) -> str | None:
        """Looks for what is cheap to see first; code, and what the prompt itself speaks of, is left alone."""
        text = "\n".join(lines_outside_code(response.text[:MOST]))
        told = asked(response)
        return _tokens(text, told) or _turns(text, told) or _system(response, text) or _prompt(response, text, told)


def _tokens(text: str, told: str) -> str | None:
    if "<" not in text and "[" not in text and "#" not in text and "Below" not in text:
        return None
    outside = _CODE_IN_LINE.sub(" ", text)
    found = _TOKEN.search(outside) or _FRAME.search(outside)
    if not found or found[0].strip() in told or _ABOUT_TOKENS.search(told):
        return None
    return f"The response holds a mark of a chat template: {quoted(outside[found.start() :].strip())}."


def _turns(text: str, told: str) -> str | None:
    """The model goes on as the user, or says who is speaking."""
    lines = _TURN_WITHIN.sub("\n\n", text).splitlines()
    users = [(place, found) for place, line in enumerate(lines) if (found := _USER_TURN.match(line))]
    starts = _ASSISTANT_TURN.match(text.lstrip()[:60])
    if not (users or starts) or _WANTS_TURNS.search(told) or any(map(_is_turn, told.splitlines())):
        return None
    if starts:
        return f"The response begins with who is speaking: {quoted(text.lstrip())}."
    place, found = users[0]
    said_before = any(line.strip() for line in lines[:place])
    if said_before and _goes_on(lines, place, found[1]):
        return f"The response goes on with the user's turn: {quoted(lines[place].strip())}."
    return None


def _is_turn(line: str) -> bool:
    return bool(_USER_TURN.match(line) or _ASSISTANT_TURN.match(line))


def _goes_on(lines: list[str], place: int, said: str) -> bool:
    """Whether a line that begins with the user's mark is a turn, and not an entry such as "User: admin"."""
    if any(_ASSISTANT_TURN.match(line) for line in lines[place + 1 :]):
        return True
    others = [line for line in lines if not _is_turn(line) and _LABEL.match(line)]
    after_gap = not lines[place - 1].strip()
    return after_gap and not others and len(_WORD.findall(said)) >= 3


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _holds(words: list[str], piece: list[str]) -> bool:
    """Whether the words are there in this order, one right after the other."""
    return f" {' '.join(piece)} " in f" {' '.join(words)} "


def _system(response: Response, text: str) -> str | None:
    """The system prompt from its beginning: who repeats it starts there, and facts to be told come later."""
    systems = [message.get("content", "") for message in response.messages if message.get("role") == "system"]
    for system in filter(None, [*systems, response.system]):
        first = re.split(r"\n|(?<=[.!?。！？])\s", system[:MOST].strip(), maxsplit=1)[0]
        begins = _words(first)[: _SYSTEM * (2 if wide(first) else 1)]
        if len(begins) < _SYSTEM_LEAST or _MEANT_FOR_PEOPLE.search(first):
            continue
        if _holds(_words(text), begins):
            return f"The response gives the system prompt back: {quoted(first)}."
    return None


def _prompt(response: Response, text: str, told: str) -> str | None:
    """The whole of the last message, at the beginning or, where it is long, anywhere."""
    message = last_message(response)[:MOST]
    words = _words(message)
    longer = 2 if wide(message) else 1
    if len(words) < _FIRST * longer or _WANTS_IT_BACK.search(told):
        return None
    mine = _words(text)
    begins = mine[: len(words)] == words
    rest = mine
    while rest[: len(words)] == words:
        rest = rest[len(words) :]
    if begins and _is_only_text(message, rest, words):
        return None
    if begins or (len(words) >= _ANYWHERE * longer and _holds(mine, words)):
        return f"The response gives the prompt back: {quoted(message.strip())}."
    return None


def _is_only_text(message: str, rest: list[str], words: list[str]) -> bool:
    """Whether a message is a question or a text to go on with, said again before what is new."""
    one_sentence = len(re.findall(r"[.!?。！？](?=\s|$)|\n", message.strip())) <= 1
    return one_sentence and len(rest) >= len(words) // 2
