/** The payer's page: what was sold and paid, when the show starts, and the video while it runs. */

import { viewer } from "../js/showgoals.js";
import { $, dayAndTime, language, moment, number, put, run, say, sayCount, show, showClock, showConnection } from "./page.js";

/** @typedef {import("../js/viewer.js").ViewerPicture} ViewerPicture */
/** @typedef {import("../js/api.js").Api} Api */
/** @typedef {import("../js/book.js").Data} Data */

const CLOCK_MS = 250;

/** @type {Api} */
let asked;
let payments = /** @type {Data[]} */ ([]);
/** @type {ReturnType<typeof viewer>} */
let client;
let ends = { id: "", at: 0 };
/** What `known` returned when the server was last asked for an explanation. */
let explained = "";

run({
  async find(api, goalId) {
    asked = api;
    const rows = await api.list("/me/contributions?page_size=100", () => true);
    payments = rows.filter((row) => row.goal_id === goalId || row.show?.id === goalId);
    return payments[0]?.session_id ?? new URLSearchParams(location.search).get("session_id");
  },
  open(options) {
    explained = "";
    client = viewer({ ...options, onChange: showPicture });
    const timer = setInterval(() => showClock(client.picture, client.now()), CLOCK_MS);
    return { close: () => (clearInterval(timer), client.close()) };
  },
});

/** @param {ViewerPicture} picture */
function showPicture(picture) {
  const { connection, session, show: goal, funding, state, reason } = picture;
  showConnection(connection);
  if (connection.state === "starting") return;
  const level = (goal ?? funding)?.levels.at(-1);
  const minutes = Math.max(1, Math.round((goal ? (level?.target ?? 0) : (funding?.context.perform_duration ?? 0)) / 60));
  put("session", session?.title ?? "");
  put("title", level?.title ?? say("title"));
  put("sold", sayCount("sold", minutes));
  put("state", say(`state_${reason}`) || say(`state_${state}`));
  put("reason", say(reason, { when: goal?.nbf ? moment(goal.nbf) : "" }));
  $("show").dataset.state = state;
  showPayment(picture);
  showEnd(picture);
  showPlayer(picture);
  put("code", [goal?.id ?? funding?.id, picture.me?.id].filter(Boolean).join("-"));
  if (client) showClock(picture, client.now());
  if (client && isHelpOpen() && explained !== known(picture)) void explain();
}

/** @param {ViewerPicture} picture */
function showPayment({ payment, state, reason }) {
  const isDated = payment?.amount === payments.reduce((sum, { amount }) => sum + amount, 0);
  const text = !isDated ? "paid" : payments.length > 1 ? "paid_often" : "paid_once";
  const when = payments[0] ? dayAndTime(payments[0].created_at) : "";
  put("payment", payment ? say(text, { amount: number(payment.amount), when }) : say("not_paid_yet"));
  const isSaid = reason === "refund_due" || reason === "no_show" || reason === "show_cancelled";
  const outcome = state === "lapsed" ? "refund_due" : payment?.outcome;
  put("outcome", payment && !isSaid ? say(`outcome_${outcome}`) : "");
}

/** @param {ViewerPicture} picture */
function showEnd({ show: goal, credentials }) {
  const until = credentials ? moment(credentials.exp) : "";
  put("until", until && say("watch_until", { until }));
  if (!goal || !credentials) return put("answer", "");
  if (ends.id === goal.id && ends.at !== credentials.exp) put("answer", say("end_moved", { until }));
  ends = { id: goal.id, at: credentials.exp };
}

/** A real player would join the room here, and leave it when there are no credentials. @param {ViewerPicture} picture */
function showPlayer({ state, credentials }) {
  const identity = credentials?.byteplus_rtc_info;
  const isWaited = state === "waiting" || state === "entering" || state === "funding";
  $("picture").classList.toggle("plays", Boolean(identity));
  const missing = isWaited ? "picture_waits" : state === "ended" ? "picture_over" : "picture_none";
  put("picture-title", say(identity ? "picture_here" : missing));
  show("identity", Boolean(identity));
  put("room", identity?.room_id ?? "");
  put("user", identity?.user_id ?? "");
}

/** Ask the server why the viewer is or is not let in, and show its answer. */
async function explain() {
  const { show: goal, funding, me } = client.picture;
  const explains = (explained = known(client.picture));
  put("why", say("help_reading"));
  let why = say("help_unknown");
  try {
    const { code, explanation } = await asked.get(`/goals/${(goal ?? funding)?.id}/viewers/${me?.id}?lang=${language}`);
    why = say(`why_${code}`) || explanation;
  } catch {
    // `why` keeps the text that says that the server cannot explain it.
  }
  if (explains === explained) put("why", why);
}

/** Return a text that changes when the explanation may have changed. @param {ViewerPicture} picture */
function known({ state, reason, show: goal, payment }) {
  return JSON.stringify([state, reason, goal?.status, goal?.exp, payment?.outcome]);
}

function isHelpOpen() {
  return /** @type {HTMLDetailsElement} */ ($("help")).open;
}

$("help").addEventListener("toggle", () => {
  if (isHelpOpen()) void explain();
});
$("copy").addEventListener("click", async () => {
  await navigator.clipboard?.writeText($("code").textContent ?? "");
  put("copied", say("copied"));
});
