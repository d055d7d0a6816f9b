// States in words.

const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export const atTime = (moment) => clockTime.format(new Date(moment));

export function saying(state, { at, detail, kept = true } = {}) {
  const where = kept ? "kept here" : "kept nowhere: copy it";

  const words = {
    clean: "",
    unsaved: "not saved yet",
    saving: "saving …",
    saved: at ? `saved ${atTime(at)}` : "saved",
    offline: `offline, ${where}`,
    out: kept ? `logged out, ${where}: log in in another tab` : `logged out, ${where}`,
    refused: `not saved: ${detail ?? "the server refused it"}`,
    conflict: "two versions: choose one",
    lost: kept ? "kept here only" : where,
  };
  return words[state];
}

// How long a lease still runs, said only as exactly as it matters.
export function leaseWords(left, whole) {
  const minutes = Math.ceil(left / 60000);
  if (left <= 0) return "your time ran out: typing keeps the task if nobody has taken it";
  if (left < whole / 3 || minutes <= 5) return `yours for ${minutes} more min, typing keeps it`;
  return minutes > 90 ? `yours for ${Math.round(minutes / 60)} h` : `yours for ${minutes} min`;
}

const units = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

export function ago(moment, now = Date.now()) {
  const seconds = (new Date(moment) - now) / 1000;
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return "just now";
}
