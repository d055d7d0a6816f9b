// Marks what differs between two responses, and dims what responses share.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import { canPaint, comparisonWords, paint, rangesOf, shownText } from "../lib/painting.js";
import { remember, remembered } from "../lib/remember.js";
import { Saying } from "../lib/strip.js";

const LONG = 30_000; // characters, from which on comparing takes so long that a word is due
const KINDS = ["share", "differ"]; // what differs is seen where a passage that moved is both
const OVER = { differ: "Differences are not marked any more.", share: "Nothing is dimmed any more." };
const MISSED = { words: "Nothing is compared: a script could not be loaded. Ask for it again.", ranges: [] };
const all = () => [...document.querySelectorAll("[data-candidate]")];
const pinned = () => all().filter((card) => "pinned" in card.dataset);
const compared = () => (pinned().length === 2 ? pinned() : all());

export default class extends Controller {
  static targets = ["button"];

  connect() {
    if (all().length < 2 || !canPaint()) return;
    const group = "Reading";
    this.unbind = bind(
      { keys: ["v"], group, label: "Mark what varies between two responses", run: () => this.turn("differ") },
      { keys: ["m"], group, label: "Dim passages that match in two responses", run: () => this.turn("share") },
    );
    for (const button of this.buttonTargets) button.hidden = false;
    this.sayings = { differ: new Saying(), share: new Saying() };
    this.wanted = { differ: remembered("differ") && all().length === 2, share: remembered("share") };
    this.watching = new MutationObserver((records) => {
      if (records.some(({ target }) => target.closest(".candidate__text"))) this.refresh(); // math was drawn
    });
    this.watching.observe(document.querySelector(".candidates"), { childList: true, subtree: true });
    document.addEventListener("reading:changed", this.refresh);
    this.refresh();
  }

  disconnect() {
    if (!this.unbind) return;
    this.unbind();
    this.round = null; // what is still being compared comes too late
    this.watching.disconnect();
    document.removeEventListener("reading:changed", this.refresh);
    for (const kind of KINDS) {
      this.sayings[kind].remove();
      paint(kind, []);
    }
  }

  press({ currentTarget }) {
    this.turn(currentTarget.value);
  }

  turn(kind) {
    const on = (this.wanted[kind] = !this.wanted[kind]);
    remember(kind, on);
    if (!on) this.sayings[kind].say("", { spoken: OVER[kind] });
    this.refresh();
  }

  refresh = async () => {
    const round = (this.round = {});
    for (const button of this.buttonTargets) button.setAttribute("aria-pressed", this.wanted[button.value]);
    for (const kind of KINDS) {
      const found = this.wanted[kind] ? await this[kind]() : { ranges: [] };
      if (round !== this.round) return;
      paint(kind, found.ranges, KINDS.indexOf(kind));
      if (found.words) this.sayings[kind].say(found.words, found);
    }
  };

  async differ() {
    const pair = compared();
    if (pair.length !== 2) return { words: "To see what differs, pin two responses.", key: "P", ranges: [] };
    const maps = await this.read(pair, "differ");
    try {
      const { differences } = await import("../lib/worddiff.js");
      const found = await differences(...maps.map((map) => map.tokens()));
      const written = pair.map((card) => card.querySelector(".candidate__raw").textContent);
      const words = comparisonWords(pair.map((card) => card.dataset.letter), written, found);
      return { words, ranges: rangesOf(maps, found.sides.map(({ runs }) => runs)) };
    } catch {
      return MISSED;
    }
  }

  async share() {
    const cards = compared();
    const maps = await this.read(cards, "share");
    const found = await import("../lib/passages.js").catch(() => null);
    if (!found) return MISSED;
    const { LEAST, passages } = found;
    const ranges = rangesOf(maps, passages(maps.map((map) => map.tokens())));
    const which = cards.length === 2 ? "both responses" : "two or more responses";
    const some = `Dimmed: passages of ${LEAST} words or more that stand in ${which}.`;
    return { words: ranges.length ? some : `No passage of ${LEAST} words or more stands in ${which}.`, ranges };
  }

  async read(cards, kind) {
    const maps = cards.map(shownText);
    if (maps.some(({ text }) => text.length > LONG)) {
      this.sayings[kind].say("Comparing …");
      await new Promise((go) => setTimeout(go, 30)); // so that the words are seen first
    }
    return maps;
  }
}
