import assert from "node:assert/strict";
import { test } from "node:test";
import { Autosaver } from "../../labeling/static/labeling/js/lib/autosaver.js";
import { canonical, fingerprint } from "../../labeling/static/labeling/js/lib/canonical.js";

// A server that keeps one draft as the real one does, a store, and timers that run when the test says so.
class World {
  constructor({ draft = null, kept = null } = {}) {
    this.draft = draft;
    this.kept = kept;
    this.states = [];
    this.sent = [];
    this.time = Date.parse("2026-01-01T12:00:00Z");
    this.timers = new Map();
    this.network = true;
    this.lost = false;
  }

  tab() {
    const saver = new Autosaver({
      send: (request) => this.receive(request),
      store: {
        read: () => this.kept,
        write: (record) => {
          if (this.full) return false;
          this.kept = structuredClone(record);
          return true;
        },
        remove: () => (this.kept = null),
      },
      tell: (state, detail) => this.states.push([state, detail]),
      now: () => this.time,
      after: (run, wait) => {
        const timer = Symbol("timer");
        this.timers.set(timer, { run, at: this.time + wait });
        return timer;
      },
      cancel: (timer) => this.timers.delete(timer),
    });
    return saver;
  }

  begin(saver) {
    return saver.start({
      revision: this.draft?.revision ?? 0,
      answers: structuredClone(this.draft?.answers ?? {}),
      savedAt: this.draft?.saved_at ?? null,
    });
  }

  async receive({ revision, answers }) {
    this.sent.push(structuredClone(answers));
    if (!this.network) throw new TypeError("the network is away");
    if (this.gate) await this.gate;
    if (this.lost) return { status: 409, body: { code: "lease_lost", detail: "Gone." } };
    if (this.refuses?.(answers)) return { status: 400, body: { detail: "No.", errors: [{ message: "Not this." }] } };
    const stored = this.draft;
    if (stored && revision < stored.revision) return { status: 409, body: { code: "stale_draft", draft: stored } };
    const saved_at = new Date(this.time).toISOString();
    this.draft = { revision: revision + 1, answers: structuredClone(answers), saved_at };
    if (this.swallow) throw new TypeError("the answer got lost");
    return { status: 200, body: { revision: this.draft.revision, saved_at: this.draft.saved_at, expires_at: "later" } };
  }

  // Lets time pass; timers run in their order, and what they started comes to its end.
  async pass(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort((one, other) => one[1].at - other[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
      await settled();
    }
    this.time = end;
    await settled();
  }

  get state() {
    return this.states.at(-1)[0];
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const text = (words) => ({ response: { text: words } });

test("what is typed is saved after a pause, once", async () => {
  const world = new World();
  const tab = world.tab();
  assert.equal(world.begin(tab), null);
  tab.change(text("H"));
  tab.change(text("Hi"));
  assert.equal(world.state, "unsaved");
  await world.pass(1000);
  assert.deepEqual(world.sent, [text("Hi")]);
  assert.equal(world.state, "saved");
});

test("the local copy is there before the server's and goes when the server has it", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("Hi"));
  assert.deepEqual(world.kept.answers, text("Hi"));
  await world.pass(1000);
  assert.equal(world.kept, null);
});

test("someone who types without a pause is saved every two seconds", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  for (let round = 1; round <= 60; round += 1) {
    tab.change(text("x".repeat(round)));
    await world.pass(100);
  }
  assert.ok(world.sent.length >= 2);
  assert.ok(world.sent.length <= 3);
});

test("one request is under way at a time, and the newest text follows it", async () => {
  const world = new World();
  let open;
  world.gate = new Promise((resolve) => (open = resolve));
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("one"));
  await world.pass(1000);
  tab.change(text("two"));
  await world.pass(5000);
  assert.equal(world.sent.length, 1);
  open();
  await settled();
  await world.pass(5000);
  assert.deepEqual(world.draft.answers, text("two"));
  assert.equal(world.sent.length, 2);
});

test("while the network is away the text stays here, and goes out when it is back", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  tab.change(text("kept"));
  await world.pass(10_000);
  assert.equal(world.state, "offline");
  assert.deepEqual(world.kept.answers, text("kept"));
  world.network = true;
  tab.wake();
  await world.pass(0);
  assert.equal(world.state, "saved");
  assert.deepEqual(world.draft.answers, text("kept"));
});

test("tries come slower and slower while the network is away", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  tab.change(text("x"));
  await world.pass(60_000);
  assert.ok(world.sent.length >= 4 && world.sent.length <= 12, `${world.sent.length} tries`);
});

test("a save whose answer got lost is no conflict", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.swallow = true;
  tab.change(text("one"));
  await world.pass(1000);
  world.swallow = false;
  tab.change(text("two"));
  await world.pass(10_000);
  assert.equal(world.state, "saved");
  assert.deepEqual(world.draft.answers, text("two"));
});

test("after a reload the copy that the server never got is shown again", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  tab.change(text("unsent"));
  tab.stop();
  world.network = true;
  const reloaded = world.tab();
  assert.deepEqual(world.begin(reloaded), text("unsent"));
  await world.pass(5000);
  assert.deepEqual(world.draft.answers, text("unsent"));
});

test("after a reload in the middle of a save the newer text is shown, without a conflict", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.swallow = true;
  tab.change(text("one"));
  await world.pass(1000); // the server has "one", the tab does not know
  tab.change(text("one two"));
  tab.stop();
  world.swallow = false;
  const reloaded = world.tab();
  assert.deepEqual(world.begin(reloaded), text("one two"));
  await world.pass(5000);
  assert.equal(world.state, "saved");
  assert.deepEqual(world.draft.answers, text("one two"));
});

test("a copy that the server has already is forgotten", () => {
  const draft = { revision: 3, answers: text("same"), saved_at: "2026-01-01T11:00:00Z" };
  const world = new World({ draft, kept: { answers: text("same"), base: 2, at: 1 } });
  assert.equal(world.begin(world.tab()), null);
  assert.equal(world.kept, null);
});

test("two tabs do not overwrite each other: the second is asked", async () => {
  const world = new World();
  const one = world.tab();
  const other = world.tab();
  world.begin(one);
  world.begin(other);
  one.change(text("from one"));
  await world.pass(1000);
  other.change(text("from the other"));
  await world.pass(1000);
  assert.equal(world.state, "conflict");
  assert.deepEqual(world.states.at(-1)[1], { mine: text("from the other"), theirs: text("from one") });
  assert.deepEqual(world.draft.answers, text("from one"));
  await world.pass(60_000);
  assert.deepEqual(world.draft.answers, text("from one"), "nothing is sent before a choice");
});

test("choosing mine puts it over the stored one", async () => {
  const world = new World({ draft: { revision: 5, answers: text("theirs"), saved_at: "2026-01-01T11:00:00Z" } });
  const tab = world.tab();
  tab.start({ revision: 4, answers: text("old"), savedAt: null });
  tab.change(text("mine"));
  await world.pass(1000);
  assert.equal(world.state, "conflict");
  assert.deepEqual(tab.resolve("mine"), text("mine"));
  await world.pass(1000);
  assert.deepEqual(world.draft.answers, text("mine"));
});

test("choosing theirs takes the stored one", async () => {
  const world = new World({ draft: { revision: 5, answers: text("theirs"), saved_at: "2026-01-01T11:00:00Z" } });
  const tab = world.tab();
  tab.start({ revision: 4, answers: text("old"), savedAt: null });
  tab.change(text("mine"));
  await world.pass(1000);
  assert.deepEqual(tab.resolve("theirs"), text("theirs"));
  tab.change(text("theirs, and more"));
  await world.pass(1000);
  assert.deepEqual(world.draft.answers, text("theirs, and more"));
});

test("of two versions after a reload the newer is shown and both are offered", () => {
  const draft = { revision: 9, answers: text("server"), saved_at: "2026-01-01T11:00:00Z" };
  const later = { answers: text("here"), base: 2, at: Date.parse("2026-01-01T11:30:00Z") };
  const newerHere = new World({ draft, kept: later });
  assert.deepEqual(newerHere.begin(newerHere.tab()), text("here"));
  assert.equal(newerHere.state, "conflict");
  const newerThere = new World({ draft, kept: { ...later, at: Date.parse("2026-01-01T10:00:00Z") } });
  assert.equal(newerThere.begin(newerThere.tab()), null);
  assert.equal(newerThere.state, "conflict");
});

test("when the lease is lost, nothing more is sent and the text stays here", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.lost = true;
  tab.change(text("a"));
  await world.pass(1000);
  assert.equal(world.state, "lost");
  tab.change(text("ab"));
  await world.pass(60_000);
  assert.equal(world.sent.length, 1);
  assert.deepEqual(world.kept.answers, text("ab"));
});

test("after a submit nothing is sent and no copy is left", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("done"));
  tab.stop();
  assert.deepEqual(world.kept.answers, text("done"));
  tab.stop({ done: true });
  tab.stop();
  await world.pass(60_000);
  assert.equal(world.kept, null);
  assert.equal(world.sent.length, 0);
});

test("a submit that is refused lets saving go on", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("too short"));
  tab.stop();
  tab.resume();
  await world.pass(2000);
  assert.deepEqual(world.draft.answers, text("too short"));
});

test("renewing sends what is there although nothing changed", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  await tab.save({ renew: true });
  assert.equal(world.sent.length, 1);
  assert.equal(world.state, "saved");
});

test("a page that is swapped out before it has begun keeps and sends nothing", async () => {
  const world = new World({ draft: { revision: 3, answers: { a: 1 }, saved_at: "2026-01-01T11:00:00Z" } });
  const saver = world.tab();
  await saver.save({ keepalive: true });
  saver.stop();
  assert.equal(world.kept, null);
  assert.deepEqual(world.sent, []);
});

// What was kept here an hour ago and what another device saved since.
const older = { answers: text("an hour of words"), base: 0, at: Date.parse("2026-01-01T10:00:00Z") };
const elsewhere = () => ({ revision: 1, answers: text("theirs"), saved_at: "2026-01-01T11:00:00Z" });

test("where theirs is shown, what is typed into it leaves mine alone", () => {
  const world = new World({ draft: elsewhere(), kept: older });
  const tab = world.tab();
  assert.equal(world.begin(tab), null);
  tab.change(text("theirs!"));
  tab.stop();
  tab.resume();
  assert.deepEqual(world.kept.answers, older.answers);
  assert.deepEqual(tab.resolve("mine"), older.answers);
});

test("what was typed into theirs before it was taken goes on", async () => {
  const world = new World({ draft: elsewhere(), kept: older });
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("theirs!"));
  assert.deepEqual(tab.resolve("theirs"), text("theirs!"));
  await world.pass(1000);
  assert.deepEqual(world.draft.answers, text("theirs!"));
  assert.equal(world.kept, null);
});

test("a choice that was not made is asked for again after a reload, whatever was typed meanwhile", () => {
  const newer = { ...older, at: Date.parse("2026-01-01T11:30:00Z") };
  const world = new World({ draft: elsewhere(), kept: newer });
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("an hour of words, and one"));
  tab.stop();
  const reloaded = world.tab();
  assert.deepEqual(world.begin(reloaded), text("an hour of words, and one"));
  assert.equal(world.state, "conflict");
});

test("another tab that only renewed the lease is no conflict", async () => {
  const world = new World();
  const one = world.tab();
  const other = world.tab();
  world.begin(one);
  world.begin(other);
  await one.save({ renew: true });
  other.change(text("hello"));
  await world.pass(1000);
  assert.equal(world.state, "saved");
  assert.deepEqual(world.draft.answers, text("hello"));
});

test("whichever of several saves without an answer arrived, it is no conflict", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.swallow = true;
  tab.change(text("one"));
  await world.pass(1000); // arrived
  world.network = false;
  tab.change(text("one two"));
  await world.pass(10_000); // did not
  world.network = true;
  world.swallow = false;
  tab.change(text("one two three"));
  await world.pass(40_000);
  assert.equal(world.state, "saved");
  assert.deepEqual(world.draft.answers, text("one two three"));
});

test("revisions under another lease do not count: what is unsure is asked, what is sure is not", () => {
  const draft = { revision: 1, answers: text("taken back"), saved_at: "2026-01-01T11:00:00Z" };
  const kept = { answers: text("before the submit"), base: 4, at: Date.parse("2026-01-01T11:30:00Z"), lease: "old" };
  const world = new World({ draft, kept });
  world.begin(world.tab());
  assert.equal(world.state, "conflict");
  const sure = new World({ draft, kept: { ...kept, unsure: [fingerprint(canonical(text("taken back")))] } });
  assert.deepEqual(sure.begin(sure.tab()), text("before the submit"));
  assert.equal(sure.state, "unsaved");
});

test("a submit that met a newer draft knows its own, and offers that of somebody else", () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("mine"));
  assert.equal(tab.contest({ revision: 3, answers: text("mine") }), true);
  assert.equal(tab.revision, 3);
  assert.equal(tab.contest({ revision: 4, answers: text("theirs") }), false);
  assert.equal(world.state, "conflict");
  assert.deepEqual(tab.resolve("mine"), text("mine"));
  assert.equal(tab.revision, 4);
});

test("leaving waits for the save under way and for the words after it", async () => {
  const world = new World();
  let open;
  world.gate = new Promise((resolve) => (open = resolve));
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("one"));
  await world.pass(1000);
  tab.change(text("one, and last words"));
  const left = tab.flush();
  open();
  await left;
  assert.deepEqual(world.draft.answers, text("one, and last words"));
  assert.equal(tab.dirty, false);
});

test("leaving does not wait for ever where nothing can be saved", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  tab.change(text("kept here"));
  await tab.flush();
  assert.equal(world.state, "offline");
  assert.deepEqual(world.kept.answers, text("kept here"));
  assert.equal(tab.endangered, true);
});

test("a save that hangs is a danger after a while, one that has just begun is none", async () => {
  const world = new World();
  world.gate = new Promise(() => {});
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("swallowed"));
  await world.pass(1000);
  assert.equal(tab.endangered, false);
  await world.pass(10_000);
  assert.equal(tab.endangered, true);
});

test("a page of somebody else's that says 200 is no answer", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.send = async () => ({ status: 200, body: null });
  tab.change(text("in a hotel"));
  await world.pass(1000);
  assert.equal(world.state, "offline");
});

test("where this browser has no room for a copy, nobody is told that there is one", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  tab.change(text("one"));
  await world.pass(1000);
  assert.deepEqual([world.state, tab.kept], ["offline", true]);
  world.full = true;
  const told = world.states.length;
  tab.change(text("one two"));
  assert.deepEqual([world.state, tab.kept, world.states.length], ["offline", false, told + 1]);
  world.full = false;
  tab.change(text("one"));
  assert.deepEqual([world.state, tab.kept, world.states.length], ["offline", true, told + 2]);
  world.full = true;
  tab.change(text("one two"));
  world.network = true;
  await world.pass(10_000);
  assert.equal(world.state, "saved");
  assert.equal(tab.kept, true); // there is nothing to keep
});

test("words behind a save that is under way are a danger where this browser keeps no copy", async () => {
  const world = new World();
  world.gate = new Promise(() => {});
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("one"));
  await world.pass(1000);
  tab.change(text("one two"));
  assert.equal(tab.endangered, false);
  world.full = true;
  tab.change(text("one two three"));
  assert.equal(tab.endangered, true);
});

test("a lease is renewed also while what is typed is refused", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("good"));
  await world.pass(1000);
  world.refuses = ({ response }) => response.text.includes("bad");
  tab.change(text("good bad"));
  await world.pass(1000);
  assert.deepEqual(world.states.at(-1), ["refused", { detail: "Not this." }]);
  await tab.save({ renew: true });
  assert.deepEqual(world.sent.at(-1), text("good"));
  assert.equal(world.draft.revision, 2);
  await world.pass(1000);
  assert.equal(world.state, "refused");
  assert.deepEqual(world.kept.answers, text("good bad"));
  tab.change(text("good"));
  await world.pass(1000);
  assert.equal(world.state, "saved");
});

test("what is typed and taken back before it is sent is saved, and says so", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("good"));
  await world.pass(1000);
  tab.change(text("good?"));
  tab.change(text("good"));
  await world.pass(1000);
  assert.equal(world.state, "saved");
  assert.equal(world.kept, null);
  assert.equal(world.sent.length, 1);
});

test("what is taken back after a save without an answer is sent all the same", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  tab.change(text("good"));
  await world.pass(1000);
  world.swallow = true;
  tab.change(text("good, or not"));
  await world.pass(1000); // arrived
  world.swallow = false;
  tab.change(text("good"));
  assert.equal(tab.dirty, true);
  await world.pass(10_000);
  assert.deepEqual(world.draft.answers, text("good"));
  assert.equal(world.state, "saved");
});

test("a renewal that found no network is tried again until it says that all is saved", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  await tab.save({ renew: true });
  assert.equal(world.state, "offline");
  assert.equal(tab.dirty, false);
  world.network = true;
  await world.pass(10_000);
  assert.equal(world.state, "saved");
});

test("whoever types on without a pause is saved soon after the server is back", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.network = false;
  const type = async (seconds) => {
    for (let press = 0; press < seconds * 4; press += 1) {
      tab.change(text("x".repeat((tab.answers.response?.text.length ?? 0) + 1)));
      await world.pass(250);
    }
  };
  await type(20);
  assert.equal(world.state, "offline");
  assert.ok(world.sent.length < 10);
  world.network = true; // and no event says so, as where a server was started again
  await type(20);
  assert.ok(world.draft.answers.response.text.length > 80);
});

test("a copy that the disk got late, with nothing that the server has not, asks nothing", () => {
  const draft = { revision: 9, answers: text("one two three"), saved_at: "2026-01-01T11:00:00Z" };
  const late = { answers: text("one two"), base: 2, at: Date.parse("2026-01-01T10:59:00Z") };
  const world = new World({ draft, kept: late });
  const tab = world.tab();
  assert.equal(world.begin(tab), null);
  assert.equal(world.state, "saved");
  assert.equal(tab.dirty, false);
  assert.equal(world.kept, null);
  const shortened = new World({ draft, kept: { ...late, at: Date.parse("2026-01-01T11:01:00Z") } });
  assert.deepEqual(shortened.begin(shortened.tab()), text("one two")); // typed later: somebody took a word away
  assert.equal(shortened.state, "conflict");
});

test("a reload knows every save whose answer got lost, not only the last", async () => {
  const world = new World();
  const tab = world.tab();
  world.begin(tab);
  world.swallow = true;
  tab.change(text("one"));
  await world.pass(1000); // arrived
  world.network = false;
  tab.change(text("one two"));
  await world.pass(10_000); // did not
  tab.change(text("one two three"));
  world.network = true;
  world.swallow = false;
  const reloaded = world.tab();
  assert.deepEqual(world.begin(reloaded), text("one two three"));
  assert.equal(world.state, "unsaved");
  await world.pass(1000);
  assert.deepEqual(world.draft.answers, text("one two three"));
});
