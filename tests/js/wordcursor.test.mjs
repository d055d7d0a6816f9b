import assert from "node:assert/strict";
import { test } from "node:test";
import { at, fitted, isRightToLeft, moved, selected, stopAt, stopsOf } from "../../labeling/static/labeling/js/lib/wordcursor.js";

const words = (text) => stopsOf(text).map(({ start, end }) => text.slice(start, end));
// As a screen of so many characters a line would show it, each 10 by 20.
const screen = (width) => ({ start, end }) => ({
  top: Math.floor(start / width) * 20,
  left: (start % width) * 10,
  width: (end - start) * 10,
  height: 20,
});

// A cursor that says what it selects after every step.
function walk(text, { width = 1000, from } = {}) {
  const stops = stopsOf(text);
  const where = { text, stops, rectOf: screen(width) };
  let now = at(from ? stopAt(stops, text.indexOf(from)) : stops[0]);
  return (unit, by, extend = false) => {
    now = moved(where, now, { unit, by, extend });
    const { start, end } = selected(now);
    return text.slice(start, end);
  };
}

test("the cursor stops at words and at what stands between them, but not at white space", () => {
  assert.deepEqual(words("“Well,” she said.\r\n\t(No!)"), ["“", "Well", ",”", "she", "said", ".", "(", "No", "!)"]);
  assert.deepEqual(words("a 👩‍👩‍👧 b"), ["a", "👩‍👩‍👧", "b"]);
  assert.deepEqual(words(" \n\t"), []);
  assert.deepEqual(words(""), []);
  assert.deepEqual(words("**bold** don't 3.14"), ["**", "bold", "**", "don't", "3.14"]);
});

test("words are found in scripts that write no spaces", () => {
  assert.ok(words("今日は天気がいいですね。").length > 3);
  assert.ok(words("学而时习之，不亦说乎").length > 3);
  assert.deepEqual(words("مرحبا بكم في المكتبة"), ["مرحبا", "بكم", "في", "المكتبة"]);
});

test("by words, alone and selecting", () => {
  const go = walk("The quick brown fox.");
  assert.equal(go("word", 1), "quick");
  assert.equal(go("word", 1, true), "quick brown");
  assert.equal(go("word", 1, true), "quick brown fox");
  assert.equal(go("word", -1, true), "quick brown");
  assert.equal(go("word", -1, true), "quick");
  assert.equal(go("word", -1, true), "The quick");
  assert.equal(go("word", -1, true), "The quick");
  assert.equal(go("word", 1), "quick");
  for (const last of ["brown", "fox", ".", "."]) assert.equal(go("word", 1), last);
});

test("by characters, none of which is cut", () => {
  const go = walk("né👩‍👩‍👧x end", { from: "né" });
  assert.equal(go("character", 1), "n");
  assert.equal(go("character", 1), "é");
  assert.equal(go("character", 1, true), "é👩‍👩‍👧");
  assert.equal(go("character", 1, true), "é👩‍👩‍👧x");
  assert.equal(go("character", -1, true), "é👩‍👩‍👧");
  const back = walk("wonderfull day");
  assert.equal(back("character", -1), "l");
  assert.equal(back("character", -1, true), "ll");
  assert.equal(walk("ab")("character", 1, true), "ab");
});

test("a line up and down keeps the column, and stops at the ends", () => {
  const text = "aaaa bbbb cccc dddd eeee ffff gggg hhhh "; // 20 a line: a to d, e to h
  const go = walk(text, { width: 20, from: "cccc" });
  assert.equal(go("line", 1), "gggg");
  assert.equal(go("line", 1), "hhhh");
  assert.equal(go("line", -1), "dddd");
  assert.equal(go("line", -1), "aaaa");
});

test("to the start and end of the line and of the text, alone and selecting", () => {
  const text = "aaaa bbbb cccc dddd eeee ffff gggg hhhh ";
  const go = walk(text, { width: 20, from: "ffff" });
  assert.equal(go("edge", 1), "hhhh");
  assert.equal(go("edge", -1), "eeee");
  assert.equal(go("edge", 1, true), "eeee ffff gggg hhhh");
  assert.equal(go("text", -1), "aaaa");
  assert.equal(go("text", 1, true), text.trim());
});

test("sentence by sentence", () => {
  const text = "One is here. Two is not!\n\n  Three? 今日は。明日も。";
  const go = walk(text, { from: "is" });
  assert.equal(go("sentence", 1, true), "is here.");
  assert.equal(go("sentence", 1, true), "is here. Two is not!");
  assert.equal(go("sentence", 1, true), "is here. Two is not!\n\n  Three?");
  assert.equal(go("sentence", 1, true), "is here. Two is not!\n\n  Three? 今日は。");
  assert.equal(go("sentence", 1, true), text.slice(4));
  assert.equal(go("sentence", 1, true), text.slice(4));
  const back = walk(text, { from: "Three" });
  assert.equal(back("sentence", -1, true), "Two is not!\n\n  Three");
  assert.equal(back("sentence", -1, true), "One is here. Two is not!\n\n  Three");
  assert.equal(back("sentence", -1, true), "One is here. Two is not!\n\n  Three");
});

test("a part fit to be marked has no white space around it and splits no character", () => {
  const cut = (text, start, end) => {
    const part = fitted(text, start, end);
    return part && text.slice(part.start, part.end);
  };
  assert.equal(cut("one two three", 3, 8), "two");
  assert.equal(cut("a 👩‍👩‍👧 b", 4, 6), "👩‍👩‍👧");
  assert.equal(cut("cafe\u0301!", 0, 4), "cafe\u0301");
  assert.equal(cut("a\r\nb", 1, 2), "\r\n");
  assert.equal(cut("👍", 1, 2), "👍");
  assert.equal(cut("abc", 1, 1), null);
});

test("each line has its own direction", () => {
  const text = "one\n1. مرحبا x\n\n**שלום**";
  assert.deepEqual(["one", "1.", "x", "**"].map((part) => isRightToLeft(text, text.lastIndexOf(part))), [false, true, true, true]);
  assert.equal(isRightToLeft("", 0), false);
});

test("a text without words moves nothing", () => {
  const where = { text: " ", stops: [], rectOf: screen(10) };
  const now = at({ start: 0, end: 1 });
  assert.equal(moved(where, now, { unit: "word", by: 1 }), now);
});

test("a long text is walked without going through it again at each step", () => {
  const text = "words 👩‍👩‍👧 and 野家, é\r\n".repeat(2000);
  const go = walk(text);
  for (let n = 0; n < 5000; n += 1) go("word", 1);
  assert.equal(go("word", -1).length > 0, true);
  assert.equal(go("text", 1), "é");
});
