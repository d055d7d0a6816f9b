// Stands in for node:assert/strict in a browser: the few assertions that the tests here use.
import { canonical } from "../../../labeling/static/labeling/js/lib/canonical.js";

function fail(message, actual, expected) {
  throw new Error(message ?? `${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
}

export default {
  ok: (value, message) => value || fail(message, value, true),
  equal: (actual, expected, message) => Object.is(actual, expected) || fail(message, actual, expected),
  notEqual: (actual, other, message) => !Object.is(actual, other) || fail(message, actual, other),
  deepEqual: (actual, expected, message) =>
    canonical(actual) === canonical(expected) || fail(message, actual, expected),
  match: (text, pattern, message) => pattern.test(text) || fail(message, text, String(pattern)),
};
