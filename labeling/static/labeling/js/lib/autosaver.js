// Keeps answers: a local copy at once, the server soon after. One request at a time, each with the revision that it
// builds on. Knows neither the page nor the network: `send`, `store` and the timers are given to it.
//
// send({revision, answers, keepalive}) → {status, body}; rejects when the network fails.
// store: read() → record or null, write(record), remove().
// States: clean, unsaved, saving, saved, offline, out (logged out), refused, conflict, lost.

import { canonical, same } from "./canonical.js";

const PAUSE = 800; // ms without typing before a save
const LONGEST = 3000; // ms of typing without a pause before a save
const SLOWEST = 30000; // ms between two tries while the network is away

export class Autosaver {
  constructor({ send, store, tell, now = Date.now, after = setTimeout, cancel = clearTimeout }) {
    Object.assign(this, { send, store, tell, now, after, cancel });
    this.revision = 0;
    this.answers = null;
    this.saved = null; // canonical text of what the server holds
    this.sent = null; // canonical text of what was sent last, whether or not an answer came
    this.tries = 0;
    this.stopped = this.done = this.flying = false;
    this.timer = this.waitingSince = this.theirs = null;
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
    if (kept.base >= revision || kept.sent === this.saved) {
      this.answers = kept.answers;
      this.become("unsaved");
      this.schedule();
      return kept.answers;
    }
    // The server moved on without this copy: another tab or device. Show the newer one and offer the other.
    this.theirs = { revision, answers, saved_at: savedAt };
    this.mine = kept.answers;
    this.become("conflict", { mine: kept.answers, theirs: answers });
    const newer = kept.at > Date.parse(savedAt ?? 0) ? kept.answers : answers;
    this.answers = newer;
    return newer === kept.answers ? newer : null;
  }

  // Before it has begun there is nothing to lose: a page that is swapped out at once must keep no empty copy.
  get dirty() {
    return this.saved !== null && canonical(this.answers) !== this.saved;
  }

  change(answers) {
    if (this.stopped || same(answers, this.answers)) return;
    this.answers = answers;
    this.keep();
    if (this.state === "conflict") this.mine = answers;
    if (["conflict", "lost"].includes(this.state)) return;
    if (this.state !== "offline" && this.state !== "out") this.become("unsaved");
    this.schedule();
  }

  // The local copy, with what is needed to know later whose it is.
  keep() {
    this.store.write({ answers: this.answers, base: this.revision, at: this.now(), sent: this.sent });
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

  // Saves now. `renew`: also when nothing changed, so that the lease is renewed.
  async save({ keepalive = false, renew = false } = {}) {
    this.cancel(this.timer);
    if (this.stopped || this.flying || ["conflict", "lost"].includes(this.state)) return;
    if (!this.dirty && !renew) return;
    const { answers, revision } = this;
    const text = canonical(answers);
    const before = this.sent;
    this.flying = true;
    this.waitingSince = null;
    this.sent = text;
    if (this.dirty) this.keep();
    if (!this.tries) this.become("saving");
    let reply = null;
    try {
      reply = await this.send({ revision, answers, keepalive });
    } catch {
      // No answer: it may or may not have arrived. The revision check finds out on the next try.
    }
    this.flying = false;
    if (!this.stopped) this.settle(reply, text, before);
  }

  settle(reply, text, before) {
    if (!reply || reply.status >= 500 || reply.status === 429) return this.again("offline");
    const { status, body } = reply;
    if (status === 200) return this.stored(body, text);
    if (status === 409 && body?.code === "stale_draft") return this.stale(body.draft, text, before);
    if (status === 409) return this.become("lost", { detail: body?.detail });
    if (status === 401 || status === 403) return this.again("out");
    this.become("refused", { detail: body?.errors?.[0]?.message ?? body?.detail });
  }

  stored(body, text) {
    this.tries = 0;
    this.revision = body.revision;
    this.saved = text;
    if (this.dirty) {
      this.keep();
      this.become("unsaved", { expires: body.expires_at });
      this.schedule();
    } else {
      this.store.remove();
      this.become("saved", { at: body.saved_at, expires: body.expires_at });
    }
  }

  stale(stored, text, before) {
    const theirs = canonical(stored.answers);
    if (theirs === text || theirs === before) {
      // It is our own, from a request whose answer was lost on the way.
      this.tries = 0;
      this.revision = stored.revision;
      this.saved = theirs;
      return this.dirty ? this.save() : this.stored({ ...stored }, theirs);
    }
    this.theirs = stored;
    this.mine = this.answers;
    this.keep();
    this.become("conflict", { mine: this.answers, theirs: stored.answers });
  }

  again(state) {
    this.tries += 1;
    this.keep();
    this.become(state);
    this.schedule();
  }

  // After a conflict: "mine" goes over the stored draft, "theirs" replaces what is here. Returns the answers chosen.
  resolve(choice) {
    this.revision = this.theirs.revision;
    this.saved = canonical(this.theirs.answers);
    this.answers = choice === "mine" ? this.mine : this.theirs.answers;
    this.become("unsaved");
    if (choice === "mine") {
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
