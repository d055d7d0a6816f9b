"""Hostile texts in a real browser, wherever a text of somebody's can stand: nothing runs, nothing is loaded, nothing
leaves its card, and the page goes on working."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Dialog, Page, Request, expect

from labeling.importing.base import parse
from labeling.models import Annotation, Draft, Project, Queue, Slot, User
from labeling.services import projects, prompts
from tests import make
from tests.browser.conftest import Visitor, person
from tests.browser.tour import DRAWN
from tests.labeling.hostile import TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TOGETHER = 9  # texts on one page: as many as it shows candidates
USABLE = [text.replace("\x00", "\ufffd") for text in TEXTS]
USABLE += ["filler"] * (-len(USABLE) % TOGETHER)
GROUPS = [USABLE[at : at + TOGETHER] for at in range(0, len(USABLE), TOGETHER)]
NOTES = [f"note{n}" for n in range(1, TOGETHER)]
FORM: list[dict[str, Any]] = [
    {"name": "ranking", "type": "rank", "ties": True},
    {"name": "response", "type": "write"},
    *({"name": name, "type": "comment", "required": False} for name in NOTES),
]

# What is wrong with a page that shows such texts, in words.
FAULTS = r"""() => {
  const faults = [];
  const say = (what, element) => faults.push(`${what}: ${element.outerHTML.slice(0, 200)}`);
  const texts = [...document.querySelectorAll(".prose")];
  // A form with a field of that name gives the field for `form.attributes`.
  const ATTRIBUTES = Object.getOwnPropertyDescriptor(Element.prototype, "attributes").get;
  if ("hacked" in window || {}.hacked) faults.push("a script ran");
  // Wherever else a text may stand, the page has none of these itself.
  const own = "#stored-draft, #form-catalog, .katex *, .stage__frame";
  for (const id of ["stored-draft", "form-catalog", "task"]) {
    if (document.querySelectorAll(`#${id}`).length > 1) faults.push(`there are two of #${id}`);
  }
  for (const element of document.querySelectorAll("main *, dialog *")) {
    if (element.matches(own)) continue;
    if (element.matches(`img, picture, video, audio, source, track, script, iframe:not(.stage__frame), frame, object,
        embed, applet, style, link, meta, base, marquee`)) say("an element that the page has not", element);
    for (const { name, value } of ATTRIBUTES.call(element)) {
      if (/^on|^(srcdoc|srcset|ping|poster|background)$/.test(name)) say(`an attribute ${name}`, element);
      const address = /^(href|action|formaction|src|xlink:href)$/.test(name);
      if (address && /^\s*(javascript|data|vbscript|blob):/i.test(value)) say(`an address ${value}`, element);
    }
  }
  const foreign = `img, picture, video, audio, source, track, script, iframe, frame, object, embed, applet, form, input,
    button, textarea, select, style, link, meta, base, template, dialog, marquee, slot, foreignObject, image, use,
    animate, set`;
  for (const prose of texts) {
    // Ink that stands out of its line (a letter with a thousand marks) is nothing that a pointer would hit.
    if (!/content|paint|strict/.test(getComputedStyle(prose).contain)) say("not contained", prose);
    for (const element of prose.querySelectorAll("*")) {
      if (element.matches(foreign)) say("an element that runs or loads", element);
      const drawn = element.closest(".katex");
      for (const { name, value } of ATTRIBUTES.call(element)) {
        if (/^(id|name|on.*|data-(?!tex$).*|form.*|src.*|xlink.*|ping|poster|background)$/.test(name) ||
            (name === "style" && !drawn)) say(`an attribute ${name}`, element);
        if (name === "href" && !/^(https?:\/\/|mailto:)/i.test(value)) say(`a link to ${value}`, element);
        if (/url\(|javascript:/i.test(value) && name !== "href" && name !== "title" && name !== "data-tex") {
          say(`an attribute ${name}`, element);
        }
      }
    }
  }
  // Every spot of the page, screen by screen, belongs to the text in whose box it lies, or to the page itself.
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
  const SCREENS = 6;
  const step = document.querySelectorAll("*").length > 20_000 ? 160 : 40; // asking what lies at a spot takes long there
  const inside = (x, y, { left, top, right, bottom }) =>
    x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1;
  const cards = ".candidate, .turn, .document, .card, .question, dialog";
  const last = document.documentElement.scrollHeight - innerHeight;
  const screens = Math.min(SCREENS, Math.ceil(last / innerHeight) + 1);
  for (let n = 0; n < screens; n += 1) {
    scrollTo(0, screens > 1 ? (last * n) / (screens - 1) : 0);
    for (let y = 6; y < innerHeight; y += step) {
      for (let x = 6; x < innerWidth; x += step) {
        const hit = document.elementFromPoint(x, y);
        const prose = hit?.closest(".prose");
        if (!prose) continue;
        const card = prose.closest(cards);
        if (!card) say("a text without a card", prose);
        else if (!inside(x, y, prose.getBoundingClientRect()) || !inside(x, y, card.getBoundingClientRect())) {
          say(`outside its card at ${x}, ${y + scrollY}`, hit);
        }
      }
    }
    for (const own of document.querySelectorAll(".topbar, .dock")) {
      const { left, top, right, bottom } = own.getBoundingClientRect();
      if (bottom <= 0 || top >= innerHeight) continue;
      for (const x of [left + 3, (left + right) / 2, right - 3]) {
        const hit = document.elementFromPoint(x, (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2);
        if (!own.contains(hit)) say(`over the ${own.className}`, hit);
      }
    }
  }
  scrollTo(0, 0);
  // Our own words still run from left to right.
  for (const own of document.querySelectorAll(".candidate__letter, .crumbs, .dock .btn, .labelbar__count, h1, dt")) {
    if (!own.checkVisibility() || own.classList.contains("sr-only")) continue;
    const walker = document.createTreeWalker(own, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const words = node.data.trimEnd();
      const start = words.length - words.trimStart().length;
      if (!/^[\w .,:–-]{2,}$/.test(words.trimStart())) continue;
      const range = document.createRange();
      const at = (n) => { range.setStart(node, n); range.setEnd(node, n + 1); return range.getBoundingClientRect(); };
      const [first, last] = [at(start), at(words.length - 1)];
      if (first.top === last.top && first.left > last.left) say("reads backwards", own);
    }
  }
  return faults;
}"""


class Watch:
    """Remembers what a browser asked for, opened and was stopped by."""

    def __init__(self, visitor: Visitor) -> None:
        self.address = visitor.address
        self.asked: list[str] = []
        self.opened: list[str] = []
        visitor.context.on("request", self._ask)
        visitor.context.on("page", lambda page: self.opened.append(f"a page: {page.url}"))
        visitor.page.on("dialog", self._answer)
        visitor.page.on("framenavigated", lambda frame: self.opened.append(frame.url))

    def _answer(self, dialog: Dialog) -> None:
        # The page itself asks where a large draft is on its way while one leaves; whoever listens has to answer.
        if dialog.type != "beforeunload":
            self.opened.append(f"a dialog: {dialog.message}")
        dialog.accept()

    def _ask(self, request: Request) -> None:
        path = urlsplit(request.url).path
        known = ("/static/", "/label/", "/api/slots/", "/projects/", "/profile/")
        picture = request.resource_type in ("image", "media") and path != "/static/labeling/icon.svg"
        if not request.url.startswith(self.address) or not path.startswith(known) or picture:
            self.asked.append(f"{request.resource_type} {request.url}")

    def check(self, *, pages: tuple[str, ...]) -> None:
        assert self.asked == []
        assert [url for url in self.opened if not urlsplit(url).path.startswith(pages)] == []


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def project(ann: User) -> Project:
    """Each group of texts is nine candidates, nine messages and nine documents of one prompt."""
    project = make.project(annotators=[ann], slug="hostile")
    manager = make.manager(project)
    for at in range(0, len(USABLE), 3 * TOGETHER):
        projects.set_guidelines(project, "\n\n".join(USABLE[at : at + 3 * TOGETHER]), by=manager)
    lines = [
        parse(
            {
                "messages": [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(group)],
                "context": [
                    {"title": text[:200], "text": text, "url": f"https://e.invalid/{text[:50]}"} for text in group
                ],
                "candidates": [{"text": f"{text}\n\nend {n}"} for n, text in enumerate(group)],
            },
            number,
        )
        for number, group in enumerate(GROUPS, 1)
    ]
    prompts.import_lines(project, lines, source="jsonl", by=manager)
    return project


@pytest.fixture
def queue(project: Project, ann: User) -> Queue:
    """A task for each group, with its nine texts as the draft of the answers."""
    queue = make.queue(project, form=FORM, slug="hostile")
    for slot, group in zip(Slot.objects.filter(queue=queue).order_by("task__prompt_id"), GROUPS, strict=True):
        order = {"ranking": {"groups": [[key] for key in "abcdefghi"]}}
        texts = {name: {"text": text} for name, text in zip(["response", *NOTES], group, strict=True)}
        Draft.objects.create(slot=slot, annotator=ann, answers=order | texts)
    return queue


def typed(text: str) -> str:
    """A text as a text field holds it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def faults(page: Page) -> list[str]:
    page.evaluate("() => { for (const details of document.querySelectorAll('details')) details.open = true; }")
    page.wait_for_function(DRAWN)
    found: list[str] = page.evaluate(FAULTS)
    return found


def test_nothing_leaves_its_card_while_one_judges(visitor: Visitor, queue: Queue, ann: User) -> None:
    # Its fields are filled faster than anybody types: a draft that is still on its way when one submits is newer than
    # what the page knows, and the page submits once more.
    visitor.expected.append("status of 409")
    watch = Watch(visitor)
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    for number, group in enumerate(GROUPS):
        left = len(GROUPS) - number
        expect(page.locator(".labelbar__count")).to_have_text(f"{left} left for you", timeout=15_000)
        expect(page.locator(".candidate")).to_have_count(TOGETHER)
        assert faults(page) == []
        for name, text in zip(["response", *NOTES], group, strict=True):
            expect(page.locator(f"[name='q.{name}']")).to_have_value(typed(text))
        # The page's own controls are what they were.
        page.get_by_role("group", name="Place of response B").get_by_label("1", exact=True).check()
        if number % 2:
            page.get_by_role("button", name="Submit").click()
        else:
            page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_role("heading", name="That is all for now")).to_be_visible()
    watch.check(pages=("/label/", "blank"))
    found = Annotation.objects.filter(queue=queue).order_by("slot__task__prompt_id")
    for annotation, group in zip(found, GROUPS, strict=True):
        assert annotation.answers["ranking"]["groups"][0] == ["a", "b"]
        assert annotation.answers["response"] == {"text": typed(group[0]).strip()}


def test_nothing_leaves_its_card_where_a_manager_reads(visitor: Visitor, queue: Queue) -> None:
    project = queue.project
    watch = Watch(visitor)
    visitor.enter(make.manager(project))
    places = [f"guidelines/?version={version.number}" for version in project.guidelines_versions.exclude(number=1)]
    places += [f"prompts/{prompt.pk}/" for prompt in project.prompts.order_by("pk")[::4]]
    for place in [*places, "prompts/", "events/", f"queues/{queue.pk}/"]:
        page = visitor.open(f"/projects/hostile/{place}")
        assert {place: faults(page)} == {place: []}
    watch.check(pages=("/projects/",))


def test_a_text_that_got_out_would_be_found(visitor: Visitor) -> None:
    ann = person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1, candidates=2)
    queue = make.queue(project, preset="ranking")
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    assert faults(page) == []
    page.evaluate("""() => {
      const [first, second] = document.querySelectorAll(".candidate .prose");
      first.innerHTML = '<p id="x">one</p><a href="/logout/">two</a><input>';
      second.innerHTML = "<p>over</p>";
      const open = { contain: "none", overflow: "visible" };
      for (const box of [second, second.parentElement]) Object.assign(box.style, open);
      Object.assign(second.firstChild.style, { position: "fixed", inset: "0", zIndex: "99" });
      document.querySelector(".crumbs span").dir = "rtl";
      document.querySelector(".crumbs span").style.unicodeBidi = "bidi-override";
    }""")
    found = faults(page)
    said = {fault.partition(":")[0] for fault in found}
    assert said >= {"an attribute id", "an attribute style", "a link to /logout/", "an element that runs or loads"}
    assert said >= {"not contained", "over the topbar", "over the dock", "reads backwards"}
    assert any(fault.startswith("outside its card") for fault in found)


def test_math_that_is_too_much_stays_as_it_was_written(visitor: Visitor) -> None:
    deep = r"\sqrt{\frac{1}{" * 100 + "x" + "}}" * 100
    macros = r"\def\a{" + "x" * 4000 + "}" + r"\a" * 190  # takes minutes to draw
    honest = r"\newcommand{\E}{\mathbb{E}} \E[\sum_{i=1}^{n} x_i]"
    project = make.project(slug="math")
    text = "\n\n".join(f"$${tex}$$" for tex in (deep, macros, honest))
    prompts.import_lines(project, [parse({"prompt": text}, 1)], source="jsonl", by=make.manager(project))
    visitor.enter(make.manager(project))
    page = visitor.open(f"/projects/math/prompts/{project.prompts.get().pk}/")
    page.wait_for_function(DRAWN)
    assert page.locator(".math-wrong").all_inner_texts() == [deep, macros]
    expect(page.locator(".math-block .katex")).to_have_count(1)
