import assert from "node:assert/strict";
import { test } from "node:test";
import { fits } from "../../labeling/static/labeling/js/lib/narrowing.js";

test("a name fits by any part of it, whatever the case and the accents", () => {
  assert.ok(fits("Zoë Müller", "zoe"));
  assert.ok(fits("Zoë Müller", "MULL"));
  assert.ok(fits("Zoë Müller", "müll zo"));
  assert.ok(!fits("Zoë Müller", "zoe x"));
});

test("nothing typed hides nobody", () => {
  assert.ok(fits("Ann", ""));
  assert.ok(fits("Ann", "  "));
});
