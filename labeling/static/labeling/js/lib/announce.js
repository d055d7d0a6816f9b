// Says words to screen readers, in a region that every page has: one that arrives with its words is not heard.

const AFTER = 150; // ms; a region has to be there for a moment before it changes

let timer = null;

export function announce(words) {
  clearTimeout(timer);
  const region = () => document.getElementById("announcements");
  if (region()) region().textContent = ""; // the same words again are a change too
  timer = setTimeout(() => {
    if (region()) region().textContent = words;
  }, AFTER);
}
