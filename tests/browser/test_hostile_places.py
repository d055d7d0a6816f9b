"""Hostile texts in places that few people open: what was done, marked, edited, refused, skipped, imported, exported;
and while responses stand in other ways. THOROUGH=1 shows all texts there; without it, each place gets a part of them.
"""

from io import BytesIO
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeling.importing import SOURCES
from labeling.importing.base import parse
from labeling.models import Draft, Project, PromptImport, Queue, Slot, User
from labeling.services import annotations, duplicates, imports, prompts, queues, skips, slots
from tests import make
from tests.browser.conftest import Visitor, person
from tests.browser.test_hostile import FORM, GROUPS, NOTES, TOGETHER, USABLE, Watch, faults, typed
from tests.browser.tour import THOROUGH

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE_NAME = '"><img src=x onerror=hacked=1>{{ 7*7 }}\u202e'
KEYS = "abcdefghi"
MARKED: list[dict[str, Any]] = [
    {"name": "edited", "type": "edit"},
    {"name": "marks", "type": "spans", "labels": ["Error", "<b onclick=hacked=1>Good"], "required": False},
]


def part(every: int, start: int = 0) -> list[list[str]]:
    """Groups of texts: every so many of them, or all."""
    return GROUPS if THOROUGH else GROUPS[start::every]


def lines(groups: list[list[str]]) -> list[Any]:
    """A prompt for each group, whose texts are its responses."""
    found = [
        {"prompt": group[0], "external_id": f"g{n}", "candidates": [{"text": f"{text}\n\nend"} for text in group]}
        for n, group in enumerate(groups)
    ]
    return [parse(line, number) for number, line in enumerate(found, 1)]


@pytest.fixture
def ann(transactional_db: None) -> User:
    ann = person("ann")
    ann.name = HOSTILE_NAME
    ann.save(update_fields=["name"])
    return ann


@pytest.fixture
def project(ann: User) -> Project:
    return make.project(annotators=[ann], slug="hostile")


def filled(project: Project, groups: list[list[str]], **fields: Any) -> Queue:
    """A queue with a task for each group."""
    prompts.import_lines(project, lines(groups), source="jsonl", by=make.manager(project))
    return make.queue(project, **fields)


def given(group: list[str]) -> dict[str, Any]:
    """Answers to FORM that are the group's texts; what must not be blank is not."""
    texts = zip(["response", *NOTES], group, strict=True)
    return {"ranking": {"groups": [[key] for key in KEYS]}} | {name: {"text": f"{text}\n."} for name, text in texts}


def take(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def clean(page: Page, place: str) -> None:
    assert {place: faults(page)} == {place: []}


def test_in_what_somebody_has_done(visitor: Visitor, project: Project, ann: User) -> None:
    groups = part(7)
    queue = filled(project, groups, form=FORM)
    done = []
    for group in groups:
        slot = take(queue, ann)
        done.append((make.answered(slot, ann, given(group)), group))
    watch = Watch(visitor)
    visitor.enter(ann)
    clean(visitor.open(f"/label/{queue.pk}/done/"), "what was done")
    for annotation, group in done:
        page = visitor.open(f"/label/{queue.pk}/done/{annotation.slot_id}/")
        clean(page, "a correction")
        expect(page.locator("[name='q.response']")).to_have_value(typed(f"{group[0]}\n.").strip())
    queues.change(queue, state="closed", by=make.manager(project))
    for annotation, _ in done:
        clean(visitor.open(f"/label/{queue.pk}/done/{annotation.slot_id}/"), "what cannot be corrected any more")
    visitor.enter(make.manager(project))
    for prompt in project.prompts.order_by("pk")[:2]:
        clean(visitor.open(f"/projects/hostile/prompts/{prompt.pk}/"), "answers as a manager reads them")
    for choice in ("raw", "sft", "preference", "prompts"):
        clean(visitor.open(f"/projects/hostile/export/?format={choice}"), f"an export as {choice}")
    watch.check(pages=("/label/", "/projects/"))


def test_in_answers_that_could_not_be_taken(visitor: Visitor, project: Project, ann: User) -> None:
    groups = part(9, 2)
    queue = filled(project, groups, form=FORM)
    visitor.expected.append("409")
    watch = Watch(visitor)
    visitor.enter(ann)
    for group in groups:
        slot = take(queue, ann)
        Draft.objects.create(slot=slot, annotator=ann, answers=given(group), revision=1)
        page = visitor.open(f"/label/{queue.pk}/")
        page.evaluate("""() => {
          const form = document.querySelector("#task");
          form.elements.lease.value = crypto.randomUUID();
          form.submit();
        }""")
        page.get_by_role("heading", name="Your answer could not be taken").wait_for()
        clean(page, "texts that are given back")
        expect(page.locator("textarea")).to_have_count(TOGETHER)
        annotations.submit(slot, given(group), lease=str(slot.lease), by=ann)
    watch.check(pages=("/label/",))


def test_in_marks_and_changes(visitor: Visitor, project: Project, ann: User) -> None:
    """Each text is marked as a whole, with itself as the comment; and edited into the one after it."""
    groups = part(7, 3)
    queue = filled(project, groups, form=MARKED)
    watch = Watch(visitor)
    visitor.enter(ann)
    for group in groups:
        slot = take(queue, ann)
        marks = {
            key: [{"start": 0, "end": len(text), "label": MARKED[1]["labels"][1], "comment": text[:4000]}]
            for key, text in zip(_keys(slot), _texts(slot), strict=True)
        }
        first = _keys(slot)[0]
        answers = {"edited": {"candidate": first, "text": f"{group[1]}\n."}, "marks": marks}
        Draft.objects.create(slot=slot, annotator=ann, answers=answers, revision=1)
        page = visitor.open(f"/label/{queue.pk}/")
        expect(page.locator(".mark")).to_have_count(TOGETHER)
        page.locator(".changes__text :is(ins, del)").first.wait_for()
        clean(page, "marks and changes")
        annotations.submit(slot, answers, lease=str(slot.lease), by=ann)
        clean(visitor.open(f"/label/{queue.pk}/done/{slot.pk}/"), "marks and changes to be corrected")
    queues.change(queue, state="closed", by=make.manager(project))
    for slot in Slot.objects.filter(queue=queue, annotator=ann):
        clean(visitor.open(f"/label/{queue.pk}/done/{slot.pk}/"), "marks and changes that stand")
    watch.check(pages=("/label/",))


def _keys(slot: Slot) -> str:
    return KEYS[: len(slot.candidate_order)]


def _texts(slot: Slot) -> list[str]:
    found = dict(slot.task.prompt.candidates.values_list("pk", "text"))
    return [found[pk] for pk in slot.candidate_order]


# Keys that are pressed one after the other, and what the responses are then.
WAYS = [
    ("l", "one below the other"),
    ("r", "as they were written"),
    ("l", "one at a time"),
    ("r", "rendered"),
    ("x", "whole"),
    ("v", "with what varies"),
    ("m", "with matches dimmed"),
    ("pjp", "two of them pinned"),
]


def test_however_responses_stand(visitor: Visitor, project: Project, ann: User) -> None:
    groups = part(9, 4)
    queue = filled(project, groups, preset="ranking")
    watch = Watch(visitor)
    visitor.enter(ann)
    for _ in groups:
        page = visitor.open(f"/label/{queue.pk}/")
        for keys, way in WAYS:
            for key in keys:
                page.keyboard.press(key)
            clean(page, way)
        slot = take(queue, ann)
        order = {"ranking": {"groups": [[key] for key in _keys(slot)]}}
        annotations.submit(slot, order, lease=str(slot.lease), by=ann)
    watch.check(pages=("/label/", "/profile/", "blank"))


def test_in_skips_and_among_what_is_held(visitor: Visitor, project: Project, ann: User) -> None:
    groups = part(3, 1)
    queue = filled(project, groups, preset="ranking")
    for text in [text for group in groups for text in group][: len(groups) - 1]:
        slot = take(queue, ann)
        skips.skip(slot, lease=str(slot.lease), reason="other", comment=text[:5000], by=ann)
    take(queue, ann)
    task = queue.tasks.earliest("pk")
    watch = Watch(visitor)
    visitor.enter(make.manager(project))
    for place in ("skips/", "skips/?reason=other", "live/", f"live/?task={task.pk}", ""):
        clean(visitor.open(f"/projects/hostile/queues/{queue.pk}/{place}"), place)
    for place in ("members/", "events/"):
        clean(visitor.open(f"/projects/hostile/{place}"), place)
    watch.check(pages=("/projects/",))


def test_in_imports_and_duplicates(visitor: Visitor, project: Project) -> None:
    manager = make.manager(project)
    broken = "\n".join(text.replace("\n", " ").replace("\r", " ") for text in USABLE)
    stream = BytesIO(broken.encode())
    imports.import_lines(project, SOURCES["jsonl"](stream), source="jsonl", filename=HOSTILE_NAME[:60], by=manager)
    twice = [parse({"prompt": text, "external_id": f"{n}.{at}"}, n) for at, text in enumerate(USABLE) for n in (1, 2)]
    imports.import_lines(project, twice, source="jsonl", by=manager)
    duplicates.search(project, by=manager)
    duplicates.work()
    watch = Watch(visitor)
    visitor.enter(manager)
    clean(visitor.open("/projects/hostile/imports/"), "imports")
    for record in PromptImport.objects.filter(project=project):
        page = visitor.open(f"/projects/hostile/imports/{record.pk}/")
        clean(page, "an import")
        if record.rejected:
            assert page.locator("tbody tr").count() > 50
    page = visitor.open("/projects/hostile/duplicates/")
    assert page.locator(".tiles article").count() >= 20
    number = 0
    while True:
        clean(page, f"page {number} of duplicates")
        older = page.get_by_role("link", name="Older")
        number += 1
        if not older.count() or (number == 2 and not THOROUGH):
            break
        older.first.click()
        page.wait_for_load_state()
    watch.check(pages=("/projects/",))


def test_in_a_form_and_its_preview(visitor: Visitor, project: Project, ann: User) -> None:
    """A manager's words are no model's, but they may be copied from one."""
    short = [text.strip() for text in USABLE if 0 < len(text.strip()) <= 150 and text.strip().isprintable()]
    short = list(dict.fromkeys(short))
    for start in range(0, len(short), 60 if THOROUGH else 150):
        some = short[start : start + 60]
        form = [
            {"name": "one", "type": "choose", "title": some[0], "help": some[1], "options": some[2:20]},
            {"name": "two", "type": "rate", "title": some[3], "min": 0, "max": 1, "labels": some[4:6], "help": some[6]},
            {"name": "three", "type": "spans", "title": some[7], "labels": some[20:30], "help": some[8]},
            {"name": "four", "type": "compare", "title": some[9], "strengths": some[10:14]},
            {"name": "five", "type": "comment", "title": some[14], "help": some[15]},
        ]
        queue = filled(project, GROUPS[:1], form=form, candidates_max=2)
        watch = Watch(visitor)
        visitor.enter(ann)
        clean(visitor.open(f"/label/{queue.pk}/"), "a form")
        visitor.enter(make.manager(project))
        page = visitor.open(f"/projects/hostile/queues/{queue.pk}/form/")
        clean(page, "a form that is changed")
        frame = page.frame_locator(".stage__frame:not([data-coming])")
        expect(frame.locator(".question").first).to_be_attached()
        assert not any(frame.evaluate("() => 'hacked' in window") for frame in page.frames)
        watch.check(pages=("/label/", "/projects/", "blank", "srcdoc"))
