// When a client asks for a viewer's credentials.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Admission } from "../../clients/js/admission.js";
import { ApiError } from "../../clients/js/api.js";

const SHOW = { id: "6811c05bf672c8b2cbdc2433", access_exp: 1_745_994_463 };
const realNow = performance.now;
let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  performance.now = () => nowMs;
});
afterEach(() => (performance.now = realNow));

/**
 * Let `ms` milliseconds pass. Each call fails with `error`, and an event with credentials arrives at each moment in
 * `eventsAt`. Return the moments of the calls, in milliseconds.
 */
async function callsWithin(ms, error, eventsAt = []) {
  const calls = [];
  const api = {
    get: async () => {
      calls.push(nowMs);
      throw error;
    },
  };
  const admission = new Admission(api, "s", false, { tick() {}, readSoon() {} });
  admission.askWithin(0);
  for (; nowMs < ms; nowMs += 500) {
    if (eventsAt.includes(nowMs)) admission.askWithin(3);
    admission.tend(SHOW);
    await new Promise(setImmediate);
  }
  return calls;
}

function pauses(calls) {
  return calls.slice(1).map((at, index) => at - calls[index]);
}

test("the server's Retry-After is heeded, however long it is", async () => {
  const calls = await callsWithin(600_000, new ApiError(429, "throttled", "", 60_000));

  assert.ok(calls.length > 5, `${calls}`);
  assert.ok(pauses(calls).every((pause) => pause >= 60_000 && pause <= 60_000 + 8_000), `${calls}`);
});

test("an event that is sent again does not make the client ask before the server's Retry-After", async () => {
  const eventsAt = [5_000, 20_000, 50_000];
  const calls = await callsWithin(90_000, new ApiError(429, "throttled", "", 60_000), eventsAt);

  assert.equal(calls.length, 2, `${calls}`);
  assert.ok(pauses(calls)[0] >= 60_000 && pauses(calls)[0] <= 60_000 + 3_500, `${calls}`);
});

test("without a Retry-After the client asks at least every fifteen seconds", async () => {
  const calls = await callsWithin(600_000, new ApiError(503, "unavailable", ""));

  assert.ok(pauses(calls).every((pause) => pause >= 1_000 && pause <= 15_500), `${calls}`);
});
