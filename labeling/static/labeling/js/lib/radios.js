// The radio buttons with which a ranking question is answered, one group for each response.

const radios = (form, name, key) => [...form.querySelectorAll(`input[name="q.${name}.${key}"]`)];

// {key: place} of the responses that have one.
export function readPlaces(form, name, keys) {
  const found = keys.map((key) => [key, radios(form, name, key).find((radio) => radio.checked)]);
  return Object.fromEntries(found.filter(([, radio]) => radio).map(([key, radio]) => [key, Number(radio.value)]));
}

// Sets the buttons to `places`; a response with a place has a button that takes it away.
export function showPlaces(form, name, keys, places) {
  for (const key of keys) {
    for (const radio of radios(form, name, key)) radio.checked = Number(radio.value) === places[key];
    const clear = form.querySelector(`[data-rank-clear="${name}"][value="${key}"]`);
    if (clear) clear.hidden = !(key in places);
  }
}
