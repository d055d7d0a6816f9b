// Whether a name has every word that was typed in it, whatever the case and the accents.
const plain = (text) =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase();

export function fits(name, typed) {
  const within = plain(name);
  return plain(typed)
    .split(/\s+/)
    .every((word) => within.includes(word));
}
