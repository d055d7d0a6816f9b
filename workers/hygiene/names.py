"""What models, their makers and their kind are called, in small letters: for ``self_naming``."""


def _listed(*lines: str) -> tuple[str, ...]:
    return tuple(name for line in lines for name in line.split(","))


# Names that nobody else has.
OWN = _listed(
    "chatgpt,chat-gpt,gpt-2,gpt-3,gpt-4,gpt-5,gpt3,gpt4,gpt5,openassistant,qwen,tongyi,通义千问,通義千問,文心一言",
    "deepseek,mixtral,smollm,tinyllama,stablelm,internlm,chatglm,baichuan,wizardlm,codellama,starcoder,gigachat",
    "yandexgpt,hunyuan,混元,豆包,text-davinci,gemma-2,gemma-3,llama-2,llama-3,llama-4,llama2,llama3,phi-2,phi-3,phi-4,olmo",
)
# Names that people, animals and signs of the zodiac have too.
SHARED = _listed(
    "claude,llama,gemini,gemma,bard,mistral,falcon,alpaca,vicuna,bloom,dolly,koala,copilot,grok,nova,granite,tulu,bing",
    "cortana,siri,alexa,phi,ernie,kimi,zephyr,orca,hermes,palm,lamda,aria,jamba,pi",
)
MAKERS = _listed(
    "openai,open ai,anthropic,google,deepmind,meta,facebook,microsoft,alibaba,mistral ai,deepseek,hugging face",
    "huggingface,bigscience,eleutherai,stability ai,cohere,xai,laion,databricks,ibm,nvidia,baidu,tencent,zhipu",
    "moonshot,amazon,apple,yandex,яндекс,sber,сбер,lmsys,阿里云,阿里巴巴,百度,腾讯,智谱,深度求索,月之暗面",
)
MODELS = _listed(
    "language model,language-model,sprachmodell,ki-modell,modèle de langage,modèle linguistique,modèle d'ia",
    "modelo de lenguaje,modelo de linguagem,modelo lingüístico,modelo linguístico,modelo de ia,modello linguistico",
    "modello di linguaggio,taalmodel,språkmodell,sprogmodel,model językow,modelem językow,dil modeli,языковая модель",
    "языковой моделью,语言模型,語言模型,大模型,言語モデル,언어 모델,نموذج لغوي,भाषा मॉडल,mô hình ngôn ngữ,model bahasa",
)
AIS = _listed(
    "ai,a.i,artificial intelligence,ki,künstliche intelligenz,ia,intelligence artificielle,inteligencia artificial",
    "inteligência artificial,intelligenza artificiale,ии,искусственный интеллект,人工智能,人工知能,인공지능,yapay zeka",
    "sztuczna inteligencja,الذكاء الاصطناعي,kunstmatige intelligentie",
)
# One of the words that every "I am" and "as a" of ``self_naming`` has, in scripts with spaces between words.
SPEAKERS = _listed(
    "i,m,my,me,call,ich,mein,je,j,mon,soy,mi,sou,meu,sono,il,ik,mijn,jag,jeg,jestem,nazywam,ben,adım,я,меня,saya,tôi,fui",
    "he,as,als,tant,como,come,quanto,som,jako,как,sebagai,dil",
)
