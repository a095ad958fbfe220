// Which events a client takes, and what it reads after them.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Streamer } from "../../clients/js/streamer.js";
import { Viewer } from "../../clients/js/viewer.js";
import { Pusher } from "./pusher.mjs";

const NBF = 1_745_993_863;
/** How long a client may take to connect, and to read what it may have missed meanwhile. */
const SETTLED_MS = 40_000;
const FUNDING = {
  id: "funding", type: "show-funding", status: "closed", version: 3, nbf: null, access_exp: null, exp: NBF - 60,
  progress: 60, levels: [{ title: "Proceed", target: 6000 }], context: {},
};
const SHOW = {
  ...FUNDING, id: "show", type: "show", status: "live", nbf: NBF, access_exp: NBF + 6000, exp: null,
  context: { funding_goal_id: "funding" },
};
const real = { fetch: globalThis.fetch, now: performance.now };
let payments = [];
let goalsRead = 0;
let client = null;

beforeEach(() => {
  [payments, goalsRead] = [[], 0];
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: (NBF + 10) * 1000 });
  performance.now = () => Date.now();
  globalThis.window = { addEventListener() {}, removeEventListener() {} };
  globalThis.document = { ...window, hidden: false };
  globalThis.fetch = async (url) => Response.json(answerTo(new URL(url).pathname));
});
afterEach(() => {
  client.close();
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
  if (path === "/goals") return (goalsRead += 1), { results: [SHOW, FUNDING], next: null };
  if (path === "/me/contributions") return { results: payments, next: null };
  return {};
}

async function open(Client) {
  client = new Client({ base: "https://api.example.com", sessionId: "s", authorize: () => "token", Pusher });
  client.start();
  await pass(SETTLED_MS);
}

/** Let `ms` milliseconds pass. */
async function pass(ms) {
  for (const until = Date.now() + ms; Date.now() < until; ) {
    mock.timers.tick(500);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }
}

test("a show of the streamer's other session does not take the place of the show", async () => {
  await open(Streamer);
  assert.equal(client.picture.show.id, "show");

  const other = { version: 2, goal_id: "other", type: "show", session_id: "t", progress: 0, levels: SHOW.levels };
  const added = { ...other, event_id: "e", nbf: NBF + 10, context: SHOW.context };
  Pusher.latest.hear("private-user", "goal.added", added);
  Pusher.latest.hear("private-user", "goal.started", { ...added, event_id: "f", access_exp: NBF + 6000 });
  await pass(5_000);

  assert.equal(client.picture.show.id, "show");
});

test("payments of the streamer's other session let no viewer read the goals", async () => {
  await open(Viewer);
  const before = goalsRead;

  for (let progress = 1; progress < 60; progress += 1) {
    const data = { event_id: `${progress}`, version: 1, goal_id: "other", progress, target: 500, payers: progress };
    Pusher.latest.hear("private-stream", "goal.progressed", data);
    await pass(1_000);
  }

  assert.ok(goalsRead - before <= 1, `${goalsRead - before}`);
});

test("a viewer who has paid on another device is let in soon after they are told so", async () => {
  await open(Viewer);
  assert.equal(client.picture.reason, "not_paid");

  payments = [{ goal_id: "funding", session_id: "s", amount: 200, outcome: "pending", created_at: NBF - 300 }];
  const told = { event_id: "e", version: 3, goal_id: "show", session_id: "s", nbf: NBF, exp: NBF + 6000, jitter_factor: 3 };
  Pusher.latest.hear("preview", "stream.authorized", told);
  await pass(5_000);

  assert.notEqual(client.picture.reason, "not_paid");
});
