// Key presses as short names: "j", "?", "Enter", "Alt+ArrowUp", "Mod+Enter" (Ctrl, or Command on a Mac).

const mac = globalThis.navigator?.platform?.startsWith("Mac") ?? false;

// All names that a press may go by, the most fitting first. Keyboards differ: where a letter key writes no Latin
// letter, or a digit key writes no digit, its place on the keyboard counts.
export function names(event) {
  const before = [
    (mac ? event.metaKey : event.ctrlKey) ? "Mod+" : "",
    event.altKey ? "Alt+" : "",
    event.shiftKey && event.key.length > 1 ? "Shift+" : "",
  ].join("");
  const found = [event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code ?? "");
  if (digit && !event.shiftKey) found.push(digit[1]);
  const letter = /^Key([A-Z])$/.exec(event.code ?? "");
  if (letter && event.key.length === 1 && event.key > "\u007f") found.push(letter[1].toLowerCase());
  return found.map((key) => before + key);
}

const shown = {
  Mod: mac ? "⌘" : "Ctrl",
  Alt: mac ? "⌥" : "Alt",
  Shift: "⇧",
  Enter: "Enter",
  " ": "Space",
  Escape: "Esc",
  Backspace: "⌫",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
};

// "Mod+Enter" → ["Ctrl", "Enter"]: what stands on the keys.
export const caps = (name) => (name === "+" ? ["+"] : name.split("+").map((key) => shown[key] ?? key.toUpperCase()));

// Whether keys belong to what has the focus, because text is typed there.
export function typing(element) {
  if (!element) return false;
  if (element.isContentEditable || element.matches?.("textarea, select")) return true;
  return element.matches?.("input:not([type=radio], [type=checkbox], [type=button], [type=submit])") ?? false;
}
