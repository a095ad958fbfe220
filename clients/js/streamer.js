import { ApiError } from "./api.js";
import { Client } from "./client.js";
import { LateReads } from "./late.js";
import { Poll } from "./poll.js";
import { foremost, lapseNamed, pairsOf, standingOf } from "./standing.js";

/** @typedef {import("./book.js").Data} Data */
/** @typedef {import("./book.js").Goal} Goal */
/** @typedef {import("./client.js").Connection} Connection */
/** @typedef {import("./reasons.js").Reason} Reason */
/** @typedef {import("./standing.js").Pair} Pair */
/** @typedef {import("./standing.js").Standing} Standing */

/**
 * @typedef {object} StreamerPicture
 * @property {import("./standing.js").State} state
 * @property {Reason} reason
 * @property {Connection} connection
 * @property {Goal | null} show The running show, or else the next one.
 * @property {Goal | null} funding Its funding goal, with its progress.
 * @property {number} lateSeconds How many seconds after its `nbf` the show really began.
 * @property {Data | null} deliveries How many viewers there are, and how many were told. Null before the first reading.
 * @property {Data | null} settlement What becomes of the payments. Null before the first reading.
 * @property {{ reason: Reason, detail: string } | null} recording The recording's state, and what BytePlus has said.
 * @property {Data[] | null} timeline What has happened to the show, latest first. Null before the first reading.
 * @property {Data | null} me
 * @property {Data | null} session
 */

/** @typedef {import("./client.js").Options<StreamerPicture> & { goalId?: string }} StreamerOptions */

const SECOND_MS = 1_000;
const SELDOM_MS = 15_000;
const BUSY_MS = 15_000;
const RARELY_MS = 60_000;
/** @type {Record<string, Reason>} */
const LIGHTS = {
  requested: "recording_asked",
  started: "recording_runs",
  running: "recording_runs",
  stopped: "recording_over",
  verified: "recording_over",
  failed: "recording_failed",
};

/** @extends {Client<StreamerPicture>} */
export class Streamer extends Client {
  #busyUntil = 0;
  #options;
  #deliveries;
  #recording;
  #timeline;
  /** @type {Map<string, Poll>} By the id of the funding goal. */
  #settlements = new Map();
  #lateReads = new LateReads();

  /** @param {StreamerOptions} options */
  constructor(options) {
    super(options);
    this.#options = options;
    this.#deliveries = new Poll(this.api, () => this.tick());
    this.#recording = new Poll(this.api, () => this.tick());
    this.#timeline = new Poll(this.api, () => this.tick());
  }

  /** @override */
  channelNames() {
    return [`private-user@${this.me?.id}`];
  }

  /** @override @param {string} _channel @param {string} name @param {Data} data */
  onNews(_channel, name, data) {
    // These events do not say everything that has changed.
    if (name === "goal.updated" && (data.reason === "begun" || data.reason === "changed")) this.readSoon(0);
  }

  /** @override @param {number} now */
  onTick(now) {
    const { show = null, funding = null } = this.#pair() ?? {};
    if (show && this.#lateReads.isDue(show, now)) this.readSoon(0);
    if (document.hidden) return;
    if (funding) this.#readSettlement(funding, show);
    if (show && show.status !== "unknown") this.#readDetails(show, now);
  }

  /** @param {Goal} show @param {number} now */
  #readDetails(show, now) {
    const isBusy = performance.now() < this.#busyUntil || hasJustStarted(show, now);
    const isOver = show.status === "ended" || show.status === "cancelled";
    const often = isOver ? Infinity : SELDOM_MS;
    // Each new version of the show causes a reading, even if the pause is infinite.
    this.#deliveries.every(isBusy ? SECOND_MS : often, `/goals/${show.id}/deliveries`, `${show.id} ${show.version}`);
    const rows = `/goals/${show.id}/timeline?order=-seq`;
    const light = this.#light(show).reason;
    const isStopping = isOver && (light === "recording_asked" || light === "recording_runs");
    const isAwaited = isStopping || (show.status === "live" && light === "recording_asked");
    const hasJustEnded = isStopping && now - (show.exp ?? 0) < RARELY_MS / SECOND_MS;
    const seldomMs = show.status === "scheduled" ? Infinity : isAwaited ? SELDOM_MS : RARELY_MS; // no recording before the start
    const recordingMs = isBusy || hasJustEnded ? 3 * SECOND_MS : seldomMs;
    this.#recording.every(recordingMs, `${rows}&kind=recording&page_size=1`, `${show.id} ${show.version}`);
    const cause = `${show.id} ${show.version} ${isBusy} ${light}`;
    this.#timeline.every(isBusy ? 3 * SECOND_MS : Infinity, `${rows}&page_size=100`, cause);
  }

  /**
   * Read the settlement, unless the show waits or runs: before its end nothing is decided.
   *
   * @param {Goal} funding
   * @param {Goal | null} show
   */
  #readSettlement(funding, show) {
    if (funding.status === "unknown" || show?.status === "scheduled" || show?.status === "live") return;
    const poll = this.#settlements.get(funding.id) ?? new Poll(this.api, () => this.tick());
    this.#settlements.set(funding.id, poll);
    const isFinal = poll.body?.state === "earned" || poll.body?.state === "refund_due";
    const isDueSoon = show?.status === "ended" && poll.body?.state === "awaiting_performance";
    const pauseMs = isFinal ? Infinity : isDueSoon ? SELDOM_MS : RARELY_MS;
    poll.every(pauseMs, `/goals/${funding.id}/settlement`, `${funding.version} ${show?.version}`);
  }

  /** @override @param {Connection} connection @returns {StreamerPicture} */
  paint(connection) {
    const pair = this.#pair();
    const { show = null, funding = null } = pair ?? {};
    const { me, session } = this;
    const timeline = show && (this.#timeline.body?.results ?? null);
    const lateSeconds = show?.context.started && show.nbf ? Math.max(0, show.context.started - show.nbf) : 0;
    const deliveries = show && this.#deliveries.body;
    const recording = show && this.#light(show);
    const settlement = this.#settlement(pair);
    const known = { show, funding, lateSeconds, deliveries, settlement, recording, timeline, me, session };
    return { ...this.#standing(pair), connection, ...known };
  }

  /**
   * Send a command for the show, and take the API's response.
   *
   * @param {"start" | "cancel" | "extend" | "end"} what
   * @param {Data} [body]
   */
  async order(what, body = {}) {
    this.#take(await this.api.postOnce(`/goals/${this.#show().id}/${what}`, body));
  }

  /**
   * Move the show, or bring a cancelled show back. Throw an ApiError with the status 412 if the show is no longer as in
   * the picture; the picture is then up to date.
   *
   * @param {number} nbf
   */
  async move(nbf) {
    const show = this.#show();
    const path = `/goals/${show.id}`;
    try {
      // Without If-Match, moving a show that was cancelled a moment ago would bring it back.
      this.#take(await this.api.post(path, { nbf }, { "If-Match": etagOf(show) }, "PATCH"));
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) {
        const present = await this.api.get(path);
        // A restored backup may have a lower version than the one that the book knows, which would count as older.
        if (present.version < show.version) this.book.goals.delete(show.id);
        this.#take(present);
      }
      throw error;
    }
  }

  async closeFunding() {
    const funding = this.#pair()?.funding;
    if (!funding) throw new ApiError(404, "goal_not_found", "There is no funding goal.");
    this.#take(await this.api.postOnce(`/goals/${funding.id}/close`, {}));
  }

  /**
   * @param {string | undefined} viewerId
   * @returns {Promise<number>} The number of events that are sent again.
   */
  async redeliver(viewerId) {
    const body = viewerId === undefined ? {} : { viewer_id: viewerId };
    const { events } = await this.api.postOnce(`/goals/${this.#show().id}/redeliver`, body);
    this.#beBusy();
    this.tick();
    return events;
  }

  /** @param {Data} goal */
  #take(goal) {
    this.book.take(goal);
    this.tick();
  }

  /** Read the details more often for a while, because they now change every second. */
  #beBusy() {
    this.#busyUntil = performance.now() + BUSY_MS;
  }

  #show() {
    const show = this.#pair()?.show;
    if (!show) throw new ApiError(404, "goal_not_found", "There is no show.");
    return show;
  }

  /** @returns {Pair | null} */
  #pair() {
    const { goalId } = this.#options;
    const pairs = pairsOf(this.book.goals.values(), new Map());
    const wanted = goalId ? pairs.filter(({ show, funding }) => show?.id === goalId || funding?.id === goalId) : pairs;
    return foremost(wanted, (pair) => this.#standing(pair));
  }

  /** @param {Pair | null} pair @returns {Standing} */
  #standing(pair) {
    const settlement = this.#settlement(pair);
    const lapse = settlement?.state === "refund_due" ? (lapseNamed(settlement.reason) ?? "refund_due") : null;
    const standing = standingOf(pair, { now: this.clock.now() / 1000, isIn: false, trouble: null, lapse });
    if (standing.state !== "outside") return standing;
    return { state: "live", reason: pair?.show?.context.started_by === "streamer" ? "begun" : "not_begun" };
  }

  /** @param {Pair | null} pair @returns {Data | null} */
  #settlement(pair) {
    return this.#settlements.get(pair?.funding?.id ?? "")?.body ?? null;
  }

  /** @param {Goal} show @returns {{ reason: Reason, detail: string }} */
  #light({ status }) {
    const row = this.#recording.body?.results?.[0];
    if (row) return { reason: LIGHTS[row.outcome] ?? "recording_failed", detail: row.detail };
    return { reason: status === "live" ? "recording_asked" : "recording_waits", detail: "" };
  }
}

/**
 * Tell whether the show began less than BUSY_MS ago, so that the server may still be sending events to its viewers.
 *
 * @param {Goal} show
 * @param {number} now The server's time, in seconds.
 */
function hasJustStarted({ status, nbf, context }, now) {
  return status === "live" && now - (context.started ?? nbf ?? 0) < BUSY_MS / SECOND_MS;
}

/**
 * Return the ETag that `GET /goals/{id}` has while the goal is as it is known. It is not kept from an answer, because
 * lists of goals and events contain no ETags.
 *
 * @param {Goal} goal
 */
function etagOf({ version, progress, status }) {
  return `"${version}-${progress}-${status}"`;
}
