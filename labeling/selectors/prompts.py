"""Prompts as their managers look at them: where each stands, and everything that is known of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from labeling.models import Annotation, Candidate, Project, Prompt, Slot, Task, TaskState
from labeling.selectors.slots import candidate_ids_by_key
from labeling.text import typed


class Stand(StrEnum):
    """Where a prompt stands, in the order of its life."""

    WAITING = "waiting"
    UNUSED = "unused"
    WORKING = "working"
    DONE = "done"

    @property
    def label(self) -> str:
        """The same in words for a page."""
        return {
            "waiting": "Waiting for candidates",
            "unused": "In no queue",
            "working": "In the queues",
            "done": "Done",
        }[self.value]


@dataclass(frozen=True)
class PromptRow:
    """A prompt in a list. `tasks_open` are those with a seat that is not submitted yet."""

    prompt: Prompt
    tasks: int
    tasks_open: int

    @property
    def tasks_done(self) -> int:
        """How many of its tasks need nobody any more."""
        return self.tasks - self.tasks_open

    @property
    def stand(self) -> Stand:
        """Where it stands."""
        if self.prompt.candidates_awaited:
            return Stand.WAITING
        if not self.tasks:
            return Stand.UNUSED
        return Stand.WORKING if self.tasks_open else Stand.DONE


def filtered(project: Project, *, batch: str = "", external_id: str = "", waiting: bool = False) -> QuerySet[Prompt]:
    """The prompts of a project that fit every filter that is given. An index has them for each, in their order."""
    prompts = Prompt.objects.filter(project=project)
    if batch:
        prompts = prompts.filter(batch=batch)
    if external_id:
        prompts = prompts.filter(key=f"id:{external_id}")
    return prompts.filter(candidates_awaited__gt=0) if waiting else prompts


def standing(prompts: QuerySet[Prompt], project: Project, stand: Stand, low: int, high: int) -> QuerySet[Prompt]:
    """Those of the project's `prompts` from one id to another that stand there.

    Asked for their ids alone, PostgreSQL finds them in indexes side by side and opens none of the prompts. For that the
    tasks are told the ids as well, and those that wait are looked up where they stand alone.
    """
    waiting = Prompt.objects.filter(project=project, candidates_awaited__gt=0)
    prompts = prompts.filter(pk__gte=low, pk__lte=high)
    if stand == Stand.WAITING:
        return prompts.filter(candidates_awaited__gt=0)
    tasks = Task.objects.filter(prompt__gte=low, prompt__lte=high)
    this = tasks.filter(prompt=OuterRef("pk"))
    open_ones = tasks.order_by().values("prompt").annotate(number=Count("pk", filter=Q(state=TaskState.OPEN)))
    prompts = prompts.filter(~Exists(waiting.filter(pk=OuterRef("pk"))))
    return {
        Stand.UNUSED: prompts.filter(~Exists(this)),
        Stand.WORKING: prompts.filter(Exists(this.filter(state=TaskState.OPEN))),
        Stand.DONE: prompts.filter(pk__in=open_ones.filter(number=0).values("prompt")),
    }[stand]


def rows(prompts: Sequence[Prompt]) -> list[PromptRow]:
    """The prompts as they were given, each with its tasks counted."""
    counted = (
        Task.objects.filter(prompt__in=[prompt.pk for prompt in prompts])
        .order_by()
        .values_list("prompt_id")
        .annotate(tasks=Count("pk"), still_open=Count("pk", filter=Q(state=TaskState.OPEN)))
    )
    found = {pk: (tasks, still_open) for pk, tasks, still_open in counted}
    return [PromptRow(prompt, *found.get(prompt.pk, (0, 0))) for prompt in prompts]


@dataclass(frozen=True)
class Answer:
    """One question's answer, for reading. `value` names candidates by number where the stored one has keys; that of an
    edit also has the `original`, and each mark its `quote`.
    """

    title: str
    type: str
    value: Any


@dataclass(frozen=True)
class SlotRow:
    """A seat on a task, and what was answered on it."""

    slot: Slot
    annotation: Annotation | None
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class TaskRow:
    """A task of a prompt with its seats in order."""

    task: Task
    slots: list[SlotRow] = field(default_factory=list)


def tasks_of(prompt: Prompt, numbers: dict[int, int]) -> list[TaskRow]:
    """The tasks of a prompt with their seats and the newest answers. `numbers` are the candidates' by their ids."""
    found = {
        task.pk: TaskRow(task)
        for task in Task.objects.filter(prompt=prompt).select_related("queue").order_by("queue__name", "pk")
    }
    slots = Slot.objects.filter(task__in=found).select_related("annotator", "form").order_by("seat", "pk")
    newest = {
        annotation.slot_id: annotation
        for annotation in Annotation.objects.filter(slot__task__in=found, undone_at__isnull=True)
        .select_related("form")
        .order_by("version")
    }
    texts = _texts(prompt, newest.values())
    for slot in slots:
        annotation = newest.get(slot.pk)
        answers = tuple(_readable(annotation, slot, numbers, texts)) if annotation else ()
        found[slot.task_id].slots.append(SlotRow(slot, annotation, answers))
    return list(found.values())


def numbered(prompt: Prompt) -> dict[int, Candidate]:
    """The candidates of a prompt by the numbers that its page gives them, from 1, in the order they were made."""
    return dict(enumerate(Candidate.objects.filter(prompt=prompt).order_by("pk"), start=1))


def _texts(prompt: Prompt, annotations: Iterable[Annotation]) -> dict[int, str]:
    """The texts of the prompt's candidates by their ids, where an answer is about parts of them; else nothing."""
    asked = {question["type"] for annotation in annotations for question in annotation.form.questions}
    if asked.isdisjoint(_QUOTING):
        return {}
    return dict(Candidate.objects.filter(prompt=prompt).values_list("pk", "text"))


def _readable(annotation: Annotation, slot: Slot, numbers: dict[int, int], texts: dict[int, str]) -> list[Answer]:
    ids = candidate_ids_by_key(slot)
    names = {key: f"Candidate {numbers.get(pk, '?')}" for key, pk in ids.items()}
    return readable(annotation, names, {key: texts.get(pk, "") for key, pk in ids.items()})


def readable(annotation: Annotation, names: dict[str, str], texts: Mapping[str, str]) -> list[Answer]:
    """The answers in the form's order, for reading. `names` and `texts` of the candidates by their keys."""
    found = []
    for question in annotation.form.questions:
        if question["name"] not in annotation.answers:
            continue
        value = annotation.answers[question["name"]]
        if question["type"] in _BESIDE:
            value = _BESIDE[question["type"]](value, texts, question)
        found.append(Answer(question["title"], question["type"], _named(value, names)))
    return found


def _with_original(value: Any, texts: Mapping[str, str], question: Mapping[str, Any]) -> Any:
    # As a field for text would hold it: what the edit began with.
    original = texts.get(value["candidate"], "")
    return {**value, "original": typed(original).strip()}


def _with_quotes(value: Any, texts: Mapping[str, str], question: Mapping[str, Any]) -> Any:
    return {
        key: [{**mark, "quote": texts.get(key, "")[mark["start"] : mark["end"]]} for mark in marks]
        for key, marks in value.items()
    }


def _with_degree(value: Any, texts: Mapping[str, str], question: Mapping[str, Any]) -> Any:
    degrees = question["strengths"]
    return {**value, "degree": degrees[value["strength"] - 1]} if value.get("strength") and degrees[1:] else value


_Beside = Callable[[Any, Mapping[str, str], Mapping[str, Any]], Any]
# What is shown beside the answers of a type: of the candidates' texts, by their keys, and of the question's own words.
_BESIDE: dict[str, _Beside] = {"edit": _with_original, "spans": _with_quotes, "compare": _with_degree}
# Those that quote from the candidates' texts.
_QUOTING = ("edit", "spans")

# The parts of answers whose values are keys of candidates. Anywhere else a text that looks like a key is a text.
_POINTING = ("candidate", "groups", "preferred")


def _named(value: Any, names: Mapping[str, str], *, pointing: bool = False) -> Any:
    """An answer with its candidates' keys as names, wherever they stand. Texts, labels and options stay."""
    if isinstance(value, dict):
        return {
            names.get(part, part): _named(inner, names, pointing=part in _POINTING) for part, inner in value.items()
        }
    if isinstance(value, list):
        return [_named(inner, names, pointing=pointing) for inner in value]
    return names.get(value, value) if pointing and isinstance(value, str) else value


def provenance(candidate: Candidate) -> dict[str, Any]:
    """Where a candidate came from, for exports and managers."""
    return {
        "origin": candidate.origin,
        "model": candidate.model,
        "revision": candidate.revision,
        "backend": candidate.backend,
        "generator": candidate.generator,
        "sampling": candidate.sampling,
        "seed": candidate.seed,
        "prompt_tokens": candidate.prompt_tokens,
        "completion_tokens": candidate.completion_tokens,
        "finish_reason": candidate.finish_reason,
        "seconds": candidate.seconds,
        **candidate.provenance,
    }
