import assert from "node:assert/strict";
import { test } from "node:test";
import * as form from "../../labeling/static/labeling/js/lib/active.js";
import { answerOf, outcomesOf, stepOf } from "../../labeling/static/labeling/js/lib/comparison.js";
import * as judging from "../../labeling/static/labeling/js/lib/judging.js";

const KEYS = ["a", "b", "c"];
const LETTERS = { a: "A", b: "B", c: "C" };

test("a digit means itself on a scale of digits", () => {
  assert.deepEqual(judging.scaleDigits(0, 4), { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4 });
  assert.deepEqual(judging.scaleDigits(1, 7)["7"], 7);
  assert.equal(judging.scaleDigits(1, 7)["0"], undefined);
  assert.equal(Object.keys(judging.scaleDigits(0, 9)).length, 10);
});

test("a digit means a place on a scale with other numbers, and 0 the tenth place", () => {
  assert.deepEqual(judging.scaleDigits(-3, 3), { 1: -3, 2: -2, 3: -1, 4: 0, 5: 1, 6: 2, 7: 3 });
  assert.equal(judging.scaleDigits(1, 10)["0"], 10);
  assert.equal(judging.scaleDigits(1, 10)["1"], 1);
});

test("a scale of more than ten steps has no digits", () => {
  assert.deepEqual(judging.scaleDigits(0, 10), {});
  assert.deepEqual(judging.scaleDigits(-10, 10), {});
});

test("steps begin in the middle and end at the ends", () => {
  assert.equal(judging.stepped(undefined, 1, 0, 20), 10);
  assert.equal(judging.stepped(undefined, -1, -3, 3), 0);
  assert.equal(judging.stepped(20, 1, 0, 20), 20);
  assert.equal(judging.stepped(-3, -1, -3, 3), -3);
  assert.equal(judging.stepped(2, -1, 0, 4), 1);
});

test("the first ten options have digit keys, further ones none", () => {
  assert.deepEqual([0, 8, 9, 10].map(judging.digitAt), ["1", "9", "0", null]);
  assert.deepEqual([2, 9, 10, 30].map(judging.shownDigits), ["1 – 2", "1 – 9", "1 – 9, 0", "1 – 9, 0"]);
});

test("the next response without an answer is looked for round the end", () => {
  assert.equal(judging.nextMissing({ b: 2 }, KEYS, "a"), "c");
  assert.equal(judging.nextMissing({ c: 2 }, KEYS, "b"), "a");
  assert.equal(judging.nextMissing({ a: 0, b: 2, c: 1 }, KEYS, "b"), null);
  assert.equal(judging.nextMissing({ "": 3 }, [""], ""), null);
  assert.deepEqual(judging.missing({ b: 0 }, KEYS), ["a", "c"]);
});

test("answers change without touching the old ones", () => {
  const before = { a: 1 };
  assert.deepEqual(judging.changed(before, "b", 0), { a: 1, b: 0 });
  assert.deepEqual(judging.changed(before, "a", null), {});
  assert.deepEqual(before, { a: 1 });
});

test("answers are said for each response, or for the whole", () => {
  assert.equal(judging.describe({ a: 4, c: 0 }, KEYS, LETTERS, String), "A: 4 · B: no answer yet · C: 0");
  assert.equal(judging.describe({ "": 2 }, [""], {}, String), "2");
});

test("a comparison and its step are the same thing", () => {
  for (const step of ["a:3", "b:1", "tie"]) assert.equal(stepOf(answerOf(step, false)), step);
  assert.deepEqual(answerOf("b:2", false), { preferred: "b", strength: 2 });
  assert.deepEqual(answerOf("tie", false), { preferred: null });
  assert.deepEqual(answerOf("a:1", true), { preferred: "a", strength: 1, both_bad: true });
  assert.deepEqual(answerOf(null, true), { preferred: null, both_bad: true });
  assert.equal(answerOf(null, false), null);
  assert.equal(stepOf(null), null);
  assert.equal(stepOf({}), null);
});

test("a comparison comes to what the server says of it", () => {
  const ties = { ties: true };
  assert.deepEqual(outcomesOf({ preferred: "b", strength: 2 }, ties), ["answered", "preferred", "2"]);
  assert.deepEqual(outcomesOf({ preferred: null }, ties), ["answered", "tie"]);
  assert.deepEqual(outcomesOf({ preferred: null, both_bad: true }, ties), ["answered", "tie", "both_bad"]);
  assert.deepEqual(outcomesOf({ preferred: null, both_bad: true }, { ties: false }), ["answered", "both_bad"]);
  assert.deepEqual(outcomesOf(null, ties), []);
});

test("work goes on at the first question, after a break at the first that is open", () => {
  form.clear();
  form.add({ name: "flags", number: 1 });
  form.add({ name: "quality", number: 2 });
  form.add({ name: "why", number: 3, condition: { question: "quality", is: ["1"] } });
  form.update("flags", { complete: true, value: null });
  form.update("quality", { complete: false, value: null });
  assert.equal(form.resume(), "flags");
  form.update("quality", { complete: false, value: { a: 1 } });
  assert.equal(form.resume(), "quality");
  form.update("quality", { complete: true, value: { a: 1, b: 2 }, outcomes: ["answered", "1", "2"] });
  assert.equal(form.resume(), "why");
  form.update("why", { complete: true, value: { text: "because" } });
  assert.equal(form.resume(), "why");
  form.clear();
  assert.equal(form.resume(), null);
});
