// The keys of a question that marks parts of texts, for the page's table of bindings.
import { isActive } from "./active.js";
import { caps } from "./keys.js";

const GROUP = "Marking";
const sideways = ["ArrowLeft", "ArrowRight"];
const ends = ["Home", "End"];

// Keys while a response is current, or its text has the focus. `question`: the spans controller.
export function outerKeys(question) {
  const digits = question.labels.slice(0, 9).map((_, at) => String(at + 1));
  const keys = [
    { keys: ["w"], label: "Go into the text of the response", run: () => question.cursor.enter() },
    {
      keys: digits,
      show: [digits.length > 1 ? `1 – ${digits.length}` : "1"],
      label: "Give what is selected this label, or take it away",
      run: (_, digit) => question.mark(question.labels[Number(digit) - 1]),
    },
    { keys: ["u", "Mod+z"], label: "Undo", run: () => question.undo() },
  ];
  return keys.map((binding) => ({ ...binding, group: GROUP, when: () => isActive(question.nameValue) }));
}

// Keys within a text. There they go before all others: arrows, letters and Enter mean other things elsewhere.
export function innerKeys(question) {
  const { cursor } = question;
  const pair = (unit, [back, on], label, before = "") => ({
    keys: [before, `${before}Shift+`].flatMap((held) => [held + back, held + on]),
    show: [[...caps(before + back), ...caps(on)].join(" ")],
    label: `In the text: ${label}; with ${caps("Shift")} selecting`,
    run: (_, name) => {
      // In a text from right to left the next word stands to the left.
      const turned = cursor.rightToLeft && on === "ArrowRight";
      cursor.move({ unit, by: name.endsWith(back) === turned ? 1 : -1, extend: name.includes("Shift+") });
    },
  });
  const upDown = (unit, keys, label, extend = false) => ({
    keys,
    label: `In the text: ${label}`,
    run: (_, name) => cursor.move({ unit, by: name.endsWith("Up") ? -1 : 1, extend }),
  });
  const keys = [
    pair("word", sideways, "a word back or on"),
    upDown("line", ["ArrowUp", "ArrowDown"], "a line up or down"),
    upDown("sentence", ["Shift+ArrowUp", "Shift+ArrowDown"], "select to the start or end of the sentence", true),
    pair("edge", ends, "start or end of the line"),
    pair("text", ends, "its start or end", "Mod+"),
    pair("character", sideways, "a character back or on", "Mod+"),
    { keys: ["c", "Enter"], label: "In the text: comment on the mark", run: () => question.goToComment() },
    { keys: ["Backspace", "Delete"], label: "In the text: remove the mark", run: () => question.removeHere() },
    { keys: ["Escape"], label: "Leave the text", run: () => cursor.leave() },
  ];
  const when = () => cursor.inside !== null && isActive(question.nameValue);
  return keys.map((binding) => ({ ...binding, group: GROUP, when }));
}
