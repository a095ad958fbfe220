// Which state a show has for a viewer, and which of several shows the client chooses for the viewer.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "../../clients/js/clock.js";
import { foremost, pairsOf, standingOf } from "../../clients/js/standing.js";

const NBF = 1_745_993_863;
const show = {
  id: "show", type: "show", status: "scheduled", version: 1, nbf: NBF, access_exp: NBF + 60, exp: null, progress: 0,
  levels: [{ title: "Proceed", target: 60 }], context: { funding_goal_id: "funding" }, note: null,
};
const live = { ...show, status: "live" };
const funding = { ...show, id: "funding", type: "show-funding", status: "closed", nbf: null, access_exp: null, context: {} };
const payment = { amount: 200, outcome: "pending" };
const AFTER = { now: NBF + 10, isIn: false, trouble: null };
const BEFORE = { ...AFTER, now: NBF - 10 };

for (const [expected, pair, known] of [
  ["none nothing_on_sale", null, BEFORE],
  ["funding funding_open", { funding: { ...funding, status: "open" }, show: null, payment: null }, BEFORE],
  ["funding no_show_yet", { funding, show: null, payment }, BEFORE],
  ["funding no_show_yet", { funding: null, show: null, payment }, BEFORE],
  ["lapsed refund_due", { funding, show: null, payment: { ...payment, outcome: "refund_due" } }, BEFORE],
  ["lapsed no_show", { funding: { ...funding, note: "no_show" }, show: null, payment: null }, BEFORE],
  ["lapsed session_ended", { funding, show: null, payment: null }, { ...BEFORE, lapse: "session_ended" }],
  ["lapsed show_cancelled",
    { funding, show: { ...show, status: "cancelled" }, payment: null }, { ...AFTER, lapse: "show_cancelled" }],
  ["lapsed no_show", { funding: { ...funding, note: "no_show" }, show: null, payment }, { ...AFTER, lapse: "session_ended" }],
  ["live let_in", { funding, show: live, payment }, { ...AFTER, isIn: true, lapse: "session_ended" }],
  ["waiting scheduled", { funding, show, payment }, BEFORE],
  ["waiting moved", { funding, show: { ...show, note: "moved" }, payment }, BEFORE],
  ["waiting revived", { funding, show: { ...show, note: "revived" }, payment }, BEFORE],
  ["waiting due", { funding, show: { ...show, note: "moved" }, payment }, AFTER],
  ["waiting due", { funding, show, payment }, { ...AFTER, now: NBF + 59 }],
  ["waiting delayed", { funding, show, payment }, { ...AFTER, now: NBF + 60 }],
  ["entering fetching", { funding, show: live, payment }, AFTER],
  ["entering not_let_in", { funding, show: live, payment }, { ...AFTER, trouble: "not_let_in" }],
  ["live let_in", { funding, show: live, payment }, { ...AFTER, isIn: true }],
  ["outside not_paid", { funding, show: live, payment: null }, AFTER],
  ["outside refund_due", { funding, show: live, payment: { ...payment, outcome: "refund_due" } }, AFTER],
  ["outside refund_due", { funding, show, payment: { ...payment, outcome: "refund_due" } }, BEFORE],
  ["ended ended", { funding, show: live, payment: { ...payment, outcome: "refund_due" } }, { ...AFTER, now: NBF + 60 }],
  ["cancelled cancelled", { funding, show: { ...show, status: "cancelled" }, payment }, AFTER],
  ["cancelled missed", { funding, show: { ...show, status: "cancelled", note: "missed" }, payment }, AFTER],
  ["lapsed show_cancelled",
    { funding: { ...funding, note: "show_cancelled" }, show: { ...show, status: "cancelled" }, payment }, AFTER],
  ["ended ended", { funding, show: { ...show, status: "ended", exp: NBF + 60 }, payment }, AFTER],
  ["ended ended_early", { funding, show: { ...show, status: "ended", exp: NBF + 20 }, payment }, AFTER],
  ["ended ended", { funding, show: live, payment }, { ...AFTER, now: NBF + 60, isIn: true }],
]) {
  test(`standing: ${expected}, status ${pair?.show?.status}, at ${known.now - NBF}`, () => {
    const { state, reason } = standingOf(pair, known);
    assert.equal(`${state} ${reason}`, expected);
  });
}

test("a paid show goes before others, and a running one before those to come", () => {
  const other = { ...live, id: "other", context: { funding_goal_id: "other-funding" } };
  const next = { ...show, id: "next", nbf: NBF + 900, access_exp: NBF + 960, context: { funding_goal_id: "next-funding" } };
  const standing = (pair) => standingOf(pair, BEFORE);
  const chosen = (goals, paid) => foremost(pairsOf(goals, new Map(paid.map((id) => [id, payment]))), standing)?.show?.id;

  assert.equal(chosen([next, other, show], ["funding", "next-funding"]), "show");
  assert.equal(chosen([next, other, show], ["next-funding"]), "next");
  assert.equal(chosen([next, other, show], []), "other");
  assert.equal(chosen([], []), undefined);
});

test("a delayed show hides neither an open funding goal nor the next show", () => {
  const known = { ...AFTER, now: NBF + 3600 };
  const open = { ...funding, id: "open", status: "open" };
  const next = { ...show, id: "next", nbf: NBF + 7200, access_exp: NBF + 7260, context: { funding_goal_id: "next-funding" } };
  const chosen = (goals) => foremost(pairsOf(goals, new Map()), (pair) => standingOf(pair, known));

  assert.equal(chosen([funding, show, open])?.funding?.id, "open");
  assert.equal(chosen([funding, show, next])?.show?.id, "next");
  assert.equal(chosen([funding, show])?.show?.id, "show");
});

test("the time does not go back when a quick answer follows a slow one", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000_000_000 });
  const clock = new ServerClock();
  const moments = [clock.now() - 3_600_000];
  for (const tookMs of [2_000, 20, 20]) {
    t.mock.timers.tick(100);
    clock.observe(new Date(Date.now() - 3_600_000).toUTCString(), Date.now() - tookMs, Date.now());
    moments.push(clock.now());
  }
  assert.deepEqual(moments, moments.toSorted((one, other) => one - other));

  t.mock.timers.tick(2_000);
  assert.ok(Math.abs(clock.now() - (Date.now() - 3_600_000)) <= 500, `${clock.now()}`);
});

test("a clock that was set forward and back does not stop the time", (t) => {
  const start = 1_000_000_000_000;
  t.mock.timers.enable({ apis: ["Date"], now: start });
  const clock = new ServerClock();
  clock.observe(new Date(start).toUTCString(), start - 20, start);
  t.mock.timers.setTime(start + 3_600_000);
  clock.now();
  t.mock.timers.setTime(start + 5_000);
  clock.observe(new Date(start + 5_000).toUTCString(), start + 4_980, start + 5_000);

  assert.ok(Math.abs(clock.now() - (start + 5_000)) <= 1_000, `${clock.now()}`);
});

test("answers tell the server's clock to a fraction of a second, until somebody sets a clock", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000_000_000 });
  const clock = new ServerClock();
  assert.equal(clock.now(), 1_000_000_000_000);
  const answered = (ahead, at) => clock.observe(new Date(at + ahead).toUTCString(), at, at);

  for (let at = 1_000_000_000_000; at < 1_000_000_002_000; at += 100) answered(-3_600_000, at);
  assert.ok(Math.abs(clock.offset + 3_600_000) <= 100, `${clock.offset}`);

  answered(0, 1_000_000_003_500);
  assert.ok(Math.abs(clock.offset) <= 500, `${clock.offset}`);
  clock.observe(null, 0, 0);
  assert.ok(Math.abs(clock.offset) <= 500, `${clock.offset}`);
});
