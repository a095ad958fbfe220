import { Admission, JITTER_SECONDS } from "./admission.js";
import { Client } from "./client.js";
import { LateReads } from "./late.js";
import { OutcomeReads } from "./outcome.js";
import { CONFIRMED_WITHIN_MS, Receipts } from "./receipts.js";
import { foremost, pairsOf, standingOf } from "./standing.js";

/** @typedef {import("./admission.js").Credentials} Credentials */
/** @typedef {import("./book.js").Data} Data */
/** @typedef {import("./book.js").Goal} Goal */
/** @typedef {import("./client.js").Connection} Connection */
/** @typedef {import("./reasons.js").Reason} Reason */
/** @typedef {import("./standing.js").Pair} Pair */
/** @typedef {import("./standing.js").Payment} Payment */
/** @typedef {import("./standing.js").State} State */

/**
 * @typedef {object} ViewerPicture
 * @property {State} state
 * @property {Reason} reason
 * @property {Connection} connection
 * @property {Goal | null} show The show that concerns the viewer most: a paid show comes before others.
 * @property {Goal | null} funding Its funding goal.
 * @property {Payment | null} payment What the viewer has paid for the funding goal, and what becomes of the money.
 * @property {Credentials | null} credentials Null unless the state is "live".
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

/** @extends {Client<ViewerPicture>} */
export class Viewer extends Client {
  /** @type {Map<string, Payment>} */
  #payments = new Map();
  #arePaymentsOld = true;
  #lateReads = new LateReads();
  #outcomeReads = new OutcomeReads();
  #endedShow = "";
  #options;
  #receipts;
  #admission;

  /** @param {ViewerOptions} options */
  constructor(options) {
    super(options);
    this.#options = options;
    this.#receipts = new Receipts(this.api);
    this.#admission = new Admission(this.api, options.sessionId, options.sharesIdentity ?? false, this);
  }

  /** @override */
  channelNames() {
    const streamer = this.session?.streamer_id;
    const own = `presence-stream-viewer@${streamer}`;
    const isAwaited = pairsOf(this.book.goals.values(), this.#payments).some(
      ({ show, payment }) => payment?.outcome === "pending" && show?.status !== "ended" && show?.status !== "cancelled",
    );
    const always = [`private-stream@${streamer}`, `${own}.preview.${this.me?.id}`];
    return isAwaited ? [...always, `${own}.sd.${this.me?.id}`] : always; // the server would refuse the sd channel
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
    const isOwn = channel.startsWith("presence-stream-viewer@");
    if (isOwn && this.#options.confirms !== false) this.#receipts.confirm(data);
    if (name === "stream.authorized" && data.byteplus_token !== undefined) this.#admission.take(data);
  }

  /** @override @param {string} _channel @param {string} name @param {Data} data */
  onNews(_channel, name, data) {
    if (name === "goal.ended" || name === "goal.lapsed" || name === "goal.cancelled") this.#readPaymentsLater();
    if (name === "stream.authorized") {
      const seconds = data.jitter_factor ?? JITTER_SECONDS;
      if (!this.#hasPaidFor(data.goal_id)) this.#readPaymentsWithin(seconds); // the viewer has paid on another device
      this.#admission.askWithin(seconds);
    }
  }

  /** @override */
  onSubscribed() {
    this.#readPaymentsLater();
  }

  /** @override @param {number} now */
  onTick(now) {
    const pair = this.#pair(now);
    const { show, payment } = pair ?? {};
    if (!this.#isIn(now)) this.#admission.credentials = null;
    if (show?.status === "live" && !isOn(show, now) && this.#endedShow !== show.id) {
      this.#endedShow = show.id; // the client may have missed goal.ended
      this.#readPaymentsLater();
    }
    this.#admission.tend(show && payment && isOn(show, now) ? show : null);
    if (show && this.#lateReads.isDue(show, now)) this.readSoon(0);
    if (!document.hidden) this.#readOutcome(pair, now);
  }

  /**
   * Read the payments from time to time if the show is over, and it is undecided what becomes of the viewer's payment.
   *
   * @param {Pair | null} pair
   * @param {number} now
   */
  #readOutcome(pair, now) {
    const outcome = pair?.payment?.outcome;
    const isUndecided = outcome === "pending" || outcome === "in_question";
    if (!isUndecided || !this.#isOver(pair, now)) return;
    if (this.#outcomeReads.isDue(`${pair?.show?.id ?? pair?.funding?.id} ${outcome}`)) this.paid();
  }

  /** @override */
  isNear() {
    const now = this.clock.now() / 1000;
    const { show, funding } = this.#pair(now) ?? {};
    if (!show) return funding?.status === "open" || this.#payments.size > 0;
    return show.status === "live" || (show.status === "scheduled" && (show.nbf ?? 0) - now < 300);
  }

  /** @override */
  isUndecided() {
    const now = this.clock.now() / 1000;
    const pair = this.#pair(now);
    const { state } = this.#standing(pair, now);
    if (state === "funding" || state === "cancelled") return true;
    // A payment may be in question for days. #readOutcome reads it more rarely than a client without events polls.
    return this.#isOver(pair, now) && pair?.payment?.outcome === "pending";
  }

  /** @override @param {Connection} connection @returns {ViewerPicture} */
  paint(connection) {
    const now = this.clock.now() / 1000;
    const pair = this.#pair(now);
    const standing = this.#standing(pair, now);
    const { show = null, funding = null, payment = null } = pair ?? {};
    const credentials = standing.state === "live" ? this.#admission.credentials : null;
    return { ...standing, connection, show, funding, payment, credentials, me: this.me, session: this.session };
  }

  /**
   * Pay for a funding goal. If a response is lost, the viewer does not pay twice.
   *
   * @param {string} fundingId
   * @param {number} amount
   * @returns {Promise<Data>} The payment.
   */
  async pay(fundingId, amount) {
    const paid = await this.api.postOnce(`/goals/${fundingId}/contributions`, { amount });
    this.paid();
    return paid;
  }

  /** Tell the client that the application itself has made a payment that was answered with 201. */
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
    const { credentials, trouble } = this.#admission;
    const isIn = this.#isIn(now) && credentials?.goal_id === pair?.show?.id;
    const lapse = this.session?.status === "ended" ? "session_ended" : null;
    return standingOf(pair, { now, isIn, trouble, lapse });
  }

  /** Tell whether the show has ended, or cannot follow any more. @param {Pair | null} pair @param {number} now */
  #isOver(pair, now) {
    const { state } = this.#standing(pair, now);
    return state === "ended" || state === "lapsed";
  }

  /** Tell whether the credentials let the viewer in now. @param {number} now */
  #isIn(now) {
    const { credentials } = this.#admission;
    return credentials !== null && credentials.exp > now && this.book.goals.get(credentials.goal_id)?.status === "live";
  }

  #readPaymentsLater() {
    this.#readPaymentsWithin(CONFIRMED_WITHIN_MS / 1000);
  }

  /** @param {number} seconds */
  #readPaymentsWithin(seconds) {
    setTimeout(() => this.paid(), Math.random() * seconds * 1000);
  }

  /** @param {string} showId */
  #hasPaidFor(showId) {
    const pairs = pairsOf(this.book.goals.values(), this.#payments);
    return pairs.some(({ show, payment }) => show?.id === showId && payment);
  }

  /** Tell whether the payment was made before the session began. @param {Data} payment */
  #isOlder({ created_at }) {
    return this.session !== null && created_at < this.session.created_at;
  }
}

/** @param {Goal} show @param {number} now */
function isOn({ status, access_exp }, now) {
  return status === "live" && (access_exp ?? 0) > now;
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
