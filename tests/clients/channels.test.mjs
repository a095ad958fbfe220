// When a client asks the API to let it subscribe to a channel.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { ApiError } from "../../clients/js/api.js";
import { Channels } from "../../clients/js/channels.js";

const CHANNEL = "private-stream@6811c05bf672c8b2cbdc2433";
const realNow = performance.now;
let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  performance.now = () => nowMs;
});
afterEach(() => (performance.now = realNow));

/** Authorizes channels when pusher-js does: all channels after each connect, and a new channel while connected. */
class Pusher {
  #channels = new Map();
  #options;
  #onState;
  connection = { state: "disconnected", socket_id: "0", bind: (_event, callback) => (this.#onState = callback) };

  constructor(_key, options) {
    this.#options = options;
    setImmediate(() => this.connect());
  }

  connect() {
    const { connection } = this;
    Object.assign(connection, { state: "connected", socket_id: String(Number(connection.socket_id) + 1) });
    this.#onState();
    for (const name of this.#channels.keys()) this.#ask(name);
  }

  disconnect() {
    this.connection.state = "disconnected";
    for (const channel of this.#channels.values()) channel.subscribed = false;
    this.#onState();
  }

  subscribe(name) {
    if (!this.#channels.has(name)) this.#channels.set(name, { bind_global() {}, unbind_global() {} });
    if (this.connection.state === "connected") this.#ask(name);
    return this.#channels.get(name);
  }

  unsubscribe(name) {
    this.#channels.delete(name);
  }

  #ask(name) {
    const channel = Object.assign(this.#channels.get(name), { subscribed: false, subscriptionPending: true });
    const done = (error) => Object.assign(channel, { subscribed: !error, subscriptionPending: false });
    const asked = { socketId: this.connection.socket_id, channelName: name };
    this.#options.channelAuthorization.customHandler(asked, done);
  }
}

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
