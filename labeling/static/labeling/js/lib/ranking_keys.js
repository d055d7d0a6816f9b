// The keys of a ranking question, for the page's table of bindings.
import { isActive } from "./active.js";
import * as cards from "./cards.js";
import { clear, move, tieWithAbove } from "./ranking.js";

// `question`: the ranking controller.
export function rankingKeys(question) {
  const group = "Ranking";
  const most = question.keys.length;
  const change = (how, ...more) => () => question.set(how(question.places, cards.current(), ...more));
  const keys = [
    {
      keys: question.keys.map((_, at) => String(at + 1)),
      show: [`1 – ${most}`],
      label: "Give the response this place, go to the next",
      run: (_, key) => question.put(key),
    },
    { keys: ["Alt+ArrowUp"], label: "One place up", run: change(move, -1, question.rules) },
    { keys: ["Alt+ArrowDown"], label: "One place down", run: change(move, 1, question.rules) },
    { keys: ["0", "Backspace"], label: "Take the place away", run: change(clear) },
    { keys: ["u", "Mod+z"], label: "Undo", run: () => question.undo() },
  ];
  if (question.rules.ties) {
    keys.push({ keys: ["t", "="], label: "Tie with the one above", run: change(tieWithAbove) });
  }
  if (question.line) {
    keys.push({ keys: ["-", "+"], label: "Fewer or more places are good enough", run: (_, key) => question.moveLine(key) });
  }
  return keys.map((binding) => ({ ...binding, group, when: () => isActive(question.nameValue) }));
}
