// When a viewer's client reads what has become of a payment that was undecided when the show ended.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Viewer } from "../../clients/js/viewer.js";
import { Pusher } from "./pusher.mjs";

const NBF = 1_745_993_863;
const END_MS = (NBF + 60) * 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How long clients may take to connect, and to read what they may have missed meanwhile. */
const SETTLED_MS = 40_000;
const FUNDING = {
  id: "funding", type: "show-funding", status: "closed", version: 3, nbf: null, access_exp: null, exp: NBF - 60,
  progress: 60, levels: [{ title: "Proceed", target: 60 }], context: {},
};
const SHOW = {
  ...FUNDING, id: "show", type: "show", status: "ended", nbf: NBF, access_exp: NBF + 60, exp: NBF + 60,
  context: { funding_goal_id: "funding" },
};
const real = { fetch: globalThis.fetch, now: performance.now };
let outcome = "";
/** The moments at which the clients have read the payments, in milliseconds after the end of the show. */
let reads = [];
let clients = [];

beforeEach(() => {
  [outcome, reads, clients] = ["in_question", [], []];
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: END_MS });
  performance.now = () => Date.now();
  globalThis.window = { addEventListener() {}, removeEventListener() {} };
  globalThis.document = { ...window, hidden: false };
  globalThis.fetch = async (url) => Response.json(answerTo(new URL(url).pathname));
});
afterEach(() => {
  for (const client of clients) client.close();
  mock.timers.reset();
  performance.now = real.now;
  globalThis.fetch = real.fetch;
  delete globalThis.window;
  delete globalThis.document;
});

function answerTo(path) {
  if (path === "/me") return { id: "viewer" };
  if (path === "/sessions/s") return { id: "s", streamer_id: "streamer", status: "live", created_at: NBF - 600 };
  if (path === "/realtime") return { key: "k", auth_endpoint: "/pusher/auth" };
  if (path === "/goals") return { results: [SHOW, FUNDING], next: null };
  if (path !== "/me/contributions") return {};
  reads.push(Date.now() - END_MS);
  const payment = { goal_id: "funding", session_id: "s", amount: 200, outcome, created_at: NBF - 300 };
  return { results: [payment], next: null };
}

/** Return a viewer's client that starts when the show ends. */
function open(options) {
  const client = new Viewer({ base: "https://api.example.com", sessionId: "s", authorize: () => "token", ...options });
  clients.push(client);
  client.start();
  return client;
}

/** Let `ms` milliseconds pass. */
async function pass(ms) {
  for (const until = Date.now() + ms; Date.now() < until; ) {
    mock.timers.tick(500);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }
}

for (const [connection, options] of [["live", { Pusher }], ["polling", {}]]) {
  for (const decision of ["earned", "refund_due"]) {
    test(`a client whose connection is ${connection} learns that a payment in question is ${decision}`, async () => {
      const client = open(options);
      await pass(SETTLED_MS);
      assert.deepEqual([client.picture.state, client.picture.connection.state], ["ended", connection]);
      assert.equal(client.picture.payment.outcome, "in_question");

      outcome = decision;
      await pass(2 * MINUTE_MS);
      assert.equal(client.picture.payment.outcome, decision);

      reads = [];
      await pass(HOUR_MS);
      assert.deepEqual(reads, []);
    });
  }

  test(`a client whose connection is ${connection} reads a payment in question less and less often`, async () => {
    open(options);
    await pass(SETTLED_MS);
    reads = [];
    await pass(3 * HOUR_MS);

    const pauses = reads.map((at, index) => at - (reads[index - 1] ?? 0));
    assert.ok(pauses[0] >= MINUTE_MS && pauses.slice(1).every((pause) => pause >= 2 * MINUTE_MS), `${pauses}`);
    assert.ok(pauses.slice(4).every((pause) => pause >= 15 * MINUTE_MS && pause <= 31 * MINUTE_MS), `${pauses}`);
  });
}

test("clients do not read at the same time", async () => {
  for (let count = 0; count < 50; count += 1) open({});
  await pass(SETTLED_MS);
  reads = [];
  await pass(2 * MINUTE_MS);

  const moments = new Set(reads.map((at) => Math.floor(at / 10_000)));
  assert.ok(reads.length === 50 && moments.size >= 5, `${reads}`);
});

test("a payment that is pending when the show ends is read again, although the client hears all events", async () => {
  outcome = "pending";
  const client = open({ Pusher });
  await pass(SETTLED_MS);
  outcome = "in_question";
  await pass(2 * MINUTE_MS);
  assert.equal(client.picture.payment.outcome, "in_question");
});

test("a hidden tab reads as soon as it is shown again", async () => {
  const client = open({ Pusher });
  await pass(SETTLED_MS);
  document.hidden = true;
  reads = [];
  await pass(10 * MINUTE_MS);
  assert.deepEqual(reads, []);

  [document.hidden, outcome] = [false, "earned"];
  await pass(1_000);
  assert.equal(client.picture.payment.outcome, "earned");
});
