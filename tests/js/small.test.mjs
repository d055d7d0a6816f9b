import assert from "node:assert/strict";
import { test } from "node:test";
import { bind, find } from "../../labeling/static/labeling/js/lib/bindings.js";
import { canonical } from "../../labeling/static/labeling/js/lib/canonical.js";
import { ActiveClock, IDLE } from "../../labeling/static/labeling/js/lib/clock.js";
import { caps, names } from "../../labeling/static/labeling/js/lib/keys.js";
import { characters, codePoints, words } from "../../labeling/static/labeling/js/lib/text.js";
import { ago, leaseWords } from "../../labeling/static/labeling/js/lib/words.js";

const unheld = { ctrlKey: false, altKey: false, metaKey: false, shiftKey: false };
const press = (key, code = "", held = {}) => ({ key, code, ...unheld, ...held });

test("equal values have one canonical text, whatever the order of their keys", () => {
  assert.equal(canonical({ b: [1, { d: 2, c: 3 }], a: "x" }), canonical({ a: "x", b: [1, { c: 3, d: 2 }] }));
  assert.notEqual(canonical({ a: [1, 2] }), canonical({ a: [2, 1] }));
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
