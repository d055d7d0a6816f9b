// Requests to our own server.

// The token is read from its cookie each time: it changes when somebody logs in again in another tab.
function csrf() {
  const name = document.querySelector("meta[name=csrf-cookie]").content;
  const pair = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}

// Sends JSON; resolves to {status, body} whatever the status, rejects when the network fails.
export async function sendJson(method, address, value, options = {}) {
  const response = await fetch(address, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
    body: JSON.stringify(value),
    credentials: "same-origin",
    ...options,
  });
  const body = await response.json().catch(() => null);
  return { status: response.status, body };
}

// Posts fields as a form does; resolves to the response.
export function postFields(address, fields, options = {}) {
  const body = new URLSearchParams(fields);
  body.delete("csrfmiddlewaretoken");
  return fetch(address, { method: "POST", headers: { "X-CSRFToken": csrf() }, body, ...options });
}
