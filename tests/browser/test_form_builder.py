"""Building a form: by keyboard, with the labelling page as a preview, up to the annotator who meets it."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from labeling.models import Annotation, Project, Queue, User
from labeling.questions import PRESETS
from tests import make
from tests.browser.conftest import Visitor, let_in, person
from tests.browser.test_accessibility import barriers, told

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def project(ann: User) -> Project:
    """A project of Alice's with two prompts of two responses each."""
    made = make.project(person("alice"), annotators=[ann], slug="haiku")
    make.imported(made, 2, candidates=2)
    return made


def builder(visitor: Visitor, queue: Queue) -> Page:
    """The manager at the form of a queue."""
    visitor.enter(make.manager(queue.project))
    return visitor.open(f"/projects/{queue.project.slug}/queues/{queue.pk}/form/")


def preview(page: Page) -> FrameLocator:
    """What is in the frame now, and not in one that is still coming."""
    return page.frame_locator(".stage__frame:not([data-coming])")


def block(page: Page, title: str) -> Locator:
    """The block of a question."""
    return page.get_by_role("listitem").filter(has=page.locator("[data-part=title]", has_text=title))


def stored(page: Page) -> list[dict[str, object]]:
    """The form in the field that is sent."""
    found: list[dict[str, object]] = json.loads(page.locator("textarea[name=form]").input_value())
    return found


def names(page: Page) -> list[object]:
    return [question["name"] for question in stored(page)]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def go_to(page: Page, target: Locator) -> None:
    """Walks to a control with the tabulator, as somebody without a mouse must."""
    for _ in range(150):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tabulator does not lead to {target}")


def add(page: Page, kind: str) -> None:
    """Adds a question by keyboard; its title is to be typed then."""
    go_to(page, page.locator("summary", has_text="Add a question"))
    page.keyboard.press("Enter")
    go_to(page, page.get_by_role("button", name=kind))
    page.keyboard.press("Enter")


def test_a_form_is_built_by_keyboard_tried_out_saved_and_met(
    visitor: Visitor, server: str, browser: Browser, visitors: list[Visitor], project: Project, ann: User
) -> None:
    queue = make.queue(project, preset="ranking")
    page = builder(visitor, queue)
    go_to(page, block(page, "Rank the responses").get_by_role("button", name="Remove"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("No question yet.")).to_be_visible()
    add(page, "Which response is better? Two responses")
    page.keyboard.type("Which one would you send?")
    better = block(page, "Which one would you send?")
    expect(better.get_by_label("Name in the data")).to_have_value("which_one_would_you_send")
    go_to(page, better.get_by_label("Both may be bad"))
    page.keyboard.press("Space")
    add(page, "Comment A remark")
    page.keyboard.type("What is bad about them?")
    why = block(page, "What is bad about them?")
    expect(preview(page).get_by_role("heading", name="Which one would you send?")).to_be_visible()
    expect(preview(page).get_by_role("heading", name="What is bad about them?")).to_be_visible()
    go_to(page, why.get_by_label("Ask it"))
    page.keyboard.press("ArrowDown")
    expect(why.get_by_text("Tick one answer at least.")).to_be_visible()
    go_to(page, why.get_by_label("both are bad"))
    page.keyboard.press("Space")
    expect(why.get_by_text("Tick one answer at least.")).to_be_hidden()
    assert stored(page)[1]["show_if"] == {"question": "which_one_would_you_send", "is": ["both_bad"]}
    _try(visitor, page)
    page.get_by_role("button", name="Save as a new version").press("Enter")
    expect(page.get_by_text("Version 2 is asked in every task")).to_be_visible()
    expect(page.get_by_text("only where “Which one would you send?” comes to “both are bad”")).to_be_visible()
    assert not Annotation.objects.exists()

    worker = let_in(server, browser, visitors)
    worker.enter(ann)
    task = worker.open(f"/label/{queue.pk}/")
    expect(task.get_by_role("heading", name="Which one would you send?")).to_be_visible()
    expect(task.get_by_role("heading", name="What is bad about them?")).to_be_hidden()
    task.locator("input[type=checkbox][name='q.which_one_would_you_send.both_bad']").check(force=True)
    expect(task.get_by_role("heading", name="What is bad about them?")).to_be_visible()


def _try(visitor: Visitor, page: Page) -> None:
    """Answers in the preview: what is missing is said, what is whole is shown as it would be stored."""
    frame = preview(page)
    expect(frame.get_by_role("heading", name="What is bad about them?")).to_be_hidden()
    visitor.expected.append("422")
    frame.get_by_role("button", name="Try to submit").click()
    expect(frame.get_by_text("This question needs an answer.")).to_be_visible()
    frame.locator("input[type=checkbox][name='q.which_one_would_you_send.both_bad']").check(force=True)
    frame.get_by_role("textbox", name="What is bad about them?").fill("Both invent a river.")
    frame.get_by_role("button", name="Try to submit").click()
    expect(frame.get_by_text("These answers would be taken.")).to_be_visible()
    expect(frame.locator(".preview-outcome")).to_contain_text('"text": "Both invent a river."')
    frame.get_by_role("textbox", name="What is bad about them?").fill("")
    frame.get_by_role("button", name="Try to submit").click()
    expect(frame.get_by_text("The comment is empty.")).to_be_visible()
    expect(frame.locator(".preview-outcome")).to_be_hidden()


def test_a_mistake_stands_at_its_field(visitor: Visitor, project: Project) -> None:
    form = [{"name": "safe", "type": "choose", "options": ["Yes", "No"]}, {"name": "why", "type": "comment"}]
    page = builder(visitor, make.queue(project, form=form))
    choice, why = block(page, "Choose what fits"), block(page, "Comment")
    options = choice.get_by_label("Options")
    options.fill("Yes\nyes")
    expect(choice.get_by_text("Line 2: “yes” stands there twice.")).to_be_visible()
    expect(options).to_have_attribute("aria-invalid", "true")
    expect(options).to_have_accessible_description("One a line. Line 2: “yes” stands there twice.")
    expect(choice.get_by_text("1 mistake")).to_be_visible()
    expect(preview(page).get_by_role("heading", name="The form cannot be shown yet")).to_be_visible()
    expect(preview(page).get_by_text("Question 1, “Choose what fits” form[0].options[1]")).to_be_visible()
    least, most = why.get_by_label("At least so many"), why.get_by_label("At most so many")
    most.fill("3")
    least.fill("10")
    expect(why.get_by_text("“min_chars” is larger than “max_chars”.")).to_be_visible()
    options.fill("Yes\nNo\nPartly")
    least.fill("2")
    expect(page.get_by_text("1 mistake")).to_have_count(0)
    expect(preview(page).get_by_text("Partly").first).to_be_attached()
    why.get_by_label("Name in the data").fill("Why not")
    why.get_by_label("Name in the data").press("Enter")
    expect(why.get_by_text("Give it a name")).to_be_visible()
    visitor.expected.append("422")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("form[1].name: Give it a name")).to_be_visible()
    expect(block(page, "Comment").get_by_text("Give it a name")).to_be_visible()


def test_blocks_are_moved_copied_removed_and_brought_back(visitor: Visitor, project: Project) -> None:
    form = [
        {"name": "better", "type": "compare", "title": "Better?"},
        {"name": "why", "type": "comment", "title": "Why?", "show_if": {"question": "better", "is": ["tie"]}},
        {"name": "notes", "type": "comment", "title": "Notes"},
    ]
    page = builder(visitor, make.queue(project, form=form))
    up = block(page, "Notes").get_by_role("button", name="Move up")
    up.focus()
    press(page, "Enter", "Enter")
    assert names(page) == ["notes", "better", "why"]
    expect(up).to_be_focused()
    expect(page.get_by_text("“Notes” is question 1 of 3 now.")).to_be_visible()
    press(page, "Enter")  # it is the first already
    assert names(page) == ["notes", "better", "why"]
    block(page, "Better?").get_by_role("button", name="Move down").click()
    expect(block(page, "Why?").get_by_text("It must name a question before this one.")).to_be_visible()
    block(page, "Better?").get_by_role("button", name="Move up").click()
    expect(page.get_by_text("It must name a question before this one.")).to_have_count(0)
    block(page, "Better?").get_by_role("button", name="Duplicate").click()
    assert names(page) == ["notes", "better", "better_2", "why"]
    # What hangs on a question goes with its name.
    first = block(page, "Better?").first
    first.locator("summary").click()
    first.get_by_label("Name in the data").fill("preferred")
    first.get_by_label("Name in the data").blur()
    assert stored(page)[3]["show_if"] == {"question": "preferred", "is": ["tie"]}
    block(page, "Why?").get_by_role("button", name="Remove").click()
    assert names(page) == ["notes", "preferred", "better_2"]
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    press(page, "Enter")
    assert names(page) == ["notes", "preferred", "better_2", "why"]
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()


def test_the_json_and_the_blocks_are_the_same_form(visitor: Visitor, project: Project) -> None:
    page = builder(visitor, make.queue(project, preset="ranking"))
    page.locator("summary", has_text="Questions, as JSON").click()
    text = page.locator("textarea[name=form]")
    text.fill('[{"name": "a", "type": "comment", "title": "By hand", "odd": 1}, {"name": "b", "type": "guess"}]')
    expect(block(page, "By hand").get_by_text("There is no setting “odd” here.")).to_be_visible()
    expect(block(page, "guess").get_by_text("There is no question type “guess”.")).to_be_visible()
    block(page, "By hand").get_by_label("Question", exact=True).fill("By both")
    assert stored(page)[0] == {"name": "a", "type": "comment", "title": "By both", "odd": 1}
    text.fill("[{")
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    expect(page.locator(".block")).to_have_count(0)
    text.fill('[{"name": "a", "type": "comment"}]')
    expect(page.get_by_text("This is not JSON")).to_be_hidden()
    expect(page.locator(".block")).to_have_count(1)


def test_a_preset_is_one_click_and_can_be_made_ones_own(visitor: Visitor, project: Project) -> None:
    visitor.enter(make.manager(project))
    page = visitor.open("/projects/haiku/queues/new/")
    page.get_by_label("Name", exact=True).fill("Pairs")
    page.locator("label.choice", has_text="HelpSteer3").click()
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_text("Pairs is made.")).to_be_visible()
    page = visitor.open("/projects/haiku/queues/new/")
    page.get_by_label("Name", exact=True).fill("Thumbs")
    page.locator("label.choice", has_text="KTO").click()
    page.locator("summary", has_text="See the questions").click()
    expect(preview(page).get_by_role("heading", name="Is it a good response?")).to_be_visible()
    expect(page.get_by_label("KTO")).to_be_checked()
    page.get_by_label("Question", exact=True).fill("Would you thank for it?")
    expect(page.get_by_label("A form of my own")).to_be_checked()
    expect(preview(page).get_by_role("heading", name="Would you thank for it?")).to_be_visible()
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_text("Thumbs is made.")).to_be_visible()
    made = {queue.name: queue.form for queue in Queue.objects.filter(project=project)}
    pairs, thumbs = made["Pairs"], made["Thumbs"]
    assert pairs is not None
    assert thumbs is not None
    assert (pairs.preset, thumbs.preset) == ("helpsteer3", "")
    assert thumbs.questions[0]["title"] == "Would you thank for it?"
    assert thumbs.questions[0]["labels"] == ["Thumbs down", "Thumbs up"]


def test_a_preset_starts_a_form_and_says_where_it_comes_from(visitor: Visitor, project: Project) -> None:
    page = builder(visitor, make.queue(project, preset="ranking"))
    page.locator("summary", has_text="Start from a preset").click()
    page.get_by_role("button", name="HelpSteer2").click()
    expect(page.get_by_text(PRESETS["helpsteer2"].source).last).to_be_visible()
    expect(page.locator(".block")).to_have_count(5)
    expect(preview(page).get_by_role("group", name="Coherence: response A")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".block")).to_have_count(1)
    expect(block(page, "Rank the responses")).to_be_visible()


def test_the_sample_can_be_chosen_and_scrolling_stays(visitor: Visitor, project: Project) -> None:
    page = builder(visitor, make.queue(project, preset="kto"))
    prompt = preview(page).get_by_role("region", name="Prompt").get_by_role("paragraph")
    expect(prompt).to_have_text("Question 0?")
    page.get_by_label("on", exact=True).select_option("a made-up prompt")
    expect(prompt.filter(has_text="How do I take the mean")).to_be_visible()
    preview(page).locator("html").evaluate("() => scrollTo(0, 200)")
    page.get_by_label("Question", exact=True).fill("Would you keep it?")
    expect(preview(page).get_by_role("heading", name="Would you keep it?")).to_be_attached()
    assert preview(page).locator("html").evaluate("() => scrollY") == 200
    expect(in_its_own_tab(page).get_by_role("heading", name="Would you keep it?")).to_be_visible()


def test_a_preview_that_does_not_come_says_so_and_the_form_is_kept(visitor: Visitor, project: Project) -> None:
    page = builder(visitor, make.queue(project, preset="kto"))
    expect(preview(page).get_by_role("heading", name="Is it a good response?")).to_be_visible()
    visitor.expected += ["401", "frame", "ERR_"]
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_label("Question", exact=True).fill("Would you keep it?")
    expect(page.get_by_text("The preview does not come")).to_be_visible()
    assert stored(page)[0]["title"] == "Would you keep it?"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_it_keeps_nobody_out(
    server: str, browser: Browser, visitors: list[Visitor], project: Project, width: int, scheme: str
) -> None:
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "reduced_motion": "reduce"}
    visitor = let_in(server, browser, visitors, **look)
    page = builder(visitor, make.queue(project, preset="llama3-pairwise-edit"))
    for summary in page.locator(".block [data-part=title]").all():
        summary.click()
    page.locator("summary", has_text="Add a question").click()
    assert reachable(page) == []
    page.get_by_role("button", name="Comment A remark").click()
    block(page, "Comment").get_by_label("Ask it").select_option(index=1)
    expect(page.get_by_text("Tick one answer at least.")).to_be_visible()
    assert reachable(page) == []
    alone = in_its_own_tab(page)
    expect(alone.get_by_role("heading", name="The form cannot be shown yet")).to_be_visible()
    assert reachable(alone) == []
    alone.close()
    block(page, "Comment").get_by_label("was answered").check()
    expect(page.get_by_text("Tick one answer at least.")).to_be_hidden()
    for title in ("Comment", "Improve the better response"):
        block(page, title).get_by_role("button", name="Remove").click()
    alone = in_its_own_tab(page)
    alone.locator("input[type=radio][name='q.preference']").first.check(force=True)
    alone.get_by_role("button", name="Try to submit").click()
    expect(alone.get_by_text("These answers would be taken.")).to_be_visible()
    assert reachable(alone) == []


def reachable(page: Page) -> list[str]:
    """What stands in somebody's way, a page that is wider than its window included."""
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*map(told, barriers(page)), *(["The page is wider than its window."] if wide else [])]


def in_its_own_tab(page: Page) -> Page:
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="In its own tab").click()
    return opened.value


def test_without_scripts_the_json_is_the_form(
    server: str, browser: Browser, visitors: list[Visitor], project: Project
) -> None:
    visitor = let_in(server, browser, visitors, java_script_enabled=False)
    queue = make.queue(project, preset="ranking")
    page = builder(visitor, queue)
    expect(page.get_by_role("button", name="Add a question")).to_have_count(0)
    form = json.dumps([{"name": "best", "type": "rank", "title": "Best first"}])
    page.get_by_label("Questions, as JSON").fill(form)
    page.get_by_role("button", name="Preview").click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Best first")).to_be_visible()
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Version 2 is asked")).to_be_visible()
    visitor.open("/projects/haiku/queues/new/")
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_label("Name", exact=True).press("Enter")  # the button that makes the queue, not the preview
    expect(page.get_by_text("Plain is made.")).to_be_visible()


def test_closing_asks_for_a_form_that_was_not_taken(visitor: Visitor, project: Project) -> None:
    closing = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    page = builder(visitor, make.queue(project, preset="ranking"))
    assert page.evaluate(closing) is False
    page.locator("summary", has_text="Questions, as JSON").click()
    page.locator("textarea[name=form]").fill("[]")
    assert page.evaluate(closing) is True
    visitor.expected.append("422")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.locator(".builder .errorlist")).to_be_visible()
    assert page.evaluate(closing) is True
