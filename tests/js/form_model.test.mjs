import assert from "node:assert/strict";
import { test } from "node:test";
import * as model from "../../labeling/static/labeling/js/lib/form_model.js";

const number = { name: "min_chars", kind: "number", default: 1 };
const texts = { name: "options", kind: "texts", default: ["Yes", "No"] };
const box = { name: "required", kind: "yes_no", default: true };

test("a form is read, and what cannot be one is told why", () => {
  assert.deepEqual(model.readForm('[{"name": "a"}]'), { questions: [{ name: "a" }] });
  assert.deepEqual(model.readForm("  "), { questions: [] });
  assert.match(model.readForm("[{]").problem, /not JSON/);
  for (const text of ["{}", "7", "[7]", "[null]", "[[]]"]) assert.match(model.readForm(text).problem, /list of questions/);
});

test("a form is written with the same things in the same places, and nothing is lost", () => {
  const question = { show_if: { question: "b", is: ["x"] }, ties: true, help: "h", odd: { kept: 1 }, type: "rank", name: "a" };
  const text = model.writeForm([question]);
  assert.deepEqual(Object.keys(JSON.parse(text)[0]), ["name", "type", "help", "ties", "odd", "show_if"]);
  assert.deepEqual(JSON.parse(text), [question]);
});

test("a name is made of a title", () => {
  assert.equal(model.nameFor("Which response is better?", [], "compare"), "which_response_is_better");
  assert.equal(model.nameFor("Étude Nr. 5", [], "rate"), "etude_nr_5");
  assert.equal(model.nameFor("3 things", [], "rate"), "things");
  assert.equal(model.nameFor("どれ？", [], "choose"), "choose");
  assert.equal(model.nameFor("?", [], "?"), "question");
});

test("a name is nobody else's and never too long", () => {
  assert.equal(model.nameFor("Why?", ["why", "why_2"], "comment"), "why_3");
  const long = "a".repeat(80);
  assert.equal(model.nameFor(long, [], "x").length, 50);
  assert.equal(model.nameFor(long, ["a".repeat(50)], "x"), `${"a".repeat(48)}_2`);
  const cut = model.nameFor(`${"a".repeat(49)} b`, [], "x");
  assert.match(cut, /^[a-z][a-z0-9_]{0,49}$/);
  assert.equal(cut, "a".repeat(49));
});

test("a new question and a copy have names of their own, and share nothing", () => {
  const type = { name: "comment", title: "Comment" };
  const first = model.newQuestion(type, []);
  assert.deepEqual(first, { name: "comment", type: "comment" });
  assert.equal(model.newQuestion(type, [first]).name, "comment_2");
  const original = { name: "pick", type: "choose", options: ["a"] };
  const copy = model.copyOf(original, [original]);
  copy.options.push("b");
  assert.equal(copy.name, "pick_2");
  assert.deepEqual(original.options, ["a"]);
});

test("a question without a title is called as its type, or as its settings make it", () => {
  const mode = { name: "mode", default: "response", titles: { prompt: "Write a prompt" } };
  const type = { title: "Write a response", settings: [{ name: "min_chars" }, mode] };
  assert.equal(model.titleOf({}, type), "Write a response");
  assert.equal(model.titleOf({ mode: "prompt" }, type), "Write a prompt");
  assert.equal(model.titleOf({ mode: "prompt", title: "Ask" }, type), "Ask");
});

test("conditions go with a question that is called otherwise", () => {
  const hanging = { name: "why", show_if: { question: "better", is: ["tie"] } };
  const questions = [{ name: "best" }, hanging, { name: "free" }];
  model.follow(questions, "better", "best");
  assert.equal(hanging.show_if.question, "best");
});

test("conditions stay where another question has the name", () => {
  const hanging = { name: "why", show_if: { question: "better", is: [] } };
  model.follow([{ name: "other" }, { name: "better" }, hanging], "better", "other");
  assert.equal(hanging.show_if.question, "better");
});

test("settings stand in their controls as they come or as they were said", () => {
  assert.equal(model.shown(texts, undefined), "Yes\nNo");
  assert.equal(model.shown(texts, ["A", "B", "C"]), "A\nB\nC");
  assert.equal(model.shown(texts, 7), "");
  assert.equal(model.shown(number, undefined), "1");
  assert.equal(model.shown(number, 0), "0");
  assert.equal(model.shown({ ...number, default: null }, undefined), "");
  assert.equal(model.shown(box, undefined), true);
  assert.equal(model.shown(box, false), false);
});

test("what controls say is what a form holds", () => {
  assert.deepEqual(model.said(texts, " One \n\nTwo\n"), ["One", "Two"]);
  assert.deepEqual(model.said(texts, ""), []);
  assert.equal(model.said(number, "-12"), -12);
  assert.equal(model.said(number, ""), undefined);
  assert.equal(model.said(number, "1.5"), "1.5"); // the server says that it is no whole number
  assert.equal(model.said({ name: "title", kind: "text" }, "  "), undefined);
  assert.equal(model.said({ name: "title", kind: "text" }, "Why? "), "Why? ");
  assert.equal(model.said({ name: "name", kind: "text" }, " why "), "why");
  assert.equal(model.said(box, false), false);
});

test("a mistake stands at its question and field", () => {
  const errors = [
    { path: "form[1].options[2]", message: "twice" },
    { path: "form[0].show_if.is", message: "none" },
    { path: "form[12]", message: "odd" },
    { path: "form", message: "all" },
  ];
  assert.deepEqual(model.placed(errors), [
    { question: 1, field: "options", message: "Line 3: twice" },
    { question: 0, field: "show_if", message: "none" },
    { question: 12, field: "", message: "odd" },
    { question: null, field: "", message: "all" },
  ]);
});

test("outcomes that were chosen and are gone can still be unchosen", () => {
  const words = [
    ["tie", "neither is better"],
    ["1", "Better"],
  ];
  const shown = model.outcomesOf({ question: "a", is: ["tie", "both_bad"] }, words);
  assert.deepEqual(
    shown.map(({ value, wanted }) => [value, wanted]),
    [
      ["tie", true],
      ["1", false],
      ["both_bad", true],
    ],
  );
  assert.match(shown[2].title, /not possible any more/);
  assert.equal(model.outcomesOf({ question: "a", is: "tie" }, undefined)[0].title, "tie");
});
