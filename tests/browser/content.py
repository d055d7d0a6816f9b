"""A small project as it would look in earnest: prompts and responses with lists, code, math and several scripts."""

from __future__ import annotations

from labeling.importing import PromptLine, Rejected
from labeling.importing.base import parse
from labeling.models import Project, Queue, Role, User
from labeling.services import projects, prompts, queues

GUIDELINES = """\
# What a good response is

A good response does what was asked, is **true**, and is as long as it needs to be.

1. Read the prompt to its end before you look at the responses.
2. Check facts and run code in your head. A confident mistake is worse than an honest doubt.
3. Two responses that you would be equally glad to get are a tie.

| more important | less important |
|---|---|
| true | polished |
| complete | long |

Skip what you cannot judge, and say why.
"""

RANKING: list[dict[str, object]] = [
    {
        "external_id": "r0",
        "language": "en",
        "system": "You are a patient tutor.",
        "prompt": "I keep mixing up **mean** and **median**. Can you explain the difference with a small example, "
        "and tell me when I should use which? A line of Python would help too.",
        "candidates": [
            {
                "model": "secret-model-one",
                "text": "The **mean** is the sum divided by the count, the **median** is the middle value.\n\n"
                "Take the wages 20, 22, 24, 26 and 200:\n\n"
                "- mean: $\\frac{20+22+24+26+200}{5} = 58.4$\n- median: $24$\n\n"
                "One large value pulls the mean up, and the median does not move. Use the median for skewed data such "
                "as incomes, and the mean when the values lie evenly around their centre.\n\n"
                "```python\nfrom statistics import mean, median\n\nwages = [20, 22, 24, 26, 200]\n"
                "print(mean(wages), median(wages))  # 58.4 24\n```\n",
            },
            {
                "model": "secret-model-two",
                "text": "Mean and median are both averages. The mean is what most people call the average. You add all "
                "the numbers and divide. The median is when you put the numbers in order and take the one in the "
                "middle. You should use the mean most of the time.",
            },
            {
                "model": "secret-model-three",
                "text": "### Short answer\n\n| | mean | median |\n|---|--:|--:|\n| 1, 2, 3 | 2 | 2 |\n"
                "| 1, 2, 30 | 11 | 2 |\n\nThe mean uses **every** value, so it feels outliers:\n\n"
                "$$\\bar{x} = \\frac{1}{n}\\sum_{i=1}^{n} x_i$$\n\n"
                "The median only asks which value stands in the middle.\n\n> Use the median when a few values are far "
                "away from the rest.\n\n`numpy.mean(x)` and `numpy.median(x)` compute both.",
            },
            {
                "model": "secret-model-four",
                "text": "The median is the most frequent value and the mean is the middle one. In 1, 2, 2, 9 the "
                "median is therefore 2 and the mean is 2 as well. Use whichever is larger.",
            },
        ],
    },
    {
        "external_id": "r1",
        "language": "ar",
        "prompt": "اكتب جملة ترحيب قصيرة لموقع مكتبة عامة، واذكر أن الدخول مجاني.",
        "candidates": [
            {"model": "m1", "text": "أهلاً بكم في المكتبة العامة! الدخول مجاني للجميع، والكتب بانتظاركم."},
            {"model": "m2", "text": "مرحبا. المكتبة مفتوحة."},
            {"model": "m3", "text": "Welcome to the library. Entry is free."},
            {"model": "m4", "text": "المكتبة العامة ترحب بكم: الدخول مجاني، وساعات العمل من 9:00 إلى 17:00."},
        ],
    },
    {
        "external_id": "r2",
        "prompt": "Name three rivers in Africa.",
        "candidates": [
            {"model": f"m{n}", "text": text}
            for n, text in enumerate(["Nile, Congo, Niger.", "Nile.", "Amazon.", "Nile"])
        ],
    },
]

WRITING: list[dict[str, object]] = [
    {
        "external_id": "w0",
        "priority": 5,
        "messages": [
            {"role": "user", "content": "My sourdough does not rise. What could be wrong?"},
            {"role": "assistant", "content": "Most often the starter is weak or the kitchen is cold. How warm is it?"},
            {"role": "user", "content": "About 17 °C, and the starter is two weeks old. It smells of *nail varnish*."},
        ],
        "context": [
            {
                "title": "Feeding a starter",
                "text": "A smell of acetone means that the starter is hungry. Feed it **1 : 5 : 5** twice a day at "
                "24–26 °C until it doubles within six hours.",
                "url": "https://example.org/starter",
            }
        ],
        "language": "en",
    },
    {"external_id": "w1", "prompt": "Write a haiku about the sea at night.", "language": "en"},
    {"external_id": "w2", "prompt": "Say in one sentence what photosynthesis is.", "language": "en"},
]


def _parsed(lines: list[dict[str, object]]) -> list[PromptLine | Rejected]:
    return [parse(line, number) for number, line in enumerate(lines, 1)]


def reading_room(manager: User, annotators: list[User]) -> tuple[Project, Queue, Queue]:
    """The project “Reading room” with a queue to rank in and one to write in."""
    project = projects.create(name="Reading room", guidelines=GUIDELINES, by=manager)
    for annotator in annotators:
        projects.add_member(project, email=annotator.email, role=Role.ANNOTATOR, by=manager)
    prompts.import_lines(project, _parsed(RANKING), source="jsonl", by=manager)
    rank = queues.create(project, name="Rank answers", slug="rank", preset="ranking", overlap=2, by=manager)
    queues.change(rank, state="paused", by=manager)  # prompts for writing have no candidates and stay out of it
    queues.change(rank, state="open", by=manager)
    prompts.import_lines(project, _parsed(WRITING), source="jsonl", by=manager)
    write = queues.create(project, name="Write answers", slug="write", preset="demonstrations", by=manager)
    return project, rank, write
