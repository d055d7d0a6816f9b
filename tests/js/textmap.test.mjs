import assert from "node:assert/strict";
import { test } from "node:test";
import { hasAnswer } from "../../labeling/static/labeling/js/lib/answered.js";
import { TextMap } from "../../labeling/static/labeling/js/lib/textmap.js";

// Nodes enough to be read, where there is no browser.
const text = (data) => ({ nodeType: 3, data });
const element = (tagName, ...children) => ({
  nodeType: 1,
  tagName,
  dataset: {},
  classList: { contains: () => false },
  childNodes: children.map((child) => (typeof child === "string" ? text(child) : child)),
});
const formula = (tex) => ({ ...element("SPAN", "hidden", "glyphs"), dataset: { tex } });
const note = (words) => ({ ...element("P", words), classList: { contains: (name) => name === "prose__note" } });
const words = (root) => new TextMap(root).tokens().map((token) => token.text);

test("what stands in one line is one text", () => {
  const root = element("DIV", element("P", "un", element("EM", "believ"), "able ", element("CODE", "x=1")));
  assert.deepEqual(words(root), ["unbelievable", "x", "=", "1"]);
});

test("paragraphs, cells and lines are apart, though nothing stands between them", () => {
  const row = element("TR", element("TD", "one"), element("TD", "two"));
  const root = element("DIV", element("P", "end"), element("P", "start", element("BR"), "next"), element("TABLE", row));
  assert.deepEqual(words(root), ["end", "start", "next", "one", "two"]);
});

test("a formula is one word, told apart by its TeX", () => {
  const root = element("DIV", element("P", "so ", formula("a + b"), ", or ", formula("")));
  assert.deepEqual(words(root), ["so", "$a + b$", ",", "or"]);
  const [so, sum, comma] = new TextMap(root).tokens();
  assert.equal(sum.word, true);
  assert.ok(so.end < sum.start && sum.end === comma.start);
});

test("what the page says of a text is no part of it", () => {
  const root = element("DIV", note("Shown without formatting."), element("DIV", "the text"));
  assert.deepEqual(words(root), ["the", "text"]);
});

test("places of words are places in the text", () => {
  const map = new TextMap(element("DIV", element("P", "a 👍 b"), element("P", "今日は", formula("x"), "!")));
  for (const token of map.tokens()) {
    assert.equal(map.text.slice(token.start, token.end), token.text.replace(/^\$(.*)\$$/, "$1"));
  }
});

test("nothing to read gives nothing", () => {
  assert.equal(new TextMap(element("SPAN")).text, "");
  assert.deepEqual(words(element("DIV", element("P"))), []);
});

const field = (fields) => ({ form: null, name: "q", value: "", checked: false, ...fields });
const card = (...parts) => ({
  querySelectorAll: () => parts.map((fields) => ({ querySelectorAll: () => fields })),
});

test("a response has its answers when every question about it has one", () => {
  const radios = [field({ type: "radio", value: "1" }), field({ type: "radio", value: "2", checked: true })];
  const ticks = (checked) => [field({ type: "checkbox", value: "x", checked })];
  assert.equal(hasAnswer(card(radios)), true);
  assert.equal(hasAnswer(card(radios, ticks(false))), false);
  assert.equal(hasAnswer(card(radios, ticks(true), [field({ type: "text", value: "why" })])), true);
  assert.equal(hasAnswer(card([field({ type: "textarea", value: "  " })])), false);
});

test("where nothing is asked about a response by itself there is nothing to say", () => {
  assert.equal(hasAnswer(card()), null);
  assert.equal(hasAnswer(card([])), null);
});
