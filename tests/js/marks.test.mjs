import assert from "node:assert/strict";
import { test } from "node:test";
import { CodePoints } from "../../labeling/static/labeling/js/lib/codepoints.js";
import { Markings } from "../../labeling/static/labeling/js/lib/markings.js";
import { clipped, describe, fromStored, labelsAt, labelsOn, MOST, toStored, under } from "../../labeling/static/labeling/js/lib/marks.js";
import cases from "../fixtures/code_points.json" with { type: "json" };

const LABELS = ["Minor", "Major", "Critical"];
const TEXT = "👍 The cat 👩‍👩‍👧 sat.";
const points = new CodePoints(TEXT);
const read = (stored) => fromStored(stored, points, LABELS);
const plain = (marks) => marks.map(({ start, end, label, comment }) => [start, end, label, comment]);
const markings = (stored = {}) =>
  new Markings({ labels: LABELS, points: { a: points, b: new CodePoints("Another one.") }, stored });
const part = (words) => ({ start: TEXT.indexOf(words), end: TEXT.indexOf(words) + words.length });

test("places are units on the page and code points in what is stored, for every case that the server knows", () => {
  for (const { name, text, spans } of cases) {
    const index = new CodePoints(text);
    const stored = spans.map(({ start, end }, n) => ({ start, end, label: `label ${n}` }));
    const labels = stored.map(({ label }) => label);
    const found = fromStored(stored, index, labels);
    assert.equal(found.length, spans.length, name);
    for (const mark of found) {
      const span = spans[labels.indexOf(mark.label)];
      assert.equal(text.slice(mark.start, mark.end), span.part, name);
      assert.deepEqual(toStored([mark], index)[0], { start: span.start, end: span.end, label: mark.label }, name);
    }
  }
});

test("a draft may hold anything, and what is good in it stays", () => {
  const good = { start: 2, end: 5, label: "Major", comment: "why" };
  for (const junk of [null, 5, "x", {}, [], [null], [[]], [{ start: 0 }], [{ start: "0", end: 2, label: "Minor" }]]) {
    assert.deepEqual(read(junk), []);
  }
  const bad = [{ ...good, end: 2 }, { ...good, end: 99 }, { ...good, start: -1 }, { ...good, start: 2.5 }, { ...good, label: "No" }];
  assert.deepEqual(plain(read([...bad, good, { ...good, comment: 7, start: 1 }])), [[2, 6, "Major", ""], [3, 6, "Major", "why"]]);
  assert.equal(read([good, good]).length, 1);
});

test("marks stand in the order of the text, then of the labels, as the server sorts them", () => {
  const stored = [
    { start: 6, end: 9, label: "Minor" },
    { start: 2, end: 9, label: "Minor" },
    { start: 2, end: 5, label: "Critical" },
    { start: 2, end: 5, label: "Minor" },
  ];
  assert.deepEqual(toStored(read(stored), points), [stored[3], stored[2], stored[1], stored[0]]);
});

test("the mark that is meant is the one on exactly the part, then the smallest, then the newest", () => {
  const marks = read([
    { start: 2, end: 9, label: "Minor" },
    { start: 6, end: 9, label: "Major" },
    { start: 2, end: 9, label: "Critical" },
  ]);
  assert.equal(under(marks, { start: 8, end: 9 }).label, "Major");
  assert.equal(under(marks, { start: 3, end: 10 }).label, "Critical");
  assert.equal(under(marks, { start: 3, end: 4 }).label, "Critical");
  assert.equal(under(marks, { start: 12, end: 13 }), null);
  assert.deepEqual(labelsOn(marks, { start: 3, end: 10 }), ["Minor", "Critical"]);
  assert.deepEqual(labelsAt(marks, { start: 8, end: 9 }), ["Minor", "Critical", "Major"]);
});

test("a label is put on a part, and taken away by the same again", () => {
  const one = markings();
  assert.ok(one.empty);
  assert.deepEqual(one.outcomes, ["none"]);
  assert.equal(one.toggle("a", part("cat"), "Major"), "added");
  assert.equal(one.toggle("a", part("The cat"), "Minor"), "added");
  assert.deepEqual(one.stored, {
    a: [{ start: 2, end: 9, label: "Minor" }, { start: 6, end: 9, label: "Major" }],
    b: [],
  });
  assert.deepEqual(one.outcomes, ["label:Minor", "label:Major"]);
  assert.equal(one.toggle("a", part("cat"), "Major"), "removed");
  assert.deepEqual(one.stored.a, [{ start: 2, end: 9, label: "Minor" }]);
});

test("no part has the same label twice", () => {
  const one = markings({ a: [{ start: 2, end: 5, label: "Minor" }, { start: 2, end: 5, label: "Major" }] });
  const [minor] = one.of("a");
  assert.equal(one.relabel("a", minor.id, "Major"), false);
  assert.equal(one.relabel("a", minor.id, "Critical"), true);
  assert.deepEqual(one.of("a").map(({ label }) => label), ["Major", "Critical"]);
});

test("there is an end to marks", () => {
  const text = "x".repeat(2 * MOST);
  const one = new Markings({ labels: LABELS, points: { a: new CodePoints(text) }, stored: {} });
  for (let start = 0; start < MOST; start += 1) one.toggle("a", { start, end: start + 1 }, "Minor");
  assert.equal(one.toggle("a", { start: MOST, end: MOST + 1 }, "Minor"), "full");
  assert.equal(one.of("a").length, MOST);
});

test("every step is taken back by itself, and a comment in one", () => {
  const one = markings();
  one.toggle("a", part("cat"), "Major");
  const [{ id }] = one.of("a");
  for (const typed of ["f", "fl", "flu"]) one.comment("a", id, typed);
  one.settle();
  for (const typed of ["flue", "fluent"]) one.comment("a", id, typed);
  one.remove("a", id);
  one.toggle("b", { start: 0, end: 7 }, "Minor");
  const comments = [];
  while (one.undo()) comments.push(one.of("a").map(({ comment }) => comment).join());
  assert.deepEqual(comments, ["", "fluent", "flu", "", ""]);
  assert.ok(one.empty);
  assert.equal(one.undo(), false);
});

test("an empty comment is no comment", () => {
  const one = markings({ a: [{ start: 0, end: 1, label: "Minor", comment: "  " }, { start: 2, end: 5, label: "Minor", comment: "a\nb" }] });
  assert.deepEqual(one.stored.a, [{ start: 0, end: 1, label: "Minor" }, { start: 2, end: 5, label: "Minor", comment: "a\nb" }]);
});

test("what is quoted is short and on one line, and no character is cut in two", () => {
  assert.equal(clipped("one\r\n  two"), "one two");
  assert.equal(clipped(" \n"), "white space");
  assert.equal([...clipped("👍".repeat(100), 10)].length, 10);
  assert.equal(describe(read([{ start: 6, end: 9, label: "Major", comment: " wrong animal " }]), TEXT), "Major “cat” (wrong animal)");
  assert.equal(describe([], TEXT), "no marks");
});
