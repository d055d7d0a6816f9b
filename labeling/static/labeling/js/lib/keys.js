// Key presses as short names: "j", "?", "Enter", "Alt+ArrowUp", "Mod+Enter" (Ctrl, or Command on a Mac).

const mac = globalThis.navigator?.platform?.startsWith("Mac") ?? false;

// All names that a press may go by, the most fitting first. Keyboards differ: a digit key is its digit, whatever it writes
// unshifted (Czech, French); where a letter key writes no Latin letter (Greek, Hebrew, Arabic), its place counts, after
// what it writes. `typing`: in a text, Alt with a key that writes something there (⌥2 on a Mac, Alt codes) is text.
export function names(event, { typing = false } = {}) {
  const { key = "", code = "" } = event;
  const named = /^[A-Z][A-Za-z0-9]+$/.test(key); // "ArrowUp", "Enter"; an Arabic key may write two letters at once
  const before = [
    (mac ? event.metaKey : event.ctrlKey) ? "Mod+" : "",
    event.altKey ? "Alt+" : "",
    event.shiftKey && named ? "Shift+" : "",
  ].join("");
  const found = [named ? key : key.toLowerCase()];
  const pad = /^Numpad\d$/.test(code);
  if (event.altKey && pad) return [];
  if (typing && event.altKey && (key === "Dead" || !(named || /^[a-z0-9]$/i.test(key)))) return [before + found[0]];
  const [, digit] = /^(?:Digit|Numpad)(\d)$/.exec(code) ?? [];
  const [, letter] = /^Key([A-Z])$/.exec(code) ?? [];
  // Without NumLock the pad's digits are arrows, Home and End.
  if (digit && !event.shiftKey && !(pad && named) && found[0] !== digit) found.unshift(digit);
  if (letter && !named && !/^[a-z]$/i.test(key)) found.push(letter.toLowerCase());
  return found.map((one) => before + one);
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
