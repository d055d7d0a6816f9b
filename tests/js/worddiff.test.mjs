import assert from "node:assert/strict";
import { test } from "node:test";
import { comparisonWords } from "../../labeling/static/labeling/js/lib/painting.js";
import { passages } from "../../labeling/static/labeling/js/lib/passages.js";
import { segments } from "../../labeling/static/labeling/js/lib/segments.js";
import { differences, wordDiff } from "../../labeling/static/labeling/js/lib/worddiff.js";

const value = (parts, without) => parts.filter((part) => !part[without]).map((part) => part.value).join("");
const tokens = (text) => segments(text).filter((one) => /\S/.test(one.text));
const cut = (text, places) => places.map(([start, end]) => text.slice(start, end));
const differing = async (before, after, options) => {
  const { sides, cutOff } = await differences(tokens(before), tokens(after), options);
  const only = [cut(before, sides[0].runs), cut(after, sides[1].runs)];
  return { only, words: sides.map((side) => side.words), cutOff };
};

// The same numbers each time, spread like chance.
function scatter(seed) {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
}

test("a text in segments is the whole text, however it was cut into pieces", () => {
  const texts = [
    "",
    "Plain words, and\r\nsome  more.",
    "x".repeat(5000),
    "学而时习之，不亦说乎？今日は天気がいいですね。".repeat(200),
    "กำลังดีและสวยงามมากที่สุดในโลก".repeat(120),
    "👩\u200d👩\u200d👧 ok 🇫🇷🇩🇪".repeat(300),
    `${"a".repeat(999)}👍${"b".repeat(999)}`,
  ];
  for (const text of texts) {
    const found = segments(text, 7);
    assert.equal(found.map((one) => one.text).join(""), text);
    assert.ok(found.every((one) => text.slice(one.start - 7, one.end - 7) === one.text));
    const whole = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)];
    assert.deepEqual(found.map((one) => one.text), whole.map((one) => one.segment));
  }
});

test("words are found in scripts without spaces", () => {
  const words = (text) => segments(text).filter(({ word }) => word).map((one) => one.text);
  assert.ok(words("学而时习之").length > 1);
  assert.ok(words("今日は天気がいいですね").length > 2);
  assert.ok(words("กำลังดีและสวยงาม").length > 2);
  assert.deepEqual(words("well-known, 3.14!"), ["well", "known", "3.14"]);
});

test("a changed word is one part that goes and one that comes", async () => {
  assert.deepEqual(await wordDiff("The cat sat.", "The dog sat."), [
    { value: "The " },
    { value: "cat", removed: true },
    { value: "dog", added: true },
    { value: " sat." },
  ]);
});

test("equal texts, empty texts", async () => {
  assert.deepEqual(await wordDiff("", ""), []);
  assert.deepEqual(await wordDiff("as it was\n", "as it was\n"), [{ value: "as it was\n" }]);
  assert.deepEqual(await wordDiff("", "new"), [{ value: "new", added: true }]);
  assert.deepEqual(await wordDiff("old", ""), [{ value: "old", removed: true }]);
});

test("the parts make both texts again, to the character", async () => {
  const some = ["the ", "cat, ", "dog", "\n\n", "\r\n", "今日は", "ดีและ", "👩‍👧 ", "e\u0301 ", "  ", "sat. ", "**"];
  const chance = scatter(11);
  const make = () => Array.from({ length: chance(60) }, () => some[chance(some.length)]).join("");
  for (let n = 0; n < 200; n += 1) {
    const [before, after] = [make(), make()];
    const parts = await wordDiff(before, after);
    assert.equal(value(parts, "added"), before);
    assert.equal(value(parts, "removed"), after);
    assert.ok(parts.every((part) => part.value && !(part.added && part.removed)));
  }
});

test("what only one of two texts has is found in every script", async () => {
  assert.deepEqual((await differing("The red house.", "The blue house!")).only, [["red", "."], ["blue", "!"]]);
  assert.deepEqual((await differing("今日は天気がいい", "今日は天気が悪い")).only.map((side) => side.length), [1, 1]);
  assert.deepEqual((await differing("same words", "same\n\n words")).only, [[], []]);
  assert.deepEqual((await differing("one two three", "three four")).words, [2, 1]);
});

test("words that agree by chance amid long changes do not interrupt them, real agreement does", async () => {
  const before = "It pays to sharpen kitchen knives the way old cooks have always shown apprentices.";
  const after = "Most people never notice dull blades, the reason why accidents happen so very often.";
  assert.deepEqual((await differing(before, after)).only.map((side) => side.length), [1, 1]);
  assert.equal((await differing("a small red car", "a large red bus")).only[0].length, 2);
});

const words = Array.from({ length: 400 }, (_, n) => `word${n}`);
const sentences = (chance, number) =>
  Array.from({ length: number }, () => `${Array.from({ length: 12 }, () => words[chance(400)]).join(" ")}. `);

test("where the words would take too long, whole sentences are compared, and the parts say so", async () => {
  const chance = scatter(3);
  const kept = sentences(chance, 20);
  const make = () => kept.flatMap((one) => [one, ...sentences(chance, 5)]).join("");
  const [before, after] = [make(), make()];
  const parts = await wordDiff(before, after, { edits: 10, timeout: Infinity });
  const same = parts.filter(({ added, removed }) => !added && !removed).map((part) => part.value);
  assert.ok(kept.every((one) => same.some((value) => value.includes(one.trimEnd()))));
  assert.ok(parts.every(({ rough, added, removed }) => Boolean(rough) === Boolean(added || removed)));
  assert.equal(value(parts, "added"), before);
  assert.equal(value(parts, "removed"), after);
  assert.equal((await differing(before, after, { edits: 10, timeout: Infinity })).cutOff, true);
  assert.equal((await differing(before, after, { timeout: Infinity })).cutOff, false);
});

test("where there is no time at all, everything between the first and the last difference is one", async () => {
  const parts = await wordDiff("begin one two three end", "begin three two one end", { timeout: -1 });
  assert.deepEqual(parts, [
    { value: "begin " },
    { value: "one two three", removed: true, rough: true },
    { value: "three two one", added: true, rough: true },
    { value: " end" },
  ]);
});

test("passages of so many words that two texts share are found, shorter ones are not", () => {
  const shared = "this whole sentence of nine words stands in both";
  const texts = [`First, ${shared}! And more.`, `Other words; ${shared}.`, "Nothing of this whole sentence is here."];
  const found = passages(texts.map(tokens));
  assert.deepEqual(found.map((places, n) => cut(texts[n], places)), [[`${shared}!`], [`${shared}.`], []]);
  assert.deepEqual(cut(texts[2], passages(texts.map(tokens), 3)[2]), ["this whole sentence"]);
  assert.deepEqual(passages(texts.map(tokens), 20), [[], [], []]);
});

test("what a text repeats by itself is not shared, and runs that overlap are one", () => {
  const line = "one two three four five six seven eight nine ten. ";
  assert.deepEqual(passages([tokens(line + line), tokens("something else")]), [[], []]);
  const [first] = passages([tokens(line), tokens(line)]);
  assert.deepEqual(first, [[0, line.trimEnd().length]]);
  assert.deepEqual(passages([]), []);
  assert.deepEqual(passages([tokens("")]), [[]]);
});

test("passages are found for every length that can be asked for", () => {
  const text = "a b c d e f g h i j k l m n o p";
  for (let least = 1; least <= 16; least += 1) {
    const other = `x ${text.split(" ").slice(0, least).join(" ")} y`;
    assert.deepEqual(passages([tokens(text), tokens(other)], least)[1], [[2, other.length - 2]]);
    const two = passages([tokens(text), tokens("x a b y z")], least)[1];
    if (least > 1) assert.equal(two.length, least === 2 ? 1 : 0);
  }
});

test("what a comparison came to is said in words", async () => {
  const said = async (before, after, options) => {
    const found = await differences(tokens(before), tokens(after), options);
    return comparisonWords(["A", "C"], [before, after], found);
  };
  assert.equal(await said("one two", "one two"), "A and C are the same text.");
  assert.equal(await said("one two", "one  two"), "A and C read the same; only how they are written differs (R).");
  assert.equal(await said("one two", "one three four"), "Marked: what differs, 1 word in A and 2 words in C.");
  assert.match(await said("one two three", "three two one", { timeout: -1 }), /its whole sentence is marked/);
});
