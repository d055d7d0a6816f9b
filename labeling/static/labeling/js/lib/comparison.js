// What a comparison comes to. Steps of the scale are called as the form sends them: "a:2" (a is better, second degree)
// or "tie". Nothing here touches the page.

// The answer of a step and the tick at "neither is good"; null when there is neither.
export function answerOf(step, bothBad) {
  if (!step && !bothBad) return null;
  const [key, strength] = (step ?? "tie").split(":");
  const answer = key === "tie" ? { preferred: null } : { preferred: key, strength: Number(strength) };
  return bothBad ? { ...answer, both_bad: true } : answer;
}

// The step of an answer; null for none.
export function stepOf(answer) {
  if (!answer || answer.preferred === undefined) return null;
  return answer.preferred === null ? "tie" : `${answer.preferred}:${answer.strength}`;
}

// What an answer comes to, as the server says it: later questions may hang on it.
export function outcomesOf(answer, { ties }) {
  if (!answer) return [];
  const found = ["answered"];
  if (answer.preferred !== null) found.push("preferred", String(answer.strength));
  else if (ties) found.push("tie");
  if (answer.both_bad) found.push("both_bad");
  return found;
}
