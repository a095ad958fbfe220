/** What both pages share: texts, times, the sign-in, and how the client of a show is opened. */

import { Api, isTemporary, pauseAfter, reasonOf } from "../js/api.js";
import { ServerClock } from "../js/clock.js";
import { ApiError, signIn } from "../js/showgoals.js";

/** @typedef {Record<string, string | number>} Values */
/** @typedef {import("../js/sign_in.js").SignIn} SignIn */
/** @typedef {import("../js/channels.js").PusherClass} PusherClass */
/** @typedef {{ close: () => void }} Client */

/**
 * @typedef {object} Kind What one of the pages does.
 * @property {(api: Api, goalId: string) => Promise<string | null>} find Returns the session of the goal, or null if
 *   the caller has no such goal.
 * @property {(options: Found) => Client} open Opens the client, and shows its pictures.
 */

/**
 * @typedef {object} Found What the client of the goal needs.
 * @property {string} base
 * @property {string} sessionId
 * @property {string} goalId
 * @property {import("../js/api.js").Authorize} authorize
 * @property {PusherClass | undefined} Pusher
 */

const PUSHER_WITHIN_MS = 3_000;
const DAY_SECONDS = 86_400;
export const language = document.documentElement.lang;
const loadedAt = performance.now();
const template = /** @type {HTMLTemplateElement} */ ($("texts"));
const texts = new Map(
  [...template.content.querySelectorAll("p")].map((text) => [text.dataset.name ?? "", text.textContent ?? ""]),
);

/** @param {string} id @returns {HTMLElement} */
export function $(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no ${id}.`);
  return element;
}

/**
 * Return the text with this name, or an empty text if there is none. `{when}` is replaced by `values.when`.
 *
 * @param {string} name
 * @param {Values} [values]
 */
export function say(name, values = {}) {
  return (texts.get(name) ?? "").replace(/\{(\w+)\}/g, (whole, key) => String(values[key] ?? whole));
}

/**
 * Return the text with this name for a number of things. For one thing, there may be another text, named `{name}_one`.
 *
 * @param {string} name
 * @param {number} count
 */
export function sayCount(name, count) {
  return (count === 1 && say(`${name}_one`)) || say(name, { count: number(count) });
}

/**
 * Show this text in the element. An unchanged text is left alone, because a screen reader would repeat it.
 *
 * @param {string} id
 * @param {string} text
 */
export function put(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} id @param {boolean} isShown */
export function show(id, isShown) {
  $(id).hidden = !isShown;
}

/** Return a moment in the reader's time zone: the time, and the day if it is not today. @param {number} seconds */
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  const isToday = Math.abs(Date.now() - at.getTime()) < DAY_SECONDS * 1000 && at.getDate() === new Date().getDate();
  /** @type {Intl.DateTimeFormatOptions} */
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
  if (!isToday) Object.assign(time, { day: "numeric", month: "short", weekday: "short" });
  if (seconds % 60) time.second = "2-digit";
  return new Intl.DateTimeFormat(language, time).format(at).replace(/[[\]]/g, ""); // Chinese formats put the zone in brackets
}

/** Return the day and the time of a moment, in the reader's time zone. @param {number} seconds */
export function dayAndTime(seconds) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(seconds * 1000);
}

/** Return the time of a moment, with seconds and without the day. @param {number} ms */
export function momentToday(ms) {
  return new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" }).format(ms);
}

/** Return a duration in seconds as text, such as "4:07" or "1:04:07". @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const days = Math.floor(whole / DAY_SECONDS);
  const hours = Math.floor((whole % DAY_SECONDS) / 3600);
  const parts = [Math.floor((whole % 3600) / 60), whole % 60];
  const [first, ...others] = hours || days ? [hours, ...parts] : parts;
  const time = [first, ...others.map((part) => String(part).padStart(2, "0"))].join(":");
  if (days === 0) return time;
  return say(days === 1 ? "one_day" : "days", { days, time });
}

/** @param {number} count */
export function number(count) {
  return new Intl.NumberFormat(language).format(count);
}

/**
 * Return the text that tells people why a call failed.
 *
 * @param {unknown} error
 */
export function failure(error) {
  if (!(error instanceof ApiError)) throw error;
  return say(`error_${error.code}`) || say(`error_${reasonOf(error)}`) || error.message;
}

/**
 * Show the clock: how long it is until the show starts, or until it ends.
 *
 * @param {{ state: string, show: import("../js/book.js").Goal | null }} picture
 * @param {number} now The server's time, in seconds.
 */
export function showClock({ state, show: goal }, now) {
  const isWaiting = state === "waiting";
  const start = goal?.nbf && goal.nbf > now ? goal.nbf : null;
  const end = isWaiting ? start : state === "live" || state === "entering" ? goal?.access_exp : null;
  show("clock", typeof end === "number");
  const left = typeof end === "number" ? duration(end - now) : "";
  $("clock").classList.toggle("days", typeof end === "number" && end - now > DAY_SECONDS);
  put("left", left);
  put("left-of", left && say(isWaiting ? "until_start" : "time_left"));
  document.title = [left, goal?.levels.at(-1)?.title ?? say("title")].filter(Boolean).join(" · ");
}

/**
 * Let the user sign in. Then find the session of the goal that the page's address names, and open the client.
 *
 * @param {Kind} kind
 */
export function run(kind) {
  const form = /** @type {HTMLFormElement} */ ($("sign-in"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  let isBusy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return; // a disabled button would lose the focus
    isBusy = true;
    button.textContent = say("signing_in");
    put("sign-in-error", "");
    try {
      const { username, password } = Object.fromEntries(new FormData(form));
      const account = await signIn({ base: "", username: String(username), password: String(password) });
      await enter(kind, account);
    } catch (error) {
      put("sign-in-error", failure(error));
    } finally {
      isBusy = false;
      button.textContent = say("sign_in");
    }
  });
  button.disabled = false; // from now on, the browser does not send the form by itself
}

/** @param {Kind} kind @param {SignIn} account */
async function enter(kind, account) {
  const goalId = decodeURIComponent(location.pathname.split("/").at(-1) ?? "");
  const api = new Api("", account.authorize, new ServerClock());
  const sessionId = await patiently(() => kind.find(api, goalId));
  leaveBy(account);
  /** @type {HTMLFormElement} */ ($("sign-in")).reset();
  for (const [id, isShown] of /** @type {const} */ ([["sign-in", false], ["lost", !sessionId], ["show", sessionId]])) {
    show(id, Boolean(isShown));
  }
  if (!sessionId) return void $("lost").querySelector("h1")?.focus();
  const Pusher = await pusher();
  /** @type {Client} */
  const client = kind.open({ base: "", sessionId, goalId, authorize: account.authorize, Pusher });
  $("title").focus();
  signedOut = () => {
    client.close();
    show("show", false);
    show("sign-in", true);
    put("sign-in-error", say("not_authenticated"));
  };
}

let signedOut = () => {};

/**
 * Show the state of the connection. If the sign-in has ended, ask the user to sign in again.
 *
 * @param {import("../js/client.js").Connection} connection
 */
export function showConnection({ state, reason }) {
  put("connection", say(reason));
  $("connection").dataset.state = state;
  if (state === "signed_out") setTimeout(() => signedOut());
}

/** @param {SignIn} account */
function leaveBy(account) {
  show("sign-out", true);
  for (const id of ["sign-out", "other-account"]) {
    $(id).onclick = () => void account.signOut().catch(() => {}).then(() => location.reload());
  }
}

/**
 * Repeat the call as long as its failure may be temporary.
 *
 * @template T
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function patiently(call) {
  for (let failures = 1; ; failures += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isTemporary(error) || !(error instanceof ApiError)) throw error;
      put("connection", say(reasonOf(error)));
      await new Promise((done) => setTimeout(done, pauseAfter(failures, error)));
    }
  }
}

/**
 * Return pusher-js when it has loaded, or undefined if it does not load in time. Without it, the client polls.
 *
 * @returns {Promise<PusherClass | undefined>}
 */
function pusher() {
  const script = document.getElementById("pusher-js");
  const loaded = () => /** @type {{ Pusher?: PusherClass }} */ (window).Pusher;
  if (!script || loaded()) return Promise.resolve(loaded());
  const patience = Math.max(0, loadedAt + PUSHER_WITHIN_MS - performance.now());
  return new Promise((done) => {
    for (const event of ["load", "error"]) script.addEventListener(event, () => done(loaded()));
    setTimeout(() => done(loaded()), patience);
  });
}
