// Requests to our own server. Each has its time: a network that swallows everything must not look like one that is slow.

const PATIENCE = 15000; // ms until an answer has come, unless the caller says otherwise

function giveUpAfter(patience) {
  const request = new AbortController();
  setTimeout(() => request.abort(), patience);
  return request.signal;
}

// The token is read from its cookie each time: it changes when somebody logs in again in another tab.
function csrf() {
  const name = document.querySelector("meta[name=csrf-cookie]").content;
  const pair = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}

// Sends JSON; resolves to {status, body} whatever the status, rejects when the network fails.
export async function sendJson(method, address, value, { patience = PATIENCE, ...options } = {}) {
  const response = await fetch(address, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
    body: JSON.stringify(value),
    credentials: "same-origin",
    signal: giveUpAfter(patience),
    ...options,
  });
  const text = await response.text(); // may fail as the network does, and then nobody knows what became of it
  const body = parsed(text);
  return { status: response.status, body };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Posts fields as a form does; resolves to the response.
export function postFields(address, fields, { patience = PATIENCE, ...options } = {}) {
  const body = new URLSearchParams(fields);
  body.delete("csrfmiddlewaretoken");
  const signal = giveUpAfter(patience);
  return fetch(address, { method: "POST", headers: { "X-CSRFToken": csrf() }, body, signal, ...options });
}
