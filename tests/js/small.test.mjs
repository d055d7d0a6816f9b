import assert from "node:assert/strict";
import { test } from "node:test";
import { bind, find } from "../../labeling/static/labeling/js/lib/bindings.js";
import { canonical, fingerprint, within } from "../../labeling/static/labeling/js/lib/canonical.js";
import { ActiveClock, IDLE } from "../../labeling/static/labeling/js/lib/clock.js";
import { caps, names } from "../../labeling/static/labeling/js/lib/keys.js";
import { LONGEST, misfit } from "../../labeling/static/labeling/js/lib/limits.js";
import { characters, codePoints, words } from "../../labeling/static/labeling/js/lib/text.js";
import { ago, leaseWords, saying } from "../../labeling/static/labeling/js/lib/words.js";

const unheld = { ctrlKey: false, altKey: false, metaKey: false, shiftKey: false };
const press = (key, code = "", held = {}) => ({ key, code, ...unheld, ...held });

test("equal values have one canonical text, whatever the order of their keys", () => {
  assert.equal(canonical({ b: [1, { d: 2, c: 3 }], a: "x" }), canonical({ a: "x", b: [1, { c: 3, d: 2 }] }));
  assert.notEqual(canonical({ a: [1, 2] }), canonical({ a: [2, 1] }));
});

test("texts have fingerprints of their own", () => {
  const texts = Array.from({ length: 10_000 }, (_, n) => `{"response":{"text":"${n}"}}`);
  assert.equal(new Set(texts.map(fingerprint)).size, texts.length);
  assert.equal(fingerprint("言葉 👍"), fingerprint("言葉 👍"));
});

test("a value stands in another that only goes on where it ends", () => {
  const answers = { r: { a: 3 }, why: { text: "Be" }, marks: [{ start: 1 }] };
  assert.equal(within(answers, answers), true);
  assert.equal(within(answers, { ...answers, why: { text: "Because" }, r: { a: 3, b: 1 }, marks: [{ start: 1 }, 2] }), true);
  for (const other of [{}, { ...answers, why: { text: "To be" } }, { ...answers, r: { a: 2 } }, { ...answers, marks: {} }, null]) {
    assert.equal(within(answers, other), false);
  }
  assert.equal(within({ text: "" }, { text: null }), false);
});

test("reading without touching counts for a while and no longer", () => {
  const clock = new ActiveClock();
  clock.sign(0);
  clock.sign(10_000);
  assert.equal(clock.at(15_000), 15_000);
  assert.equal(clock.at(10_000_000), 10_000 + IDLE);
});

test("time in another window does not count", () => {
  const clock = new ActiveClock(5000);
  clock.sign(0);
  clock.pause(1000);
  clock.sign(100_000);
  assert.equal(clock.at(101_000), 7000);
});

test("an emoji is one character, and words are counted in scripts without spaces", () => {
  assert.equal(characters("👩‍👩‍👧 né"), 4);
  assert.equal(words("two words, really"), 3);
  assert.ok(words("今日は天気がいい") > 1);
  assert.equal(codePoints("  a👍b\n"), 3);
});

test("what would not arrive as it was typed is said, and nothing else", () => {
  for (const fine of ["", "né 👩‍👩‍👧 \u0000 \ufffd", "𠀀".repeat(10)]) assert.equal(misfit(fine, codePoints(fine)), null);
  for (const half of ["\ud83d", "a\udc69b", "\udc69\ud83d"]) assert.match(misfit(half, 1), /half of a character/);
  const long = "👍".repeat(LONGEST + 1);
  assert.equal(misfit(long.slice(2), codePoints(long.slice(2))), null);
  assert.match(misfit(long, codePoints(long)), /has 200,001 characters; at most 200,000 fit here/);
});

test("a state says where the words are, and where they are not", () => {
  assert.equal(saying("offline", { kept: true }), "offline, kept here");
  for (const state of ["offline", "out", "lost"]) assert.match(saying(state, { kept: false }), /kept nowhere: copy it$/);
});

test("presses have names", () => {
  assert.deepEqual(names(press("j", "KeyJ")), ["j"]);
  assert.deepEqual(names(press("J", "KeyJ", { shiftKey: true })), ["j"]);
  assert.deepEqual(names(press("?", "Minus", { shiftKey: true })), ["?"]);
  assert.deepEqual(names(press("Enter", "Enter", { ctrlKey: true })), ["Mod+Enter"]);
  assert.deepEqual(names(press("ArrowUp", "ArrowUp", { altKey: true })), ["Alt+ArrowUp"]);
});

test("digit and letter keys work on keyboards of other countries", () => {
  assert.ok(names(press("&", "Digit1")).includes("1")); // French
  assert.ok(names(press("п", "KeyG")).includes("g")); // Russian
  assert.ok(!names(press("=", "Digit0", { shiftKey: true })).includes("0")); // German
});

test("a digit key is its digit before what it writes", () => {
  assert.deepEqual(names(press("+", "Digit1")), ["1", "+"]); // Czech: "+" would be another binding
  assert.deepEqual(names(press("1", "Digit1")), ["1"]);
});

test("the pad answers only where it writes digits", () => {
  assert.deepEqual(names(press("ArrowDown", "Numpad2")), ["ArrowDown"]); // without NumLock it scrolls
  assert.deepEqual(names(press("2", "Numpad2")), ["2"]);
  assert.deepEqual(names(press("٢", "Numpad2")), ["2", "٢"]);
  assert.deepEqual(names(press("1", "Numpad1", { altKey: true })), []); // the first digit of an Alt code
  assert.deepEqual(names(press("End", "Numpad1", { altKey: true })), []);
});

test("in a text, Alt with a key that writes something is text", () => {
  const held = { altKey: true };
  const inText = { typing: true };
  assert.deepEqual(names(press("@", "Digit2", held), inText), ["Alt+@"]); // a Spanish Mac
  assert.deepEqual(names(press("Dead", "Digit4", held), inText), ["Alt+Dead"]);
  assert.deepEqual(names(press("π", "KeyP", held), inText), ["Alt+π"]);
  assert.ok(names(press("2", "Digit2", held), inText).includes("Alt+2"));
  assert.ok(names(press("p", "KeyP", held), inText).includes("Alt+p"));
  assert.ok(names(press("ArrowUp", "ArrowUp", held), inText).includes("Alt+ArrowUp"));
  assert.ok(names(press("@", "Digit2", held)).includes("Alt+2"));
});

test("a letter key that writes no letter of ours is its place, after what it writes", () => {
  assert.deepEqual(names(press("'", "KeyW")), ["'", "w"]); // Hebrew
  assert.deepEqual(names(press("لا", "KeyB")), ["لا", "b"]); // Arabic, two characters by one key
  assert.deepEqual(names(press("z", "KeyY")), ["z"]); // German
  assert.deepEqual(names(press("Process", "KeyW")), ["Process"]);
});

test("a press without a key, as of a browser that fills a field in, is nothing", () => {
  assert.deepEqual(names({}), [""]);
});

test("a binding is found only while it applies", () => {
  let ready = false;
  const unbind = bind({ keys: ["Enter"], label: "Submit", run() {}, when: () => ready });
  assert.equal(find(["Enter"]), null);
  ready = true;
  assert.equal(find(["x", "Enter"]).binding.label, "Submit");
  unbind();
  assert.equal(find(["Enter"]), null);
});

test("keys are shown as they stand on the keyboard", () => {
  assert.deepEqual(caps("Alt+ArrowUp"), ["Alt", "↑"]);
  assert.deepEqual(caps("g"), ["G"]);
});

test("a lease is said in words", () => {
  const minute = 60_000;
  assert.match(leaseWords(29 * minute, 30 * minute), /29 min/);
  assert.match(leaseWords(4 * minute, 30 * minute), /4 more min, typing keeps it/);
  assert.match(leaseWords(-1, 30 * minute), /ran out/);
});

test("times past are said roughly", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  assert.equal(ago("2026-01-01T11:59:40Z", now), "just now");
  assert.equal(ago("2026-01-01T11:45:00Z", now), "15 minutes ago");
  assert.equal(ago("2025-12-31T12:00:00Z", now), "yesterday");
});
