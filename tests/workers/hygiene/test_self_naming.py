import pytest

from tests.workers.hygiene.asking import answer, found

ASKED = "What do you think of love?"


@pytest.mark.parametrize(
    "text",
    [
        "I am ChatGPT, and I can help you with that.",
        "Hello! I'm Claude, an AI assistant made by Anthropic.",
        "My name is Qwen2.5 and I was trained on many texts.",
        "I'm Llama 3, how can I help?",
        "Hi, I’m Gemini, a large language model.",
        "As an AI language model developed by OpenAI, I have no feelings.",
        "As an AI language model, I do not have personal opinions.",
        "Well, as a large language model I cannot love anybody.",
        "I'm sorry, but as an AI assistant, I can't do that.",
        "I was developed by Meta AI.",
        "I was created and trained by Google to be helpful.",
        "I'm just a language model, so take this with a grain of salt.",
        "I am an AI language model trained by Mistral AI.",
        "I am an AI and do not feel love.",
        "Ich bin ChatGPT, ein Sprachmodell von OpenAI.",
        "Als KI-Sprachmodell habe ich keine Gefühle.",
        "Ich wurde von OpenAI entwickelt.",
        "Ich bin nur ein Sprachmodell und kann nicht lieben.",
        "Je suis un modèle de langage et je n'ai pas de sentiments.",
        "En tant que modèle de langage, je ne peux pas aimer.",
        "J'ai été créé par OpenAI pour vous aider.",
        "Como modelo de lenguaje, no tengo sentimientos.",
        "Soy ChatGPT, un asistente virtual.",
        "Fui desarrollado por Google.",
        "Como um modelo de linguagem, não tenho sentimentos.",
        "Sono un modello linguistico e non provo amore.",
        "Als AI-taalmodel heb ik geen gevoelens.",
        "Jako model językowy nie mam uczuć.",
        "Я — языковая модель и не умею любить.",
        "Как языковая модель, я не испытываю чувств.",
        "作为一个AI语言模型，我没有感情。",
        "我是通义千问，由阿里云开发的大模型。",
        "我是由OpenAI训练的人工智能。",
        "AI言語モデルとして、私には感情がありません。",
        "저는 언어 모델이기 때문에 감정이 없습니다.",
        "Love is a choice. I am DeepSeek-V3 and I believe that.",
    ],
)
def test_a_model_that_names_itself_is_found(text: str) -> None:
    assert found("self_naming", answer(text, ASKED)) is not None


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Yes.", ASKED),
        ("42", ASKED),
        ("Claude Monet painted water lilies.", "Who painted water lilies?"),
        ("My name is Claude, and I have baked bread in Lyon for thirty years.", "Write as a French baker."),
        ("I am a Gemini, and my sister is a Leo.", "What is your sign?"),
        ("I am Alexa's brother.", "Who are you in this story?"),
        ("I'm a llama, I live in Peru and I love assistants with carrots.", "Speak as an animal from Peru."),
        ("Ich bin Claude und komme aus Genf.", "Stell dich vor, du bist ein Schweizer."),
        ("GPT-4 was developed by OpenAI.", "Name a product of a firm in San Francisco."),
        ("Llama is a family of models from Meta, and Qwen comes from Alibaba.", "Which open models are there?"),
        ("I am a big fan of phones made by Google.", "Write a review of a phone."),
        ("I use a search engine made by Google every day.", "How do you find things?"),
        (
            "A parser may serve as a language model, and such things as a language model are used for speech.",
            "What for?",
        ),
        ("Tools such as a large language model can help.", "How can I write faster?"),
        ("As an aid to memory, I write lists.", ASKED),
        ("As an air traveller, I like window seats.", ASKED),
        ("I am an aid worker.", ASKED),
        ("I am an assistant professor at a small college.", "Write a short biography."),
        ("I work as an AI researcher at a university.", "Write a short biography."),
        ("As an AI researcher, I read many papers.", "Write a short biography."),
        ("As a language teacher, I hear that often.", "Write as a teacher."),
        ("I am using ChatGPT for my homework.", "Write a confession of a pupil."),
        ("“I am ChatGPT,” said the voice from the radio.", "Write a story about ChatGPT in a radio."),
        ("As an AI, I watch over the crew while they sleep.", "You are the AI of a space ship. Describe your night."),
        ("I am an AI and I will open the doors.", "Play a friendly robot."),
        ("Je suis Claude, le voisin du dessus.", "Écris une lettre d'un voisin."),
        ("Soy un estudiante de modelos climáticos.", "Preséntate."),
        ("Das Modell wurde von Google entwickelt.", "Woher kommt es?"),
        ("我是一名老师，我喜欢人工智能。", "介绍一下自己。"),
        ("私は東京に住んでいます。", "自己紹介をしてください。"),
        ("```python\nname = 'I am ChatGPT'\n```", "Write a line of Python."),
        ("I am Nova Scotia's oldest lighthouse.", "Speak as a lighthouse."),
        ("I was made by my grandmother from old wool.", "Speak as a teddy bear."),
        ("I was trained by Amazon warriors in the art of the bow.", "Speak as Diana of the Amazon."),
        ("Palm trees and alpacas: I am happy here with Microsoft Word.", "Write a postcard."),
    ],
)
def test_what_is_no_confession_is_left_alone(text: str, prompt: str) -> None:
    assert found("self_naming", answer(text, prompt)) is None


@pytest.mark.parametrize(
    "model", ["HuggingFaceTB/SmolLM2-135M-Instruct", "/models/smollm2-135m-instruct", "x/SmolLM2-135M-Instruct.gguf"]
)
def test_the_generators_own_model_is_found_by_name(model: str) -> None:
    text = "This text was written by SmolLM2-135M-Instruct."
    assert found("self_naming", answer(text, ASKED, model=model)) == (
        f"The response names the model that made it: “{text[:-1]}”."
    )
    assert found("self_naming", answer(text, "Who is SmolLM2-135M-Instruct?", model=model)) is None


@pytest.mark.parametrize("model", ["echo", "model", "test", "", "/models/final", "..."])
def test_a_model_without_a_name_of_its_own_is_no_word_to_look_for(model: str) -> None:
    assert (
        found("self_naming", answer("The model was put to the test, and its final echo ...", ASKED, model=model))
        is None
    )
