// The page's key bindings, in one table: what the keyboard obeys is what "?" shows.
//
// A binding: {keys: ["j", "ArrowRight"], label, group, run(event, key), when?() → boolean, typing?: also while text is
// typed, show?: how to name the keys in the help}.

const table = new Set();

// Adds bindings; returns a function that takes them away again.
export function bind(...bindings) {
  for (const binding of bindings) table.add(binding);
  return () => bindings.forEach((binding) => table.delete(binding));
}

export const bindings = () => [...table];

// The binding for the first of these names that has one now.
export function find(keyNames) {
  for (const name of keyNames) {
    for (const binding of table) {
      if (binding.keys.includes(name) && (binding.when?.() ?? true)) return { binding, name };
    }
  }
  return null;
}
