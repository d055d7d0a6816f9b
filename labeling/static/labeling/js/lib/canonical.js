// JSON with sorted keys: the same text for the same value. The database gives keys back in an order of its own.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    const pairs = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
    return `{${pairs.join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

export const same = (one, other) => canonical(one) === canonical(other);

// A number for a text, so small that two texts in hand never share one by chance (cyrb53, public domain).
export function fingerprint(text) {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  const mixed = (one, other) => Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  [high, low] = [mixed(high, low), mixed(low, high)];
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

// Whether all of a value stands in another one, which may go on where it ends: texts that begin with its texts, lists and
// objects with more in them.
export function within(value, other) {
  if (typeof value === "string") return typeof other === "string" && other.startsWith(value);
  if (!value || typeof value !== "object") return value === other;
  if (!other || typeof other !== "object" || Array.isArray(value) !== Array.isArray(other)) return false;
  return Object.keys(value).every((key) => Object.hasOwn(other, key) && within(value[key], other[key]));
}
