// Whether a response has its answers: from the fields on its card, which are the truth whatever sets them.

const FIELDS = "input:not([type=hidden]), select, textarea";

function filled(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.type !== "radio") return field.value.trim() !== "";
  // One choice among responses is a group that goes over all cards: it is made wherever it was made.
  const group = field.form?.querySelectorAll(`input[type=radio][name="${CSS.escape(field.name)}"]`) ?? [field];
  return [...group].some(({ checked }) => checked);
}

// True, false, or null where nothing has to be answered about this response by itself.
export function hasAnswer(card) {
  const parts = [...card.querySelectorAll("[data-question]:not([data-not-asked], [data-optional])")]
    .map((part) => [...part.querySelectorAll(FIELDS)])
    .filter((fields) => fields.length > 0);
  return parts.length ? parts.every((fields) => fields.some(filled)) : null;
}
