import assert from "node:assert/strict";
import { test } from "node:test";
import * as ranking from "../../labeling/static/labeling/js/lib/ranking.js";

const keys = ["a", "b", "c", "d"];
const letters = { a: "A", b: "B", c: "C", d: "D" };
const ties = { ties: true, most: 4 };
const strict = { ties: false, most: 4 };

test("a digit puts a response at a place", () => {
  assert.deepEqual(ranking.place({ a: 1 }, "b", 2, ties), { a: 1, b: 2 });
});

test("the same place twice is a tie where ties are allowed", () => {
  const places = ranking.place({ a: 1 }, "b", 1, ties);
  assert.deepEqual(ranking.groups(places, keys), [["a", "b"]]);
});

test("without ties the one who stood there takes the place that became free", () => {
  assert.deepEqual(ranking.place({ a: 1, b: 2 }, "b", 1, strict), { a: 2, b: 1 });
});

test("without ties a newcomer pushes the other out", () => {
  assert.deepEqual(ranking.place({ a: 1 }, "b", 1, strict), { b: 1 });
});

test("gaps between places mean nothing", () => {
  assert.deepEqual(ranking.groups({ a: 4, b: 1, c: 4 }, keys), [["b"], ["a", "c"]]);
});

test("groups and places say the same", () => {
  assert.deepEqual(ranking.fromGroups([["b"], ["a", "c"]]), { b: 1, a: 2, c: 2 });
});

test("moving stays within the places", () => {
  assert.deepEqual(ranking.move({ a: 1 }, "a", -1, ties), { a: 1 });
  assert.deepEqual(ranking.move({ a: 4 }, "a", 1, ties), { a: 4 });
  assert.deepEqual(ranking.move({ a: 1, b: 2 }, "b", -1, strict), { a: 2, b: 1 });
});

test("what has no place enters behind the last when it is moved", () => {
  assert.deepEqual(ranking.move({ a: 1, b: 2 }, "c", -1, ties), { a: 1, b: 2, c: 3 });
});

test("a tie joins the group right above", () => {
  assert.deepEqual(ranking.tieWithAbove({ a: 1, b: 2, c: 4 }, "c"), { a: 1, b: 2, c: 2 });
  assert.deepEqual(ranking.tieWithAbove({ a: 1, b: 2 }, "d"), { a: 1, b: 2, d: 2 });
});

test("the best has nobody above to tie with", () => {
  assert.deepEqual(ranking.tieWithAbove({ a: 1 }, "a"), { a: 1 });
  assert.deepEqual(ranking.tieWithAbove({}, "a"), {});
});

test("the next response without a place is sought round the end", () => {
  assert.equal(ranking.nextUnplaced({ a: 1, b: 2 }, keys, "b"), "c");
  assert.equal(ranking.nextUnplaced({ b: 1, c: 2, d: 3 }, keys, "d"), "a");
  assert.equal(ranking.nextUnplaced({ a: 1, b: 2, c: 3, d: 4 }, keys, "d"), null);
});

test("the order is said in letters", () => {
  assert.equal(ranking.describe({ b: 1, a: 2, d: 2 }, keys, letters), "1: B · 2: A, D · no place yet: C");
});

test("nothing changes the places that were given", () => {
  const places = Object.freeze({ a: 1, b: 2 });
  ranking.place(places, "a", 2, strict);
  ranking.clear(places, "a");
  ranking.move(places, "b", -1, strict);
  ranking.tieWithAbove(places, "b");
  assert.deepEqual(places, { a: 1, b: 2 });
});
