// The keys of a ranking question, for the page's table of bindings.
import { clear, move, tieWithAbove } from "./ranking.js";

// Letters that mean something else on the page, and so do not lead to a response of that name.
const TAKEN = "gjklstuwx";

// `question`: the ranking controller.
export function rankingKeys(question) {
  const group = "Ranking";
  const most = question.keys.length;
  const letters = Object.values(question.letters).map((letter) => letter.toLowerCase());
  const free = letters.filter((letter) => !TAKEN.includes(letter));
  const change = (how, ...more) => () => question.set(how(question.places, question.current, ...more));
  const keys = [
    {
      keys: question.keys.map((_, at) => String(at + 1)),
      show: [`1 – ${most}`],
      label: "Give the response this place, go to the next",
      run: (_, key) => question.put(key),
    },
    { keys: ["ArrowRight", "j"], label: "Next response", run: () => question.step(1) },
    { keys: ["ArrowLeft", "k"], label: "Response before", run: () => question.step(-1) },
    {
      keys: free,
      show: [free.map((letter) => letter.toUpperCase()).join(" ")],
      label: "Go to this response",
      run: (_, key) => question.goTo(question.keys[letters.indexOf(key)]),
    },
    { keys: ["Alt+ArrowUp"], label: "One place up", run: change(move, -1, question.rules) },
    { keys: ["Alt+ArrowDown"], label: "One place down", run: change(move, 1, question.rules) },
    { keys: ["0", "Backspace"], label: "Take the place away", run: change(clear) },
    { keys: ["u", "Mod+z"], label: "Undo", run: () => question.undo() },
  ];
  if (question.rules.ties) {
    keys.push({ keys: ["t", "="], label: "Tie with the one above", run: change(tieWithAbove) });
  }
  return keys.map((binding) => ({ ...binding, group }));
}
