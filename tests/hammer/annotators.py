"""Several annotators in one process, who do all that annotators do and keep a journal of what was confirmed to them.

A program of its own that knows the platform by its addresses alone: `python -m tests.hammer.annotators`, told in one
line on standard input what to do (`Orders`), and telling on standard output what came of it (`Journal`) when standard
input ends. What gets no answer, or a 5xx, is sent again as it was, with the same lease and the same body, until there
is one.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

PATIENCE = 90  # seconds until a call that gets no answer counts as stuck
IDLE = 3  # seconds after which a connection may have been closed at the other end, and is not used again
UNDO = 30
REASONS = ("unclear", "expertise", "language", "unsafe", "broken", "other")
CSRF = "0123456789abcdef" * 2


@dataclass
class Orders:
    """What a process is told."""

    port: int
    seed: int
    queues: list[int]
    people: list[dict[str, Any]]  # id, token, session
    threads: int = 3
    finish: bool = False  # nothing but take and submit, until nothing is left


@dataclass
class Belief:
    """What somebody knows of a task that they have met."""

    slot: int
    lease: str = ""
    state: str = "held"  # submitted, skipped, released; maybe: a taking back may have come through
    text: str = ""
    version: int = 0
    draft: str = ""  # confirmed, and not overwritten or finished since
    revision: int = 0
    submitted_at: float = 0.0


@dataclass
class Journal:
    """What came of it."""

    confirmed: list[dict[str, Any]] = field(default_factory=list)  # annotation, version, slot, task, person, text
    undone: list[int] = field(default_factory=list)  # annotations that were certainly taken back
    maybe_undone: list[int] = field(default_factory=list)
    sent: dict[str, list[int]] = field(default_factory=dict)  # text: person, task
    beliefs: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Stuck(Exception):
    """A call got no answer for too long."""


def _read(text: bytes) -> Any:
    """What a call answered: JSON, or the words of a page where something went wrong."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return " ".join(text.decode(errors="replace").split())


class Line:
    """One person's connection. Says with each answer whether an earlier try got lost: it may have been carried out."""

    def __init__(self, port: int, headers: dict[str, str], counts: Counter[str]) -> None:
        self.port, self.headers, self.counts = port, headers, counts
        self.kind = "application/json"
        self.connection: http.client.HTTPConnection | None = None
        self.used = 0.0

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any, bool]:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        end, lost, wait = time.monotonic() + PATIENCE, False, 0.02
        while True:
            try:
                status, text = self._ask(method, path, data, {**self.headers, "Content-Type": self.kind})
            except (OSError, http.client.HTTPException) as error:
                self.close()
                status, text = 0, str(error).encode()
            if status and status < 500:
                return status, _read(text), lost
            self.counts["lost" if status == 0 else f"status {status}"] += 1
            lost = True
            if time.monotonic() > end:
                raise Stuck(f"{method} {path} gets no answer: {status} {text[:300]!r}")
            time.sleep(wait)
            wait = min(0.5, 2 * wait)

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if self.connection is None or time.monotonic() - self.used > IDLE:
            self.close()
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.used = time.monotonic()
        return answer.status, text

    def close(self) -> None:
        """Hangs up; the next call makes a new connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Annotator:
    """One person: what they know, and what they do in one turn."""

    def __init__(self, person: dict[str, Any], orders: Orders, dice: random.Random) -> None:
        self.id: int = person["id"]
        self.orders, self.dice = orders, dice
        self.journal = Journal()
        token = {"Authorization": f"Token {person['token']}"}
        cookies = f"annotate_session={person['session']}; annotate_csrf={CSRF}"
        self.call = Line(orders.port, token, self.journal.counts)
        self.other_tab = Line(orders.port, token, self.journal.counts)
        self.page = Line(orders.port, {"Cookie": cookies, "X-CSRFToken": CSRF}, self.journal.counts)
        self.page.kind = "application/x-www-form-urlencoded"
        self.tasks: dict[int, Belief] = {}
        self.in_hand: dict[int, int] = {}  # queue: task, where that is certain
        self.number = 0

    def chance(self, percent: float) -> bool:
        return self.dice.random() * 100 < percent

    def say(self, text: str) -> None:
        self.journal.wrong.append(f"person {self.id}: {text}")

    def expect(self, what: str, answer: tuple[int, Any, bool], *statuses: int) -> bool:
        status, data, lost = answer
        self.journal.counts[what] += 1
        if status not in statuses:
            self.say(f"{what}: {status} {json.dumps(data)[:500]}, after a try that was lost: {lost}")
        return status in statuses

    def expect_all(self, what: str, answers: list[tuple[int, Any, bool]], *statuses: int) -> bool:
        return [self.expect(what, answer, *statuses) for answer in answers].count(False) == 0

    def twice_at_once(self, method: str, path: str, body: Any) -> list[tuple[int, Any, bool]]:
        """The same call in two tabs."""
        found: list[Any] = [None, None]

        def other() -> None:
            try:
                found[1] = self.other_tab(method, path, body)
            except Stuck as error:
                found[1] = (0, str(error), True)

        tab = threading.Thread(target=other)
        tab.start()
        found[0] = self.call(method, path, body)
        tab.join()
        return found

    def new_text(self, task: int) -> str:
        self.number += 1
        text = f"{self.id} on {task}, the {self.number}."
        self.journal.sent[text] = [self.id, task]
        return text

    # --- One turn ---

    def turn(self, queue: int) -> bool:
        """Takes the next task of a queue and does something with it. False when there was none."""
        taken = self.take(queue)
        if taken is None:
            return False
        task, belief = taken
        if self.orders.finish:
            self.submit(queue, task, belief)
            return True
        if self.chance(25):
            self.look_ahead(queue)
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            self.save(task, belief)
        self.dice.choices(
            [self.submit_and_so_on, self.skip, self.release, self.leave_it], weights=[80, 9, 7, 4]
        )[0](queue, task, belief)  # fmt: skip
        return True

    def take(self, queue: int) -> tuple[int, Belief] | None:
        path = f"/api/queues/{queue}/next/"
        answers = self.twice_at_once("POST", path, None) if self.chance(8) else [self.call("POST", path)]
        if not self.expect_all("next", answers, 200, 204):
            return None
        given = [data for _, data, _ in answers if data]
        if len({(slot["slot"], slot["lease"]) for slot in given}) > 1:
            self.say(f"asked twice at once and got two tasks: slots {[slot['slot'] for slot in given]}")
        expected = self.in_hand.get(queue)
        if not given:
            if expected is not None:
                self.say(f"task {expected} was in hand in queue {queue}, and next says that there is nothing")
            return None
        slot = given[0]
        task = slot["task"]
        if expected is not None and expected != task:
            self.say(f"task {expected} was in hand in queue {queue}, and next gives task {task}")
        belief = self.meet(task, slot)
        self.in_hand[queue] = task
        return task, belief

    def meet(self, task: int, slot: dict[str, Any]) -> Belief:
        belief = self.tasks.get(task)
        if belief is None:
            belief = self.tasks[task] = Belief(slot["slot"])
        elif belief.state in ("submitted", "skipped"):
            self.say(f"task {task} comes again in slot {slot['slot']}; it was {belief.state} in slot {belief.slot}")
        same = belief.slot == slot["slot"]
        if belief.state == "held" and belief.lease and (not same or belief.lease != slot["lease"]):
            self.say(f"task {task} was held in slot {belief.slot}, and comes in slot {slot['slot']} with another lease")
        stored = slot["draft"]
        if belief.state in ("held", "released") and belief.draft and same and not stored:
            self.say(f"the draft {belief.draft!r} in slot {belief.slot} is gone")
        if belief.state == "held" and belief.draft and stored and stored["answers"]["response"]["text"] != belief.draft:
            self.say(f"the draft in slot {belief.slot} was {belief.draft!r} and is {stored['answers']}")
        if belief.state == "maybe":  # It came through.
            belief.draft = ""
        belief.slot, belief.lease, belief.state = slot["slot"], slot["lease"], "held"
        belief.revision = stored["revision"] if stored else 0
        return belief

    def look_ahead(self, queue: int) -> None:
        answer = self.page("POST", f"/label/{queue}/ahead/", b"have=")
        if self.expect("ahead", answer, 200) and answer[1]["lease"] and self.chance(30):
            self.expect(
                "ahead/leave",
                self.page("POST", f"/label/{queue}/ahead/leave/", f"have={answer[1]['lease']}".encode()),
                204,
            )

    def save(self, task: int, belief: Belief) -> None:
        text = self.new_text(task)
        body = {"lease": belief.lease, "revision": belief.revision, "answers": {"response": {"text": text}}}
        path = f"/api/slots/{belief.slot}/draft/"
        answers = self.twice_at_once("PUT", path, body) if self.chance(5) else [self.call("PUT", path, body)]
        if self.expect_all("draft", answers, 200):
            revisions = {data["revision"] for _, data, _ in answers}
            if revisions != {belief.revision + 1}:
                self.say(f"the draft after revision {belief.revision} of slot {belief.slot} has {sorted(revisions)}")
            belief.revision, belief.draft = max(revisions), text
        if self.chance(5):
            stale = self.call("PUT", path, {**body, "answers": {"response": {"text": "older"}}})
            if self.expect("draft of an old revision", stale, 409) and stale[1]["code"] != "stale_draft":
                self.say(f"an old draft of slot {belief.slot} was refused as {stale[1]['code']}")

    def submit(self, queue: int, task: int, belief: Belief) -> bool:
        path, text = f"/api/slots/{belief.slot}/submit/", self.new_text(task)
        body = {"lease": belief.lease, "answers": {"response": {"text": text}}, "active_seconds": 1}
        if not self.orders.finish and self.chance(5):
            stale = self.call("POST", path, {**body, "lease": str(uuid.uuid4())})
            self.expect("submit with a stale lease", stale, 409)
        if not self.orders.finish and self.chance(4):
            self.expect("submit of nothing", self.call("POST", path, {**body, "answers": {}}), 422)
        at_once = not self.orders.finish and self.chance(8)
        answers = self.twice_at_once("POST", path, body) if at_once else [self.call("POST", path, body)]
        if not self.expect_all("submit", answers, 200, 201):
            self.in_hand.pop(queue, None)
            belief.state = "unknown"
            return False
        if not any(lost for *_, lost in answers) and [status for status, *_ in answers].count(201) != 1:
            self.say(f"submit of slot {belief.slot} was made {[status for status, *_ in answers]}")
        if not self.orders.finish and self.chance(10):  # the same again, or other words under the same lease
            again = self.chance(50)
            more = self.call("POST", path, body if again else {**body, "answers": {"response": {"text": "others"}}})
            if self.expect("submit again", more, 200):
                answers.append(more)
        made = {(data["annotation"], data["version"]) for _, data, _ in answers}
        if len(made) != 1:
            self.say(f"submits of slot {belief.slot} under one lease made annotations {sorted(made)}")
        self.confirm(task, belief, min(made), text)
        self.in_hand.pop(queue, None)
        return True

    def confirm(self, task: int, belief: Belief, made: tuple[int, int], text: str) -> None:
        belief.state, belief.text, belief.version, belief.draft = "submitted", text, made[1], ""
        belief.submitted_at = time.monotonic()
        self.journal.confirmed.append(
            {
                "annotation": made[0],
                "version": made[1],
                "slot": belief.slot,
                "task": task,
                "person": self.id,
                "text": text,
            }
        )

    def submit_and_so_on(self, queue: int, task: int, belief: Belief) -> None:
        if not self.submit(queue, task, belief):
            return
        if self.chance(12):
            self.undo(queue, task, belief)
        elif self.chance(12):
            self.revise(task, belief)

    def undo(self, queue: int, task: int, belief: Belief) -> None:
        annotation = self.journal.confirmed[-1]["annotation"]
        if self.chance(50):
            self.take(queue)  # it will be put aside
        answer = self.call("POST", f"/api/slots/{belief.slot}/undo/", {"lease": belief.lease})
        status, data, lost = answer
        late = time.monotonic() - belief.submitted_at > UNDO
        if status == 409 and (lost or late):
            # It was carried out and the answer got lost, or it came too late: the next task tells.
            self.journal.maybe_undone.append(annotation)
            self.journal.counts["undo, uncertain"] += 1
            belief.state = "maybe"
            aside = self.in_hand.pop(queue, None)
            if aside is not None:
                self.tasks[aside].state = "released"  # kept for after it for as long as its lease is, or in hand
            return
        if not self.expect("undo", answer, 200):
            return
        self.journal.undone.append(annotation)
        aside = self.in_hand.get(queue)
        if aside is not None:
            self.tasks[aside].state = "released"
        belief.state, belief.lease, belief.draft, belief.revision = "held", data["lease"], belief.text, 1
        self.in_hand[queue] = task
        self.dice.choice([self.submit, self.submit, self.leave_it, self.release, self.skip])(queue, task, belief)

    def revise(self, task: int, belief: Belief) -> None:
        path, text = f"/api/slots/{belief.slot}/revise/", self.new_text(task)
        body = {"lease": belief.lease, "version": belief.version, "answers": {"response": {"text": text}}}
        answers = self.twice_at_once("POST", path, body) if self.chance(15) else [self.call("POST", path, body)]
        if not self.expect_all("revise", answers, 200, 201):
            belief.state = "unknown"
            return
        made = {(data["annotation"], data["version"]) for _, data, _ in answers}
        if len(made) != 1 or min(made)[1] != belief.version + 1:
            self.say(f"corrections of version {belief.version} of slot {belief.slot} made {sorted(made)}")
        self.confirm(task, belief, min(made), text)

    def skip(self, queue: int, task: int, belief: Belief) -> None:
        body = {"lease": belief.lease, "reason": self.dice.choice(REASONS), "comment": "no"}
        path = f"/api/slots/{belief.slot}/skip/"
        answers = self.twice_at_once("POST", path, body) if self.chance(20) else [self.call("POST", path, body)]
        done = self.expect_all("skip", answers, 200)
        belief.state, belief.draft = "skipped" if done else "unknown", ""
        self.in_hand.pop(queue, None)

    def release(self, queue: int, task: int, belief: Belief) -> None:
        answer = self.call("POST", f"/api/slots/{belief.slot}/release/", {"lease": belief.lease})
        # After a try that was carried out the lease is gone.
        self.expect("release", answer, *((200, 409) if answer[2] else (200,)))
        belief.state, belief.lease = "released", ""
        self.in_hand.pop(queue, None)

    def leave_it(self, queue: int, task: int, belief: Belief) -> None:
        """Goes for a walk with the task in hand."""


def work(
    orders: Orders, people: list[dict[str, Any]], seed: int, over: threading.Event, done: Callable[[Annotator], None]
) -> None:
    """One thread's people, whose turns come at random."""
    dice = random.Random(seed)
    annotators = [Annotator(person, orders, dice) for person in people]
    left = {annotator.id: 2 for annotator in annotators}  # how often they still ask once they are told "nothing"
    try:
        while not over.is_set() and any(left.values()):
            annotator = dice.choice([one for one in annotators if left[one.id]])
            if orders.finish:
                found = [annotator.turn(queue) for queue in orders.queues]
                left[annotator.id] = 2 if any(found) else left[annotator.id] - 1
            elif not annotator.turn(dice.choice(orders.queues)):
                over.wait(0.05)
    except Stuck as error:
        annotators[0].say(str(error))
    except Exception:  # of ours: it must not end one thread in silence
        annotators[0].say(traceback.format_exc())
    for annotator in annotators:
        done(annotator)


def main() -> None:
    """Does what standard input orders."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    whole, lock, over = Journal(), threading.Lock(), threading.Event()

    def done(annotator: Annotator) -> None:
        mine = annotator.journal
        with lock:
            whole.confirmed += mine.confirmed
            whole.undone += mine.undone
            whole.maybe_undone += mine.maybe_undone
            whole.sent |= mine.sent
            whole.wrong += mine.wrong
            whole.counts += mine.counts
            whole.beliefs += [
                {"person": annotator.id, "task": task, **asdict(belief)} for task, belief in annotator.tasks.items()
            ]

    threads = [
        threading.Thread(
            target=work, args=(orders, orders.people[n :: orders.threads], orders.seed * 100 + n, over, done)
        )
        for n in range(orders.threads)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    if not orders.finish:
        over.set()
    for thread in threads:
        thread.join()
    json.dump(vars(whole), sys.stdout)


if __name__ == "__main__":
    main()
