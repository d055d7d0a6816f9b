// The keys of a comparison, for the page's table of bindings.
import { isActive } from "./active.js";

// `question`: the comparing controller.
export function comparingKeys(question) {
  const places = question.steps.map((_, at) => String(at + 1));
  const found = [
    {
      keys: places,
      show: [`1 – ${places.length}`],
      label: "Choose from left to right, go on",
      run: (_, key) => question.put(question.steps[places.indexOf(key)].value),
    },
    { keys: ["0", "Backspace"], label: "Take the choice away", run: () => question.change(null) },
  ];
  if (question.tiesValue) found.push({ keys: ["t", "="], label: "Neither is better", run: () => question.put("tie") });
  if (question.bothBad) found.push({ keys: ["n"], label: "Neither is good", run: () => question.toggleBothBad() });
  return found.map((binding) => ({ ...binding, group: "Comparing", when: () => isActive(question.nameValue) }));
}
