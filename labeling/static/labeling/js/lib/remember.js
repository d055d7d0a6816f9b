// Ways of reading that stay from task to task in this tab. Where the storage is full or forbidden they last one task.

const KEY = "annotate:reading";

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export const remembered = (name) => stored()[name] === true;

export function remember(name, on) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ ...stored(), [name]: on }));
  } catch {
    // It lasts as long as this page.
  }
}
