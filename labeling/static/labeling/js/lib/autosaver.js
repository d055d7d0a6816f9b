// Keeps answers: a local copy at once, the server soon after. One request at a time, each with the revision that it
// builds on. Knows neither the page nor the network: `send`, `store` and the timers are given to it.
//
// send({revision, answers}) → {status, body}; rejects when the network fails.
// store: read() → record or null, write(record), remove().
// `lease`: what the answers are given under; revisions count on from one another only under the same one.
// States: clean, unsaved, saving, saved, offline, out (logged out), refused, conflict, lost.

import { canonical, same } from "./canonical.js";

const PAUSE = 800; // ms without typing before a save
const LONGEST = 3000; // ms of typing without a pause before a save
const SLOWEST = 30000; // ms between two tries while the network is away
const SLOW = 3000; // ms; a save that is under way for longer may never arrive

export class Autosaver {
  constructor({ send, store, tell, lease, now = Date.now, after = setTimeout, cancel = clearTimeout }) {
    Object.assign(this, { send, store, tell, lease, now, after, cancel });
    this.revision = 0;
    this.answers = null;
    this.saved = null; // canonical text of what the server holds
    this.sent = null; // canonical text of what was sent last, whether or not an answer came
    this.unsure = new Set(); // canonical texts that were sent since the server last answered: it may hold any of them
    this.tries = 0;
    this.stopped = this.done = this.flying = this.apart = false;
    this.timer = this.waitingSince = this.theirs = this.flight = this.since = null;
  }

  // Begins with what the server holds. Returns the answers to show instead, or null when the page is right already.
  start({ revision, answers, savedAt }) {
    this.revision = revision;
    this.answers = answers;
    this.saved = canonical(answers);
    const kept = this.store.read();
    if (!kept || same(kept.answers, answers)) {
      this.store.remove();
      this.become(revision ? "saved" : "clean", { at: savedAt });
      return null;
    }
    this.sent = kept.sent;
    if (kept.sent) this.unsure.add(kept.sent);
    if ((kept.base >= revision && kept.lease === this.lease) || kept.sent === this.saved) {
      this.answers = kept.answers;
      this.become("unsaved");
      this.schedule();
      return kept.answers;
    }
    // The server moved on without this copy: another tab or device. Show the newer one and offer the other.
    this.theirs = { revision, answers, saved_at: savedAt };
    this.mine = kept.answers;
    this.revision = kept.lease === this.lease ? kept.base : -1; // not theirs, before somebody chose
    this.apart = !(kept.at > Date.parse(savedAt ?? 0));
    this.answers = this.apart ? answers : kept.answers;
    this.become("conflict", { mine: kept.answers, theirs: answers });
    return this.apart ? null : kept.answers;
  }

  // Before it has begun there is nothing to lose: a page that is swapped out at once must keep no empty copy.
  get dirty() {
    return this.saved !== null && !this.done && canonical(this.answers) !== this.saved;
  }

  change(answers) {
    if (this.stopped || same(answers, this.answers)) return;
    this.answers = answers;
    this.keep();
    if (this.state === "conflict" && !this.apart) this.mine = answers;
    if (["conflict", "lost"].includes(this.state)) return;
    if (this.state !== "offline" && this.state !== "out") this.become("unsaved");
    this.schedule();
  }

  // The local copy, with what is needed to know later whose it is.
  keep() {
    // Where the page shows theirs, the copy is the only place that still has mine: what is typed into theirs waits.
    if (this.apart) return;
    const { answers, lease, revision: base, sent } = this;
    this.store.write({ answers, lease, base, at: this.now(), sent });
  }

  schedule(wait = PAUSE) {
    this.waitingSince ??= this.now();
    const left = Math.max(0, LONGEST - (this.now() - this.waitingSince));
    this.cancel(this.timer);
    this.timer = this.after(() => this.save(), this.tries ? this.backoff() : Math.min(wait, left));
  }

  backoff() {
    return Math.min(SLOWEST, 1000 * 2 ** (this.tries - 1)) * (0.75 + Math.random() / 2);
  }

  // Whether what is here stands nowhere else, and nothing says that it will soon.
  get endangered() {
    const slow = this.flying && this.now() - this.since > SLOW;
    return this.dirty && (slow || ["offline", "out", "refused", "lost", "conflict"].includes(this.state));
  }

  // Saves now. `renew`: also when nothing changed, so that the lease is renewed.
  async save({ renew = false } = {}) {
    this.cancel(this.timer);
    if (this.stopped || this.flying || this.saved === null || ["conflict", "lost"].includes(this.state)) return;
    if (this.dirty || renew) await (this.flight = this.fly());
  }

  // Saves until everything is on the server, or it is clear that it does not get there.
  async flush() {
    if (this.flying) await this.flight;
    else if (this.tries) await this.save();
    const open = () => this.dirty && !this.tries && !this.stopped && !this.endangered && this.state !== "saving";
    while (open()) await this.save();
  }

  async fly() {
    const { answers, revision } = this;
    const text = canonical(answers);
    this.flying = true;
    this.since = this.now();
    this.waitingSince = null;
    this.sent = text;
    this.unsure.add(text);
    if (this.dirty) this.keep();
    if (!this.tries) this.become("saving");
    let reply = null;
    try {
      reply = await this.send({ revision, answers });
    } catch {
      // No answer: it may or may not have arrived. The revision check finds out on the next try.
    }
    this.flying = false;
    if (!this.stopped) await this.settle(reply, text);
  }

  settle(reply, text) {
    const { status, body } = reply ?? {};
    // A page of somebody else's that says 200 (the log-in of a hotel's network) is no answer either.
    const none = !reply || status >= 500 || status === 429 || (status === 200 && !body?.revision);
    if (none) return this.again("offline");
    if (status === 200) return this.stored(body, text);
    if (status === 409 && body?.code === "stale_draft") return this.stale(body.draft);
    if (status === 409) return this.become("lost", { detail: body?.detail });
    if (status === 401 || status === 403) return this.again("out");
    this.become("refused", { detail: body?.errors?.[0]?.message ?? body?.detail });
  }

  stored(body, text) {
    this.tries = 0;
    this.revision = body.revision;
    this.saved = text;
    this.unsure.clear();
    if (this.dirty) {
      this.keep();
      this.become("unsaved", { expires: body.expires_at });
      this.schedule();
    } else {
      this.store.remove();
      this.become("saved", { at: body.saved_at, expires: body.expires_at });
    }
  }

  stale(stored) {
    if (!this.contest(stored)) return undefined;
    this.tries = 0;
    return this.dirty ? this.save() : this.stored(stored, this.saved);
  }

  // The server holds a newer draft than the one that this page builds on. True where nobody else made it: it is our own,
  // from a request whose answer was lost on the way, or another tab only renewed it. Else both are told, to choose from.
  contest(stored) {
    const theirs = canonical(stored.answers);
    if (this.unsure.has(theirs) || [this.saved, canonical(this.answers)].includes(theirs)) {
      this.revision = stored.revision;
      this.saved = theirs;
      return true;
    }
    this.theirs = stored;
    this.mine = this.answers;
    this.keep();
    this.become("conflict", { mine: this.answers, theirs: stored.answers });
    return false;
  }

  again(state) {
    this.tries += 1;
    this.keep();
    this.become(state);
    this.schedule();
  }

  // After a conflict: "mine" goes over the stored draft, "theirs" replaces what is here, with what was typed into it since
  // the page showed it. Returns the answers chosen.
  resolve(choice) {
    const theirs = this.apart ? this.answers : this.theirs.answers;
    this.apart = false;
    this.tries = 0;
    this.revision = this.theirs.revision;
    this.saved = canonical(this.theirs.answers);
    this.answers = choice === "mine" ? this.mine : theirs;
    this.unsure.clear();
    this.become("unsaved");
    if (this.dirty) {
      this.keep();
      this.save();
    } else {
      this.store.remove();
      this.become("saved", { at: this.theirs.saved_at });
    }
    return this.answers;
  }

  // The network is back, or the person came back: try at once.
  wake() {
    if (this.tries) this.save();
  }

  // No more saves. `done`: the answers were submitted, so that the local copy may go.
  stop({ done = false } = {}) {
    this.stopped = true;
    this.done ||= done;
    this.cancel(this.timer);
    if (this.done) this.store.remove();
    else if (this.dirty) this.keep();
  }

  resume() {
    this.stopped = false;
    if (this.dirty) this.schedule();
  }

  become(state, detail = {}) {
    this.state = state;
    this.tell(state, detail);
  }
}
