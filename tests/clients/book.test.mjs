// How the client handles events and answers that arrive twice, late or in another order.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Book } from "../../clients/js/book.js";

const NBF = 1_745_993_863;
const SHOW = "6811c05bf672c8b2cbdc2433";
const FUNDING = "6811c05bf672c8b2cbdc2432";
const LEVELS = [{ title: "Proceed", target: 60 }];
const identity = { goal_id: SHOW, type: "show", session_id: "s" };
const context = { funding_goal_id: FUNDING };
const added = { ...identity, event_id: "a", version: 1, nbf: NBF, levels: LEVELS, context };
const moved = { ...identity, event_id: "b", version: 2, nbf: NBF + 5, access_exp: NBF + 65, reason: "moved" };
const started = { ...identity, event_id: "c", version: 3, progress: 0, levels: LEVELS, context, access_exp: NBF + 65 };
const authorized = { goal_id: SHOW, session_id: "s", event_id: "d", version: 3, nbf: NBF + 5, exp: NBF + 65 };
const ended = { ...identity, event_id: "e", version: 4, progress: 60, exp: NBF + 65 };
const cancelled = { ...moved, event_id: "f", version: 3, reason: "missed" };
const EVENTS = [
  ["goal.added", added],
  ["goal.updated", moved],
  ["goal.started", started],
  ["stream.authorized", authorized],
  ["goal.ended", ended],
];
const answer = {
  id: SHOW, type: "show", status: "scheduled", version: 2, active: false, nbf: NBF + 5, exp: null,
  access_exp: NBF + 65, progress: 0, levels: LEVELS, context,
};

function permutations(items) {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

function heard(...events) {
  const book = new Book();
  const taken = events.map(([name, data]) => book.hear(name, data));
  return { book, taken, show: book.goals.get(SHOW), funding: book.goals.get(FUNDING) };
}

test("events in order tell the whole life of a show", () => {
  const { show, taken } = heard(...EVENTS);

  assert.deepEqual(taken, [true, true, true, true, true]);
  assert.deepEqual(show, {
    id: SHOW, type: "show", status: "ended", version: 4, nbf: NBF + 5, access_exp: NBF + 65, exp: NBF + 65, progress: 60,
    levels: LEVELS, context, payers: null, note: null,
  });
});

test("in any order, and twice, the newest event counts", () => {
  for (const order of permutations(EVENTS)) {
    const { show } = heard(...order, ...order);
    assert.deepEqual([show.status, show.version], ["ended", 4]);
  }
});

test("a repeat is ignored, and a redelivery is taken once", () => {
  const again = { ...authorized, redelivery: 1 };
  const events = [authorized, authorized, again, again, { ...authorized, redelivery: 2 }];

  assert.deepEqual(heard(...events.map((data) => ["stream.authorized", data])).taken, [true, false, true, false, true]);
});

test("a cancelled show says why, and a revived one is scheduled again", () => {
  const revived = { ...moved, event_id: "g", version: 4, nbf: NBF + 90, access_exp: NBF + 150, reason: "revived" };
  const { book, show } = heard(["goal.added", added], ["goal.cancelled", cancelled]);
  assert.deepEqual([show.status, show.note], ["cancelled", "missed"]);

  book.hear("goal.updated", revived);

  const { status, note, nbf } = book.goals.get(SHOW);
  assert.deepEqual([status, note, nbf], ["scheduled", "revived", NBF + 90]);
});

test("a start that has overtaken the move tells when it was planned; a late start does not", () => {
  assert.equal(heard(["goal.added", added], ["goal.started", started]).show.nbf, NBF + 5);
  const late = { ...started, context: { ...context, started: NBF + 20 }, access_exp: NBF + 80 };
  assert.deepEqual(heard(["goal.added", added], ["goal.started", late]).show.nbf, NBF);
});

test("the progress of a funding goal only grows, whatever its version", () => {
  const progressed = (id, progress) => ["goal.progressed", { event_id: id, version: 1, goal_id: FUNDING, progress }];
  const closed = { event_id: "x", version: 2, goal_id: FUNDING, type: "show-funding", progress: 300, exp: NBF };
  const { funding, taken } = heard(progressed("p", 100), ["goal.ended", closed], progressed("q", 200), progressed("r", 400));

  assert.deepEqual(taken, [true, true, false, true]);
  assert.deepEqual([funding.status, funding.progress, funding.version], ["closed", 400, 2]);
});

test("a funding goal closes at another time, and lapses before its older end is heard", () => {
  const later = { event_id: "x", version: 2, goal_id: FUNDING, type: "show-funding", exp: NBF, reason: "changed" };
  const lapsed = { event_id: "y", version: 4, goal_id: FUNDING, session_id: "s", reason: "no_show", total: 200 };
  const over = { event_id: "z", version: 3, goal_id: FUNDING, type: "show-funding", progress: 200, exp: NBF };
  const { funding, taken } = heard(["goal.updated", later], ["goal.lapsed", lapsed], ["goal.ended", over]);

  assert.deepEqual(taken, [true, true, false]);
  assert.deepEqual([funding.status, funding.note, funding.exp], ["closed", "no_show", NBF]);
});

test("an answer replaces what is older, and is ignored if it is older itself", () => {
  const { book } = heard(["goal.added", added]);
  book.take(answer);
  assert.deepEqual([book.goals.get(SHOW).nbf, book.goals.get(SHOW).note], [NBF + 5, "moved"]);

  book.hear("goal.cancelled", cancelled);
  book.take(answer);
  assert.equal(book.goals.get(SHOW).status, "cancelled");

  book.take({ ...answer, version: 4 });
  assert.deepEqual([book.goals.get(SHOW).status, book.goals.get(SHOW).note], ["scheduled", "revived"]);
});

test("a goal that is known only from an event is not complete", () => {
  const { book } = heard(["goal.updated", moved]);
  assert.equal(book.isComplete(SHOW), false);
  book.take(answer);
  assert.equal(book.isComplete(SHOW), true);
});

test("an event of a later version of the server changes nothing but the version", () => {
  const { book } = heard(["goal.added", added], ["goal.postponed", { ...identity, event_id: "h", version: 7 }]);
  assert.deepEqual([book.goals.get(SHOW).status, book.goals.get(SHOW).version], ["scheduled", 7]);
});
