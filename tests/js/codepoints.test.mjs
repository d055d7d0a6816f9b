import assert from "node:assert/strict";
import { test } from "node:test";
import { CodePoints, slice, toCodePoints, toUtf16 } from "../../labeling/static/labeling/js/lib/codepoints.js";
import cases from "../fixtures/code_points.json" with { type: "json" };

test("the cases are there", () => {
  assert.ok(cases.length >= 40);
  assert.ok(cases.flatMap((one) => one.spans).length >= 150);
});

test("a text is as long as the server says", () => {
  for (const { name, text, length, utf16_length } of cases) {
    assert.equal(text.length, utf16_length, name);
    assert.equal(new CodePoints(text).length, length, name);
  }
});

test("every span of the cases is cut out, by the index and without it", () => {
  for (const { name, text, spans } of cases) {
    const index = new CodePoints(text);
    for (const { start, end, part } of spans) {
      assert.equal(slice(text, start, end), part, name);
      assert.equal(index.slice(start, end), part, name);
    }
  }
});

test("every span of the cases goes to units and back", () => {
  for (const { name, text, spans } of cases) {
    const index = new CodePoints(text);
    for (const { start, end, utf16 } of spans) {
      assert.deepEqual([toUtf16(text, start), toUtf16(text, end)], utf16, name);
      assert.deepEqual([toCodePoints(text, utf16[0]), toCodePoints(text, utf16[1])], [start, end], name);
      assert.deepEqual(utf16.map((offset) => index.toCodePoints(offset)), [start, end], name);
    }
  }
});

test("every offset of every case is where counting one by one finds it", () => {
  for (const { name, text } of cases) {
    const index = new CodePoints(text);
    let units = 0;
    const characters = [...text];
    characters.forEach((character, n) => {
      assert.equal(index.toUtf16(n), units, name);
      // Each unit of the character, and so also the place between its two.
      for (let unit = 0; unit < character.length; unit += 1) assert.equal(index.toCodePoints(units + unit), n, name);
      units += character.length;
    });
    assert.equal(index.toUtf16(characters.length), units, name);
    assert.equal(index.toCodePoints(units), characters.length, name);
  }
});

test("an offset beyond the text means its end", () => {
  const index = new CodePoints("a👋");
  assert.deepEqual([index.toCodePoints(-1), index.toCodePoints(99)], [0, 2]);
  assert.deepEqual([index.toUtf16(-1), index.toUtf16(99)], [0, 3]);
  assert.equal(index.slice(1), "👋");
  assert.equal(index.slice(2, 1), "");
});

test("half of a pair counts as one character", () => {
  const text = "a\ud83db\udc4bc\udc4b\ud83d👋";
  const index = new CodePoints(text);
  assert.equal(index.length, [...text].length);
  assert.equal(index.slice(7, 8), "👋");
  assert.equal(index.toCodePoints(4), 4);
});

test("a long text with many spans", () => {
  const text = "words 👩‍👩‍👧 and 𠮷野家, é\r\n".repeat(9000);
  const index = new CodePoints(text);
  const characters = [...text];
  assert.ok(text.length > 200_000);
  assert.equal(index.length, characters.length);
  for (let start = 0; start < characters.length - 40; start += 97) {
    const end = start + (start % 40);
    const part = characters.slice(start, end).join("");
    assert.equal(index.slice(start, end), part);
    assert.equal(index.toCodePoints(index.toUtf16(start)), start);
  }
});
