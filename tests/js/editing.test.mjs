import assert from "node:assert/strict";
import { test } from "node:test";
import * as form from "../../labeling/static/labeling/js/lib/active.js";
import { changesInWords } from "../../labeling/static/labeling/js/lib/diffview.js";
import { asTyped, bestOf, bestOfAll, fromDraft, isTyped, startFrom } from "../../labeling/static/labeling/js/lib/editing.js";
import { wordDiff } from "../../labeling/static/labeling/js/lib/worddiff.js";

const ORIGINALS = { a: "Alpha.", b: "Beta.", c: "" };
const NOTHING = { candidate: "", text: "", kept: {} };

test("the field begins with the response's text", () => {
  assert.deepEqual(startFrom(NOTHING, "a", ORIGINALS), { candidate: "a", text: "Alpha.", kept: {} });
  assert.equal(asTyped("one\r\ntwo\rthree\n"), "one\ntwo\nthree\n");
});

test("who typed nothing loses nothing by starting from another response", () => {
  const at = startFrom(NOTHING, "a", ORIGINALS);
  assert.deepEqual(startFrom(at, "b", ORIGINALS), { candidate: "b", text: "Beta.", kept: {} });
  assert.deepEqual(startFrom({ ...at, text: "  " }, "a", ORIGINALS), { candidate: "a", text: "Alpha.", kept: {} });
});

test("what was typed is kept, and stands there again on the way back", () => {
  const typed = { candidate: "a", text: "Alpha, better.", kept: {} };
  assert.ok(isTyped(typed, ORIGINALS));
  assert.equal(startFrom(typed, "a", ORIGINALS), typed);
  const away = startFrom(typed, "b", ORIGINALS);
  assert.deepEqual(away, { candidate: "b", text: "Beta.", kept: { a: "Alpha, better." } });
  const both = startFrom({ ...away, text: "Beta, better." }, "c", ORIGINALS);
  assert.deepEqual(both, { candidate: "c", text: "", kept: { a: "Alpha, better.", b: "Beta, better." } });
  assert.deepEqual(startFrom(both, "a", ORIGINALS), { candidate: "a", text: "Alpha, better.", kept: { b: "Beta, better." } });
});

test("so is what was typed before a response was chosen", () => {
  const away = startFrom({ ...NOTHING, text: "from nowhere" }, "a", ORIGINALS);
  assert.deepEqual(away, { candidate: "a", text: "Alpha.", kept: { "": "from nowhere" } });
  assert.deepEqual(startFrom(away, "", ORIGINALS), { candidate: "", text: "from nowhere", kept: {} });
});

test("a draft may hold anything", () => {
  for (const junk of [null, undefined, 5, "text", [], { candidate: 7, text: {}, kept: "x" }, { candidate: "z" }]) {
    assert.deepEqual(fromDraft(junk, ["a", "b"]), NOTHING);
  }
  const kept = { a: "one", z: "no", b: 5, "": "two" };
  assert.deepEqual(fromDraft({ candidate: "a", text: "t", kept }, ["a", "b"]), { candidate: "a", text: "t", kept: { a: "one", "": "two" } });
});

test("the best response is the one that is preferred to all others", () => {
  assert.equal(bestOf({ preferred: "b", strength: 2 }), "b");
  assert.equal(bestOf({ preferred: null }), null);
  assert.equal(bestOf({ groups: [["c"], ["a", "b"]] }), "c");
  assert.equal(bestOf({ groups: [["a", "b"], ["c"]] }), null);
  for (const other of [null, { text: "b" }, { a: 3, b: 5 }, { a: ["x"] }, { groups: [] }]) assert.equal(bestOf(other), null);
  assert.equal(bestOfAll([{ text: "x" }, { preferred: "a" }, { preferred: "b" }]), "a");
  assert.equal(bestOfAll([]), null);
});

test("only complete answers to the questions before count, the nearest first", () => {
  form.clear();
  for (const [number, name] of ["one", "two", "edited", "four"].entries()) form.add({ name, number });
  form.update("one", { complete: true, value: 1 });
  form.update("two", { complete: false, value: 2 });
  form.update("four", { complete: true, value: 4 });
  assert.deepEqual(form.answersBefore("edited"), [1]);
  form.update("two", { complete: true, value: 2 });
  assert.deepEqual(form.answersBefore("edited"), [2, 1]);
  assert.deepEqual(form.answersBefore("nowhere"), []);
  form.clear();
});

test("changes are said in words", async () => {
  const said = async (before, after) => changesInWords(await wordDiff(before, after));
  assert.equal(await said("The cat sat.", "The cat sat."), "");
  assert.equal(await said("The cat sat.", "The black cat sat down."), "2 words added");
  assert.equal(await said("The cat sat.", "The dog sat."), "1 word added, 1 word removed");
  assert.equal(await said("The cat sat.", "The cat sat!"), "only spaces or marks");
});
