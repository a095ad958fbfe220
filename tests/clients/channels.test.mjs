// When a client asks the API to let it subscribe to a channel.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { ApiError } from "../../clients/js/api.js";
import { Channels } from "../../clients/js/channels.js";
import { Pusher } from "./pusher.mjs";

const CHANNEL = "private-stream@6811c05bf672c8b2cbdc2433";
const realNow = performance.now;
let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  performance.now = () => nowMs;
});
afterEach(() => (performance.now = realNow));

/**
 * Let `ms` milliseconds pass. The API refuses the first subscription with `error`, and the connection breaks at each
 * moment in `breaksAt`. Return the moments at which the client has asked the API, in milliseconds.
 */
async function callsWithin(ms, error, breaksAt) {
  const calls = [];
  const api = {
    get: async () => ({ key: "k", auth_endpoint: "/pusher/auth" }),
    post: async () => {
      if (calls.push(nowMs) === 1) throw error;
      return {};
    },
  };
  const channels = new Channels(Pusher, api, { onEvent() {}, onSubscribed() {}, onChange() {} });
  for (; nowMs < ms; nowMs += 500) {
    if (breaksAt.includes(nowMs)) channels.reconnect();
    channels.want([CHANNEL]);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  }
  assert.equal(channels.reason, "channels_open");
  return calls;
}

test("a connection that breaks does not make the client ask before the server's Retry-After", async () => {
  const [first, second, ...more] = await callsWithin(120_000, new ApiError(429, "throttled", "", 60_000), [10_000, 40_000]);

  assert.deepEqual(more, []);
  assert.ok(second - first >= 60_000 && second - first <= 60_000 + 3_000, `${first} ${second}`);
});

test("a client that was not asked to wait asks as soon as it is connected again", async () => {
  const calls = await callsWithin(60_000, new ApiError(403, "forbidden", ""), [10_000]);

  assert.deepEqual(calls.slice(1), [10_000]);
});
