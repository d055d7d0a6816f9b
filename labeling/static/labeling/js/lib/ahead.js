// The next task, kept ready while the present one is being done: {lease, page}, page being its document, parsed. One for the tab.

let kept = null;

export const lease = () => kept?.lease ?? "";

export function keep(next) {
  kept = next;
}

// The page whose turn has come, if it is this one's lease; it is kept no more.
export function take(wanted) {
  const page = kept?.lease === wanted ? kept.page : null;
  kept = null;
  return page;
}
