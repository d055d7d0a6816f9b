// What the storage of a browser gives, or null: it may be full or forbidden, which must not stop the work.
export function quietly(run) {
  try {
    return run();
  } catch {
    return null;
  }
}
