/** The streamer's page: what becomes of the show, and the commands. */

import { ApiError, streamer } from "../js/showgoals.js";
import { $, failure, moment, momentToday, number, put, run, say, sayCount, show, showClock, showConnection } from "./page.js";

/** @typedef {import("../js/streamer.js").StreamerPicture} StreamerPicture */
/** @typedef {import("../js/book.js").Data} Data */

const STEPS_SHOWN = 10;
const CLOCK_MS = 250;
/**
 * The names of texts, by the kind, name and outcome of a timeline row. The keys of recordings contain no name.
 *
 * @type {Record<string, string>}
 */
const STEPS = {
  "signal goal.created announced": "step_created",
  "signal goal.updated announced": "step_updated",
  "signal goal.cancelled announced": "step_cancelled",
  "signal goal.started announced": "step_started",
  "signal goal.ended announced": "step_ended",
  "delivery stream.authorized all_sent": "step_told",
  "delivery stream.authorized redelivery": "step_sent_again",
  "recording started": "step_recording",
  "recording stopped": "step_recording_over",
  "recording failed": "step_recording_failed",
};

/** @type {ReturnType<typeof streamer>} */
let client;
let isBusy = false;
/** @type {number | null} Null while the number is not known. */
let payers = null;
/** @type {{ id: string, end: number | null, state: string } | null} */
let before = null;
let answeredIn = "";

run({
  async find(api, goalId) {
    try {
      return (await api.get(`/goals/${encodeURIComponent(goalId)}`)).conditions.session_id;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  },
  open(options) {
    client = streamer({ ...options, onChange: showPicture });
    const timer = setInterval(() => showClock(client.picture, client.now()), CLOCK_MS);
    return { close: () => (clearInterval(timer), client.close()) };
  },
});

/** @param {StreamerPicture} picture */
function showPicture(picture) {
  showConnection(picture.connection);
  if (picture.connection.state === "starting") return;
  if (!isBusy && picture.state !== answeredIn) put("answer", ""); // the message is about an earlier state
  put("session", picture.session?.title ?? "");
  put("title", (picture.show ?? picture.funding)?.levels.at(-1)?.title ?? say("title"));
  showStanding(picture);
  showEnd(picture);
  put("outcome", outcome(picture));
  showCommands(picture);
  showCounts(picture);
  showRecording(picture);
  showSteps(picture.timeline ?? []);
  if (client) showClock(picture, client.now());
}

/** @param {StreamerPicture} picture */
function showStanding({ state, reason, show: goal, funding }) {
  const [progress, target] = [funding?.progress ?? 0, funding?.levels.at(-1)?.target ?? 0].map(number);
  put("state", say(`state_${reason}`) || say(`state_${state}`));
  put("reason", say(reason, { when: goal?.nbf ? moment(goal.nbf) : "", progress: progress ?? "", target: target ?? "" }));
  $("show").dataset.state = state;
}

/** @param {StreamerPicture} picture */
function showEnd({ state, show: goal, lateSeconds }) {
  const end = goal?.access_exp ?? null;
  const until = end && state === "live" ? moment(end) : "";
  const late = until && lateSeconds >= 1 ? say("late", { seconds: lateSeconds, until }) : "";
  put("late", late);
  put("until", until && !late ? say("until", { until }) : "");
  const hasMoved = before?.id === goal?.id && before?.state === "live" && before.end !== end;
  if (until && hasMoved && !isBusy) answer(say("end_moved", { until }), state);
  before = goal && { id: goal.id, end, state };
}

/**
 * Return what becomes of the payments. The text is empty before the end, or if the text of the reason already says it.
 *
 * @param {StreamerPicture} picture
 */
function outcome({ state, reason, settlement }) {
  const isOver = state === "ended" || (state === "lapsed" && reason === "session_ended");
  return isOver && settlement?.payers ? say(`outcome_${settlement.state}`) : "";
}

/** @param {StreamerPicture} picture */
function showCommands({ state, reason, show: goal }) {
  const canComeBack = state === "cancelled" && reason !== "session_ended";
  const label = canComeBack ? "bring_back" : { live: "last_longer", waiting: "start_later" }[/** @type {string} */ (state)];
  show("begin", reason === "not_begun");
  show("minutes", Boolean(goal && label));
  put("minutes-label", say(label ?? ""));
  for (const button of minutes()) {
    button.textContent = say(state === "cancelled" ? "in_minutes" : "more_minutes", { minutes: button.dataset.minutes ?? "" });
  }
  // A show whose time has passed cannot be cancelled here: it may have been performed before a backup was restored.
  show("cancel", state === "waiting" && (goal?.access_exp ?? 0) > (client?.now() ?? 0));
  show("end", state === "live");
  show("send-again", state === "live");
  keepFocus();
}

/** @param {StreamerPicture} picture */
function showCounts({ state, show: goal, funding, deliveries, settlement }) {
  payers = deliveries?.viewers ?? funding?.payers ?? settlement?.payers ?? null;
  const all = payers ?? 0;
  const hasStarted = goal?.status === "live" || goal?.status === "ended";
  show("counts", hasStarted || state === "waiting");
  put("viewers", payers === null ? "–" : number(payers));
  const { sd, preview, received, credentials_fetched } = deliveries ?? { sd: {}, preview: {}, received: 0, credentials_fetched: 0 };
  const counts = { delivered: sd.sent ?? 0, received, fetched: credentials_fetched };
  for (const [id, count] of Object.entries(counts)) {
    const bar = /** @type {HTMLProgressElement} */ ($(id));
    bar.max = Math.max(all, 1);
    bar.value = count;
    put(`${id}-count`, say("count", { count: number(count), all: number(all) }));
  }
  const missed = Math.max(...[sd, preview].map((counts) => (counts.unknown ?? 0) + (counts.failed ?? 0) + (counts.expired ?? 0)));
  const planned = Math.max(sd.planned ?? 0, preview.planned ?? 0);
  put("told", told({ state, hasStarted, all, sent: sd.sent ?? 0, missed, planned }));
}

/** @param {{ state: string, hasStarted: boolean, all: number, sent: number, missed: number, planned: number }} counts */
function told({ state, hasStarted, all, sent, missed, planned }) {
  if (!hasStarted) return state === "waiting" ? say("told_at_start") : "";
  if (planned) return sayCount("being_told", planned);
  if (missed) return sayCount("not_told", missed);
  return all > 0 && sent >= all ? say("all_told") : "";
}

/** @param {StreamerPicture} picture */
function showRecording({ state, recording }) {
  show("recording", Boolean(recording) && (state === "waiting" || recording?.reason !== "recording_waits"));
  put("light", say(recording?.reason ?? "recording_waits"));
  $("light").dataset.light = recording?.reason ?? "";
  put("light-detail", recording?.detail ?? "");
}

/** @param {Data[]} rows */
function showSteps(rows) {
  const steps = rows.flatMap((row) => {
    const name = STEPS[row.kind === "recording" ? `recording ${row.outcome}` : `${row.kind} ${row.name} ${row.outcome}`];
    const isTwin = name === "step_told" && !row.detail.startsWith("sd"); // each payer gets two of these events
    return name && !isTwin ? [{ at: momentToday(row.at_ms), text: say(name) }] : [];
  });
  show("what-happened", rows.length > 0);
  const list = $("steps");
  const shown = steps.slice(0, STEPS_SHOWN);
  const key = JSON.stringify(shown);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...(shown.length ? shown.map(step) : [step({ at: "", text: say("no_steps") })]));
}

/** @param {{ at: string, text: string }} step */
function step({ at, text }) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = at;
  item.append(time, ` ${text}`);
  return item;
}

/** @param {string} text @param {string} [state] The state that the text is about. */
function answer(text, state = client.picture.state) {
  answeredIn = state;
  put("answer", text);
}

/** @returns {HTMLButtonElement[]} */
function minutes() {
  return [...$("minutes").querySelectorAll("button")];
}

/**
 * Run one command at a time, and show its result.
 *
 * @param {() => Promise<string>} command Returns the text to show when it is done.
 */
async function order(command) {
  if (isBusy) return;
  isBusy = true;
  $("show").setAttribute("aria-busy", "true");
  answer(say("sending"));
  try {
    answer(await command());
  } catch (error) {
    answer(failure(error));
  } finally {
    keepFocus();
    isBusy = false;
    $("show").removeAttribute("aria-busy");
  }
}

/** Move the focus to the title if a command has hidden the focused button. */
function keepFocus() {
  const focused = document.activeElement;
  const isLost = focused === document.body || focused?.checkVisibility() === false;
  if (isLost && isBusy) $("title").focus();
}

/** @param {string} what "cancel" or "end" @param {() => Promise<unknown>} command */
function ask(what, command) {
  const dialog = /** @type {HTMLDialogElement} */ ($("ask"));
  put("ask-title", say(`${what}_title`));
  put("ask-text", payers === null ? say(`${what}_text_uncounted`) : sayCount(`${what}_text`, payers));
  put("ask-yes", say(what));
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue === "yes") void order(async () => (await command(), say(`done_${what}`)));
  };
  dialog.showModal();
}

$("begin").addEventListener("click", () => order(async () => (await client.begin(), say("done_begin"))));
$("cancel").addEventListener("click", () => ask("cancel", () => client.cancel()));
$("end").addEventListener("click", () => ask("end", () => client.end()));
$("send-again").addEventListener("click", () =>
  order(async () => {
    const events = await client.redeliver();
    return events ? say("done_send_again", { events: number(events) }) : say("done_send_nothing");
  }),
);
for (const button of minutes()) {
  const count = Number(button.dataset.minutes);
  button.addEventListener("click", () =>
    order(async () => {
      const { state, show: goal } = client.picture;
      if (state === "live") return await client.extend(count * 60), say("done_extend", { minutes: count });
      const now = client.now();
      const from = state === "waiting" ? Math.max(goal?.nbf ?? now, now) : now;
      await client.move(Math.floor(from + count * 60));
      return say(state === "cancelled" ? "done_bring_back" : "done_move");
    }),
  );
}
