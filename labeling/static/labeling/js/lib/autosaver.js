// Keeps answers: a local copy at once, the server soon after. One request at a time, each with the revision that it
// builds on. Knows neither the page nor the network: `send`, `store` and the timers are given to it.
//
// send({revision, answers}) → {status, body}; rejects when the network fails.
// store: read() → record or null, write(record) → whether it is kept, remove().
// tell(state, detail): also told again when `kept` changes, whether this browser has a copy of what is newest here.
// `lease`: what the answers are given under; revisions count on from one another only under the same one.
// States: clean, unsaved, saving, saved, offline, out (logged out), refused, conflict, lost.

import { canonical, fingerprint, same, within } from "./canonical.js";

const PAUSE = 800; // ms without typing before a save
const LONGEST = 2000; // ms of typing without a pause before a save; with the way to the server within three seconds
const SLOWEST = 30000; // ms between two tries while the network is away
const SLOW = 3000; // ms; a save that is under way for longer may never arrive
const TROUBLES = ["offline", "out", "refused", "lost", "conflict"]; // states in which the server does not get what is here

export class Autosaver {
  constructor({ send, store, tell, lease, now = Date.now, after = setTimeout, cancel = clearTimeout }) {
    Object.assign(this, { send, store, tell, lease, now, after, cancel });
    this.revision = 0;
    this.answers = null;
    this.saved = null; // canonical text of what the server holds
    this.sent = null; // canonical text of what was sent last, whether or not an answer came
    this.unsure = new Set(); // fingerprints of what was sent since the server last answered: it may hold any of them
    this.tries = 0;
    this.stopped = this.done = this.flying = this.apart = false;
    this.kept = true;
    this.timer = this.waitingSince = this.theirs = this.flight = this.since = null;
  }

  // Begins with what the server holds. Returns the answers to show instead, or null when the page is right already.
  start({ revision, answers, savedAt }) {
    this.revision = revision;
    this.answers = answers;
    this.saved = canonical(answers);
    this.savedAt = savedAt;
    const kept = this.store.read();
    if (!kept || same(kept.answers, answers)) {
      this.rest();
      return null;
    }
    this.unsure = new Set(kept.unsure);
    if ((kept.base >= revision && kept.lease === this.lease) || this.unsure.has(fingerprint(this.saved))) {
      this.answers = kept.answers;
      this.become("unsaved");
      this.schedule();
      return kept.answers;
    }
    const older = !(kept.at > Date.parse(savedAt ?? 0));
    // A browser that is killed is late to write its copies to the disk: what came after them is on the server.
    if (older && within(kept.answers, answers)) {
      this.unsure.clear();
      this.rest();
      return null;
    }
    // The server moved on without this copy: another tab or device. Show the newer one and offer the other.
    this.theirs = { revision, answers, saved_at: savedAt };
    this.mine = kept.answers;
    this.revision = kept.lease === this.lease ? kept.base : -1; // not theirs, before somebody chose
    this.apart = older;
    this.answers = this.apart ? answers : kept.answers;
    this.become("conflict", { mine: kept.answers, theirs: answers });
    return this.apart ? null : kept.answers;
  }

  // Before it has begun there is nothing to lose: a page that is swapped out at once must keep no empty copy.
  get dirty() {
    if (this.saved === null || this.done) return false;
    return canonical(this.answers) !== this.saved || [...this.unsure].some((sent) => sent !== fingerprint(this.saved));
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
    const { answers, lease, revision: base, unsure, kept } = this;
    this.kept = this.store.write({ answers, lease, base, at: this.now(), unsure: [...unsure] });
    if (this.kept !== kept && TROUBLES.includes(this.state)) this.become(this.state, this.detail);
  }

  // Everything is on the server: there is nothing to keep.
  rest(detail = {}) {
    this.forget();
    this.become(this.revision ? "saved" : "clean", { at: this.savedAt, ...detail });
  }

  forget() {
    this.store.remove();
    this.kept = true;
  }

  schedule(wait = PAUSE) {
    this.waitingSince ??= this.now();
    if (this.tries && this.timer !== null) return; // whoever types on must not put off the next try for ever
    const left = Math.max(0, LONGEST - (this.now() - this.waitingSince));
    this.calm();
    this.timer = this.after(() => this.save(), this.tries ? this.backoff() : Math.min(wait, left));
  }

  calm() {
    this.cancel(this.timer);
    this.timer = null;
  }

  backoff() {
    return Math.min(SLOWEST, 1000 * 2 ** (this.tries - 1)) * (0.75 + Math.random() / 2);
  }

  // Whether what is here stands nowhere else, and nothing says that it will soon.
  get endangered() {
    const slow = this.flying && this.now() - this.since > SLOW;
    const behind = this.flying && !this.kept && this.sent !== canonical(this.answers);
    return this.dirty && (slow || behind || TROUBLES.includes(this.state));
  }

  // Saves now. `renew`: also when nothing changed, so that the lease is renewed.
  async save({ renew = false } = {}) {
    this.calm();
    if (this.stopped || this.flying || this.saved === null || ["conflict", "lost"].includes(this.state)) return;
    // Typed, and taken back before it was sent.
    if (!this.dirty && !renew && !this.tries) return this.state === "unsaved" ? this.rest() : undefined;
    // Answers that are refused renew no lease; those before them do.
    const refused = renew && this.state === "refused";
    await (this.flight = this.fly(refused ? JSON.parse(this.saved) : this.answers));
  }

  // Saves until everything is on the server, or it is clear that it does not get there.
  async flush() {
    if (this.flying) await this.flight;
    else if (this.tries) await this.save();
    const open = () => this.dirty && !this.tries && !this.stopped && !this.endangered && this.state !== "saving";
    while (open()) await this.save();
  }

  async fly(answers) {
    const { revision } = this;
    const text = canonical(answers);
    this.flying = true;
    this.since = this.now();
    this.waitingSince = null;
    this.sent = text;
    this.unsure.add(fingerprint(text));
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
    this.unsure.delete(fingerprint(text));
    this.become("refused", { detail: body?.errors?.[0]?.message ?? body?.detail });
  }

  stored(body, text) {
    this.tries = 0;
    this.revision = body.revision;
    this.saved = text;
    this.savedAt = body.saved_at;
    this.unsure.clear();
    if (this.dirty) {
      this.keep();
      this.become("unsaved", { expires: body.expires_at });
      this.schedule();
    } else {
      this.rest({ expires: body.expires_at });
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
    if (this.unsure.has(fingerprint(theirs)) || [this.saved, canonical(this.answers)].includes(theirs)) {
      this.revision = stored.revision;
      this.saved = theirs;
      this.savedAt = stored.saved_at;
      this.unsure.clear(); // any that comes yet builds on an older revision
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
    this.savedAt = this.theirs.saved_at;
    this.answers = choice === "mine" ? this.mine : theirs;
    this.unsure.clear();
    this.become("unsaved");
    if (this.dirty) {
      this.keep();
      this.save();
    } else {
      this.rest();
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
    this.calm();
    if (this.done) this.forget();
    else if (this.dirty) this.keep();
  }

  resume() {
    this.stopped = false;
    if (this.dirty) this.schedule();
  }

  become(state, detail = {}) {
    this.state = state;
    this.detail = detail;
    this.tell(state, detail);
  }
}
