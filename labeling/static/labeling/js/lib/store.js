// The copy of a draft in this browser. A full or forbidden storage must not stop the work: then there is no copy.

import { quietly } from "./quietly.js";

const PREFIX = "annotate:draft:";
const KEPT = 30 * 86400000; // ms; what nobody came back for

// `own`: what this page came for, which is as old as it likes; the clock of the device may be wrong.
function sweep(own) {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX) || key === own) continue;
    const kept = quietly(() => JSON.parse(localStorage.getItem(key)));
    if (!kept || Date.now() - kept.at > KEPT) localStorage.removeItem(key);
  }
}

// Two tabs share the storage: a tab takes away only what it wrote itself, or what was there when it came.
export function draftStore(name) {
  const key = PREFIX + name;
  const tab = Math.random().toString(36).slice(2);
  let found = null;
  quietly(() => sweep(key));
  return {
    read() {
      found = quietly(() => localStorage.getItem(key));
      return quietly(() => JSON.parse(found));
    },
    // Whether there is a copy now. One that was there before stays where there is no room for a newer one.
    write: (record) =>
      quietly(() => {
        localStorage.setItem(key, JSON.stringify({ ...record, tab }));
        return true;
      }) ?? false,
    remove() {
      quietly(() => {
        const text = localStorage.getItem(key);
        if (text !== null && (text === found || JSON.parse(text).tab === tab)) localStorage.removeItem(key);
      });
    },
  };
}
