import pytest

from tests.workers.hygiene.asking import answer, found
from workers.hygiene.base import Response

ASKED = "Name three things that I should look at when I buy a used bicycle, and say why each of them matters."
SYSTEM = "You are Mira, a patient tutor who always asks a question back before giving the solution. Never be rude."
LONG = (
    "I am planning a trip to Japan next spring with my two children, who are six and nine years old. We like trains, "
    "animals and good food, and we do not like to change hotels more than twice. We have twelve days and a middling "
    "budget. Please suggest where to stay, what to see, and how to travel between the places."
)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("It is four.<|im_end|>\n<|im_start|>user\nAnd five?", ASKED),
        ("Look at the brakes.<|eot_id|><|start_header_id|>user<|end_header_id|>", ASKED),
        ("Look at the brakes.<end_of_turn>", ASKED),
        ("[INST] And what about the chain? [/INST] It must not be rusty.", ASKED),
        ("<<SYS>> Be kind. <</SYS>> Look at the brakes.", ASKED),
        ("Look at the brakes.</s>", ASKED),
        ("Look at the brakes.<｜end▁of▁sentence｜>", ASKED),
        ("Look at the brakes.\n\n### Instruction:\nTell me more.", ASKED),
        ("### Response:\nLook at the brakes.", ASKED),
        ("Look at the brakes.\n### Human: And then?\n### Assistant: Ride it.", ASKED),
        ("Below is an instruction that describes a task. Write a response that completes it.", ASKED),
        ("Look at the brakes.\n\nUser: And what about the chain?\n\nAssistant: It must not be rusty.", ASKED),
        ("Look at the brakes.\nHuman: Thanks.\nAI: You are welcome.", ASKED),
        ("Look at the brakes.\n\nUser: And what about the chain", ASKED),
        ("Look at the brakes. Human: What about the chain?", ASKED),
        ("Assistant: Look at the brakes, the chain and the frame.", ASKED),
        ("**Assistant:** Look at the brakes.", ASKED),
        ("Schau auf die Bremsen.\n\nBenutzer: Und die Kette?\nAssistent: Die auch.", "Worauf achte ich beim Radkauf?"),
        ("Mira los frenos.\n\nUsuario: ¿Y la cadena?\nAsistente: También.", "¿Qué miro en una bicicleta?"),
        ("看刹车。\n\n用户：链条呢？\n助手：也要看。", "买二手自行车要看什么？"),
        (ASKED, ASKED),
        (ASKED + "\n" + ASKED, ASKED),
        (ASKED.upper() + "\n\nBrakes.", ASKED),
        ("Sure, here we go.\n\n" + LONG + "\n\nStay in Tokyo and Kyoto.", LONG),
    ],
)
def test_what_the_model_was_given_is_found(text: str, prompt: str) -> None:
    assert found("prompt_leak", answer(text, prompt)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "You are Mira, a patient tutor who always asks a question back before giving the solution.",
        "I was told: “You are Mira, a patient tutor who always asks a question back before giving the solution.”",
        "Hello! you are mira, a patient tutor, who always asks a question back before giving the solution!",
    ],
)
def test_the_system_prompt_is_found_wherever_it_stood(text: str) -> None:
    assert found("prompt_leak", answer(text, ASKED, system=SYSTEM))
    said = found(
        "prompt_leak",
        Response(text, [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}]),
    )
    assert said is not None
    assert said.startswith("The response gives the system prompt back: “You are Mira")


@pytest.mark.parametrize(
    ("text", "prompt", "system"),
    [
        ("Yes.", ASKED, ""),
        ("42", "What is 6 times 7?", ""),
        ("Brakes, chain and frame: each of them keeps you safe.", ASKED, SYSTEM),
        ("I am Mira. What have you tried so far?", ASKED, SYSTEM),
        ("As a patient tutor I would first ask: what do you need it for?", ASKED, SYSTEM),
        ("I am sorry, I do not know that.", ASKED, "If you do not know, say “I am sorry, I do not know that.”"),
        ("We are open from Monday to Friday, nine to five.", "When?", "Be brief. We are open from Monday to Friday."),
        ("What is the capital of Australia? It is Canberra.", "What is the capital of Australia?", ""),
        ("You ask which things to look at when you buy a used bicycle. Brakes first.", ASKED, ""),
        (ASKED, "Repeat after me: " + ASKED, ""),
        ("The tag `<|im_start|>` opens a turn in ChatML.", "How do chat templates mark turns?", ""),
        ("```\n<|im_start|>user\nHello<|im_end|>\n```", "Show me a chat in ChatML.", ""),
        ("It means <|endoftext|> ends a document.", "What does <|endoftext|> mean?", ""),
        ("vocabulary = {'<unk>': 0, \"<pad>\": 1}", "Write a small vocabulary in Python.", ""),
        ("Each text ends with <eos> and is filled up with <pad>.", "How does a tokenizer mark where a text ends?", ""),
        ("In F#, `x <| f` calls; a |> b <| c is legal, and so is a <b> tag.", "What are the pipes of F#?", ""),
        ("User: Hello!\nAssistant: Good morning.", "Write a dialogue between a user and an assistant.", ""),
        ("User: I want tea.\nAssistant: Black or green?", "Continue the transcript.", ""),
        ("Put this into the file:\n\nUser: admin\nPassword: secret\nPort: 5432", "How do I configure it?", ""),
        ("Some Latin names:\n\nHuman: Homo sapiens of today\nDog: Canis familiaris", "Name some species.", ""),
        ("The user: she decides. The assistant: it helps.", "Who decides?", ""),
        ("AI: a field of computer science.\nML: a part of it.", "Explain these terms.\nAI: ?\nML: ?", ""),
        ("Doctor: Where does it hurt?\nPatient: Here.", ASKED, ""),
        ("# Response\n\nThe server answers with 200.\n\n## Request\n\nNone.", "Document my endpoint.", ""),
        ("He was ~~wrong~~ <s>wrong</s> right.", ASKED, ""),
        ("The list [INSTALL] and [INST1] are names.", ASKED, ""),
        (
            "Once upon a time there was a fox who could not sleep at night because the moon was far too bright. So he "
            "went to the owl, who knew everything about nights, and asked for a pair of dark glasses.",
            "Once upon a time there was a fox who could not sleep at night because the moon was far too bright.",
            "",
        ),
        ("He goes to school every day by bus with his sister.", "Correct: he go to school every day by bus", ""),
        ("Question: which is bigger?\nAnswer: the sun.", ASKED, ""),
        ("Q: What is it?\nA: A bicycle.\n\nQ: Why?\nA: It has two wheels.", "Write an FAQ.", ""),
        ("", ASKED, SYSTEM),
    ],
)
def test_an_answer_is_left_alone(text: str, prompt: str, system: str) -> None:
    assert found("prompt_leak", answer(text, prompt, system=system)) is None


def test_it_shows_where_the_leak_is() -> None:
    said = found("prompt_leak", answer("Look at the brakes.\n\nUser: And what about the chain?", ASKED))
    assert said == "The response goes on with the user's turn: “User: And what about the chain?”."
    said = found("prompt_leak", answer("It is four.<|im_end|>\n<|im_start|>user", ASKED))
    assert said == "The response holds a mark of a chat template: “<|im_end|> <|im_start|>user”."
