import { ApiError, pauseAfter } from "./api.js";
import { Client, SPREAD_MS } from "./client.js";
import { foremost, pairsOf, standingOf } from "./standing.js";

/** @typedef {import("./book.js").Data} Data */
/** @typedef {import("./book.js").Goal} Goal */
/** @typedef {import("./client.js").Connection} Connection */
/** @typedef {import("./reasons.js").Reason} Reason */
/** @typedef {import("./standing.js").Pair} Pair */
/** @typedef {import("./standing.js").Payment} Payment */
/** @typedef {import("./standing.js").State} State */

/**
 * @typedef {object} Credentials For the paid picture. Join the room with `byteplus_rtc_info`.
 * @property {string} goal_id The show.
 * @property {number} nbf
 * @property {number} exp
 * @property {string} token
 * @property {string} byteplus_token
 * @property {{ app_id: string, room_id: string, user_id: string, token: string, exp: number }} byteplus_rtc_info
 */

/**
 * @typedef {object} ViewerPicture
 * @property {State} state
 * @property {Reason} reason
 * @property {Connection} connection
 * @property {Goal | null} show The show that concerns the viewer most: one that is paid for goes before others.
 * @property {Goal | null} funding Its funding goal.
 * @property {Payment | null} payment What the viewer has paid for it, and what becomes of the money.
 * @property {Credentials | null} credentials Not null exactly while the state is "live".
 * @property {Data | null} me
 * @property {Data | null} session
 */

/**
 * @typedef {import("./client.js").Options<ViewerPicture> & {
 *   goalId?: string,
 *   confirms?: boolean,
 *   sharesIdentity?: boolean,
 * }} ViewerOptions
 */

const JITTER_SECONDS = 3;
const CONFIRMED_WITHIN_MS = 30_000;
const CONFIRMED_AT_MOST = 3;
// With the credentials of the event in hand, the client does not wait long for its own.
const OWN_WITHIN_MS = 4_000;
const LATE_READS_MS = [0, 5_000, 10_000];
const LATER_READS_MS = 15_000;

/** @extends {Client<ViewerPicture>} */
export class Viewer extends Client {
  /** @type {Map<string, Payment>} */
  #payments = new Map();
  #arePaymentsOld = true;
  /** @type {Credentials | null} */
  #credentials = null;
  /** @type {Credentials | null} */
  #spare = null;
  /** @type {Reason | null} */
  #trouble = null;
  /** @type {number | null} */
  #askAt = null;
  #isAsking = false;
  #failures = 0;
  #lateReads = { key: "", count: 0, dueAt: 0 };
  /** @type {Set<string>} */
  #confirmed = new Set();
  #endedShow = "";
  /** @type {ViewerOptions} */
  #options;

  /** @param {ViewerOptions} options */
  constructor(options) {
    super(options);
    this.#options = options;
  }

  /** @override */
  channelNames() {
    const streamer = this.session?.streamer_id;
    const own = `presence-stream-viewer@${streamer}`;
    const hasPaid = [...this.#payments.values()].some(({ outcome }) => outcome === "pending");
    const always = [`private-stream@${streamer}`, `${own}.preview.${this.me?.id}`];
    return hasPaid ? [...always, `${own}.sd.${this.me?.id}`] : always;
  }

  /** @override @param {boolean} isFull */
  async readMore(isFull) {
    if (!isFull && !this.#arePaymentsOld) return;
    this.#arePaymentsOld = false;
    try {
      const rows = await this.api.list("/me/contributions?page_size=100", (last) => !this.#isOlder(last));
      this.#payments = sums(rows.filter((row) => row.session_id === this.options.sessionId));
    } catch (error) {
      this.#arePaymentsOld = true;
      throw error;
    }
  }

  /** @override @param {string} channel @param {string} name @param {Data} data */
  onEvent(channel, name, data) {
    if (channel.startsWith("presence-stream-viewer@")) this.#confirm(data);
    if (name === "stream.authorized" && data.byteplus_token !== undefined) this.#keep(data);
  }

  /** @override @param {string} _channel @param {string} name @param {Data} data */
  onNews(_channel, name, data) {
    if (name === "goal.ended" || name === "goal.lapsed" || name === "goal.cancelled") this.#readPaymentsLater();
    if (name === "stream.authorized") this.#askWithin(data.jitter_factor ?? JITTER_SECONDS);
  }

  /** @override @param {number} now */
  onTick(now) {
    const show = this.#pair(now)?.show ?? null;
    if (!this.#isOpen(this.#credentials, now)) this.#credentials = null;
    if (show && show.status === "live" && (show.access_exp ?? 0) <= now && this.#endedShow !== show.id) {
      this.#endedShow = show.id; // goal.ended may have been missed
      this.#readPaymentsLater();
    }
    if (!this.#wantsCredentials(now)) {
      this.#askAt = null;
      this.#failures = 0;
      this.#trouble = null;
    } else if (this.#askAt === null) {
      this.#askWithin(JITTER_SECONDS);
    } else if (!this.#isAsking && performance.now() >= this.#askAt && show) {
      void this.#ask(show);
    }
    if (show) this.#readIfLate(show, now);
  }

  /** @override */
  isNear() {
    const now = this.clock.now() / 1000;
    const { show, funding } = this.#pair(now) ?? {};
    if (!show) return funding?.status === "open" || this.#payments.size > 0;
    return show.status === "live" || (show.status === "scheduled" && (show.nbf ?? 0) - now < 300);
  }

  /** @override @param {Connection} connection @returns {ViewerPicture} */
  paint(connection) {
    const now = this.clock.now() / 1000;
    const pair = this.#pair(now);
    const standing = this.#standing(pair, now);
    const { show = null, funding = null, payment = null } = pair ?? {};
    const credentials = standing.state === "live" ? this.#credentials : null;
    return { ...standing, connection, show, funding, payment, credentials, me: this.me, session: this.session };
  }

  /**
   * Pay for a funding goal. An answer that is lost does not make the viewer pay twice.
   *
   * @param {string} fundingId
   * @param {number} amount
   * @returns {Promise<Data>} The payment.
   */
  async pay(fundingId, amount) {
    const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    for (let failures = 1; ; failures += 1) {
      try {
        const headers = { "Idempotency-Key": key };
        const paid = await this.api.post(`/goals/${fundingId}/contributions`, { amount }, headers);
        this.paid();
        return paid;
      } catch (error) {
        const isTemporary = error instanceof ApiError && (error.status === 0 || error.status >= 500 || error.status === 429);
        if (!isTemporary || failures > 4) throw error;
        await new Promise((done) => setTimeout(done, pauseAfter(failures, error)));
      }
    }
  }

  /** Say that a payment was answered 201, if the application has made it itself. */
  paid() {
    this.#arePaymentsOld = true;
    this.readSoon(0);
  }

  /** @param {number} now @returns {Pair | null} */
  #pair(now) {
    const pairs = pairsOf(this.book.goals.values(), this.#payments);
    const { goalId } = this.#options;
    const wanted = goalId ? pairs.filter(({ show, funding }) => show?.id === goalId || funding?.id === goalId) : pairs;
    return foremost(wanted, (pair) => this.#standing(pair, now));
  }

  /** @param {Pair | null} pair @param {number} now */
  #standing(pair, now) {
    const isIn = this.#isOpen(this.#credentials, now) && this.#credentials?.goal_id === pair?.show?.id;
    return standingOf(pair, { now, isIn, trouble: this.#trouble });
  }

  /** Whether the credentials let the viewer in now. @param {Credentials | null} credentials @param {number} now */
  #isOpen(credentials, now) {
    return credentials !== null && credentials.exp > now && this.book.goals.get(credentials.goal_id)?.status === "live";
  }

  /** Whether the show runs, is paid for, and lasts longer than the credentials. @param {number} now */
  #wantsCredentials(now) {
    const { show, payment } = this.#pair(now) ?? {};
    if (!show || !payment || show.status !== "live" || (show.access_exp ?? 0) <= now) return false;
    return this.#credentials?.goal_id !== show.id || this.#credentials.exp < (show.access_exp ?? 0);
  }

  /** @param {number} seconds */
  #askWithin(seconds) {
    const delay = Math.random() * seconds * 1000;
    this.#askAt = Math.min(this.#askAt ?? Infinity, performance.now() + delay);
    setTimeout(() => this.tick(), delay);
  }

  /** Ask for credentials of this device's own. If that fails, those of the event have to do. @param {Goal} show */
  async #ask(show) {
    this.#isAsking = true;
    try {
      const timeoutMs = this.#spare?.goal_id === show.id ? OWN_WITHIN_MS : undefined;
      const path = `/sessions/${this.options.sessionId}/token`;
      const answer = await this.api.get(path, timeoutMs ? { timeoutMs } : {});
      if (answer.preset === "sd") this.#enter({ ...credentialsOf(answer), goal_id: show.id }, show);
      else this.#wait("not_let_in");
    } catch (error) {
      if (this.#spare?.goal_id === show.id && this.#spare.exp > (this.#credentials?.exp ?? 0)) this.#credentials = this.#spare;
      this.#wait("token_unavailable", error);
    } finally {
      this.#isAsking = false;
    }
    this.tick();
  }

  /** @param {Credentials} credentials @param {Goal} show */
  #enter(credentials, show) {
    this.#credentials = credentials;
    this.#failures = 0;
    this.#trouble = null;
    this.#askAt = null;
    const isBehind = (show.access_exp ?? 0) < credentials.exp;
    if (isBehind) this.readSoon(0); // the event that has moved the end was missed
    // The answer may still be of before the end was moved.
    if (credentials.exp < (show.access_exp ?? 0)) this.#wait(null);
  }

  /** @param {Reason | null} trouble @param {unknown} [error] */
  #wait(trouble, error) {
    this.#failures += 1;
    this.#trouble = trouble;
    this.#askAt = performance.now() + Math.min(pauseAfter(this.#failures, error), LATER_READS_MS);
  }

  /** Keep the credentials of an event. All devices of the viewer get the same. @param {Data} data */
  #keep(data) {
    if (data.exp < (this.#spare?.goal_id === data.goal_id ? this.#spare?.exp ?? 0 : 0)) return;
    this.#spare = { ...credentialsOf(data), goal_id: data.goal_id };
    if (this.#options.sharesIdentity) this.#credentials = this.#spare;
  }

  /** Read the goals if a show should have started and nobody has said so. @param {Goal} show @param {number} now */
  #readIfLate({ id, status, nbf }, now) {
    if (status !== "scheduled" || nbf === null || now < nbf + JITTER_SECONDS) return;
    const key = `${id} ${nbf}`;
    if (this.#lateReads.key !== key) this.#lateReads = { key, count: 0, dueAt: performance.now() + Math.random() * SPREAD_MS };
    if (performance.now() < this.#lateReads.dueAt) return;
    this.#lateReads.count += 1;
    const pause = LATE_READS_MS[this.#lateReads.count] ?? LATER_READS_MS;
    this.#lateReads.dueAt = performance.now() + pause * (0.8 + 0.4 * Math.random());
    this.readSoon(0);
  }

  #readPaymentsLater() {
    const delay = Math.random() * CONFIRMED_WITHIN_MS;
    setTimeout(() => this.paid(), delay);
  }

  /** Say that an event has come, once. @param {Data} data */
  #confirm({ goal_id, event_id }) {
    if (this.#options.confirms === false || this.#confirmed.has(event_id)) return;
    this.#confirmed.add(event_id);
    let failures = 0;
    const send = async () => {
      try {
        await this.api.post(`/goals/${goal_id}/received`, { event_id });
      } catch (error) {
        failures += 1;
        const isFinal = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
        if (!isFinal && failures < CONFIRMED_AT_MOST) setTimeout(send, pauseAfter(failures, error));
      }
    };
    setTimeout(send, Math.random() * CONFIRMED_WITHIN_MS);
  }

  /** Whether the payment was made before the session began. @param {Data} payment */
  #isOlder({ created_at }) {
    return this.session !== null && created_at < this.session.created_at;
  }
}

/** @param {Data} data @returns {Credentials} */
function credentialsOf({ goal_id, nbf, exp, token, byteplus_token, byteplus_rtc_info }) {
  return { goal_id, nbf, exp, token, byteplus_token, byteplus_rtc_info };
}

/** @param {Data[]} rows @returns {Map<string, Payment>} */
function sums(rows) {
  /** @type {Map<string, Payment>} */
  const payments = new Map();
  for (const { goal_id, amount, outcome } of rows) {
    payments.set(goal_id, { amount: amount + (payments.get(goal_id)?.amount ?? 0), outcome });
  }
  return payments;
}
