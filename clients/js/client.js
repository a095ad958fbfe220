/**
 * What the clients of viewers and streamers share: when to read, how to listen, and the state of the connection.
 *
 * Pauses are measured by `performance.now()`, because users may set their clocks meanwhile.
 */

import { Api, ApiError, pauseAfter, reasonOf } from "./api.js";
import { Book } from "./book.js";
import { Channels } from "./channels.js";
import { ServerClock } from "./clock.js";

/** @typedef {import("./api.js").Authorize} Authorize */
/** @typedef {import("./book.js").Data} Data */
/** @typedef {import("./channels.js").PusherClass} PusherClass */
/** @typedef {import("./reasons.js").Reason} Reason */

/**
 * @template P
 * @typedef {object} Options
 * @property {string} base The address of the API, such as "https://api.example.com".
 * @property {string} sessionId The livestream.
 * @property {Authorize} authorize Returns an access token, or a new one if the last token was refused.
 * @property {PusherClass} [Pusher] The class of pusher-js. Without it, the client polls the API.
 * @property {(picture: P) => void} [onChange] Called with each new picture.
 */

/**
 * @typedef {object} Connection "live": the client learns of changes from events; "polling": it reads again and again.
 * @property {"starting" | "live" | "polling" | "offline" | "api_away" | "signed_out" | "failed" | "closed"} state
 * @property {Reason} reason
 */

const TICK_MS = 500;
const POLL_MS = 60_000;
const NEAR_POLL_MS = 15_000;
// In a hidden tab, timers run once a minute. A longer gap means that the machine has slept.
const SLEPT_MS = 75_000;
const CLOCK_WAS_SET_MS = 3_000;
// Without a random delay, all clients would read at the same moment after a reconnect.
const SPREAD_MS = 3_000;
const LONG_SPREAD_MS = 30_000;

/** @type {Record<string, Connection["state"]>} */
const STATE_OF_TROUBLE = {
  unreachable: "offline",
  not_authenticated: "signed_out",
  session_not_found: "failed",
  api_refused: "failed",
};

/**
 * @template P The picture.
 * @abstract
 */
export class Client {
  book = new Book();
  clock = new ServerClock();
  /** @type {Data | null} */
  me = null;
  /** @type {Data | null} */
  session = null;
  /** @type {P | null} */
  picture = null;
  /** @type {Reason | null} */
  #trouble = "starting";
  #failures = 0;
  /** Ids of goals that the client has looked for once. @type {Set<string>} */
  #unknown = new Set();
  #readAt = 0;
  #notBefore = 0;
  #isReading = false;
  #isFull = true;
  /** Whether events may have been missed since the last reading. */
  #isBehind = false;
  #isClosed = false;
  #wasOpen = false;
  #last = { wall: Date.now(), steady: performance.now() };
  #shown = "";
  /** @type {(() => void)[]} */
  #undo = [];

  /** @param {Options<P>} options */
  constructor(options) {
    this.options = options;
    this.api = new Api(options.base, options.authorize, this.clock);
    this.channels = new Channels(options.Pusher, this.api, {
      onEvent: (channel, name, data) => this.#hear(channel, name, data),
      onSubscribed: () => this.#catchUp(),
      onChange: () => this.tick(),
    });
  }

  /** @returns {string[]} The channels to listen to, once `me` and `session` are known. */
  channelNames() {
    return [];
  }

  /** Read what only this kind of client needs. @param {boolean} _isFull @returns {Promise<void>} */
  async readMore(_isFull) {}

  /** Take an event that is new. @param {string} _channel @param {string} _name @param {Data} _data */
  onNews(_channel, _name, _data) {}

  /** Take any event, even a repeat. @param {string} _channel @param {string} _name @param {Data} _data */
  onEvent(_channel, _name, _data) {}

  /** Called when all channels are subscribed, including after each reconnect. */
  onSubscribed() {}

  /** Do what is due at this time. @param {number} _now The server's time in seconds. */
  onTick(_now) {}

  /** Tell whether something is about to happen, so that a client without events reads more often. @returns {boolean} */
  isNear() {
    return true;
  }

  /**
   * Tell whether a decision is still to come. A client that gets no events learns of it only by reading everything.
   *
   * @returns {boolean}
   */
  isUndecided() {
    return false;
  }

  /** @param {Connection} _connection @returns {P} */
  paint(_connection) {
    throw new Error("A subclass must implement paint().");
  }

  /** Start reading and listening. */
  start() {
    const timer = setInterval(() => this.tick(), TICK_MS);
    this.#undo.push(() => clearInterval(timer));
    this.#on("online", () => this.refresh());
    this.#on("offline", () => this.tick());
    this.#on("pageshow", () => this.tick());
    this.#on("visibilitychange", () => this.tick());
    this.tick();
  }

  /** Stop for good. */
  close() {
    this.#isClosed = true;
    for (const undo of this.#undo) undo();
    this.channels.close();
    this.#publish();
  }

  /** Return the response of the session token view. @returns {Promise<Data>} */
  token() {
    return this.api.get(`/sessions/${this.options.sessionId}/token`);
  }

  /** Read everything now, for example after the user has signed in again. */
  refresh() {
    this.#notBefore = 0;
    this.readSoon(0, true);
  }

  /**
   * @param {number} delayMs
   * @param {boolean} [isFull] Whether to read everything, and not only the goals.
   */
  readSoon(delayMs, isFull = false) {
    this.#readAt = Math.min(this.#readAt, performance.now() + delayMs);
    this.#isFull ||= isFull;
    if (delayMs === 0) this.tick();
    else setTimeout(() => this.tick(), delayMs);
  }

  tick() {
    if (this.#isClosed) return;
    this.#notice();
    if (this.me && this.session) this.channels.want(this.channelNames());
    this.onTick(this.clock.now() / 1000);
    if (!this.#isReading && performance.now() >= Math.max(this.#readAt, this.#notBefore)) void this.#read();
    this.#publish();
  }

  /** Read what was missed while the client was not subscribed. If a show is near, read it sooner. */
  #catchUp() {
    this.#isBehind = true;
    this.readSoon(Math.random() * (this.isNear() ? SPREAD_MS : LONG_SPREAD_MS));
    this.onSubscribed();
  }

  /** If the machine has slept, a clock was set, or the channels are no longer open, plan to read what was missed. */
  #notice() {
    const wall = Date.now();
    const steady = performance.now();
    const passed = wall - this.#last.wall;
    const drift = Math.abs(passed - (steady - this.#last.steady));
    this.#last = { wall, steady };
    if (passed > SLEPT_MS || drift > CLOCK_WAS_SET_MS) {
      this.#readAt = this.#notBefore = 0;
      this.#isFull = true;
      this.channels.reconnect();
    }
    const isOpen = this.channels.reason === "channels_open";
    if (this.#wasOpen && !isOpen) this.#readAt = Math.min(this.#readAt, steady + this.#pollMs());
    this.#wasOpen = isOpen;
  }

  async #read() {
    const isBehind = this.#isBehind || this.channels.reason !== "channels_open";
    const isFull = this.#isFull || (isBehind && this.isUndecided());
    this.#isReading = true;
    this.#isFull = this.#isBehind = false;
    this.#readAt = Infinity;
    try {
      const { sessionId } = this.options;
      const [me, session] = await Promise.all([
        this.me ?? this.api.get("/me"),
        isFull ? this.api.get(`/sessions/${sessionId}`) : this.session,
      ]);
      if (!me.id || !session.id) throw new TypeError("The answer does not come from the API.");
      [this.me, this.session] = [me, session];
      const [goals] = await Promise.all([
        this.api.list(`/goals?session_id=${sessionId}&page_size=100`, () => true),
        this.readMore(isFull),
      ]);
      for (const goal of goals) this.book.take(goal);
      if (!isFull && isBehind && this.isUndecided()) this.readSoon(Math.random() * SPREAD_MS, true);
      this.#failures = 0;
      this.#trouble = null;
      this.#readAt = Math.min(this.#readAt, performance.now() + this.#pollMs());
    } catch (error) {
      this.#isFull ||= isFull;
      this.#isBehind ||= isBehind;
      this.#fail(error);
    } finally {
      this.#isReading = false;
    }
    this.tick();
  }

  /** @param {unknown} error */
  #fail(error) {
    const isProblem = error instanceof ApiError;
    this.#failures += 1;
    this.#trouble = isProblem ? reasonOf(error) : "api_unavailable";
    this.#readAt = 0;
    this.#notBefore = performance.now() + pauseAfter(this.#failures, error);
    if (!isProblem) throw error; // a mistake in this code, or a response that is not the API's
  }

  /**
   * @param {string} channel
   * @param {string} name
   * @param {Data} data
   */
  #hear(channel, name, data) {
    if (this.#isClosed || typeof data?.goal_id !== "string" || this.#isOfAnotherSession(data)) return;
    this.onEvent(channel, name, data);
    if (this.book.hear(name, data)) {
      if (!this.book.isComplete(data.goal_id)) this.readSoon(Math.random() * SPREAD_MS);
      this.onNews(channel, name, data);
    }
    this.tick();
  }

  /**
   * Tell whether the event is about another session. A streamer's channels have the events of all their sessions.
   *
   * @param {Data} data
   */
  #isOfAnotherSession({ goal_id, session_id }) {
    if (session_id !== undefined) return session_id !== this.options.sessionId;
    if (this.book.goals.has(goal_id)) return false;
    // goal.progressed does not name its session. The goal may be of this one, if its goal.added was lost.
    if (!this.#unknown.has(goal_id)) this.readSoon(Math.random() * SPREAD_MS);
    this.#unknown.add(goal_id);
    return true;
  }

  #pollMs() {
    if (this.channels.reason === "channels_open") return Infinity;
    return (this.isNear() ? NEAR_POLL_MS : POLL_MS) * (0.8 + 0.4 * Math.random());
  }

  #publish() {
    const picture = this.paint(this.#connection());
    const shown = JSON.stringify(picture);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.picture = picture;
    this.options.onChange?.(picture);
  }

  /** @returns {Connection} */
  #connection() {
    if (this.#isClosed) return { state: "closed", reason: "closed" };
    const trouble = this.#trouble;
    if (trouble === "starting") return { state: "starting", reason: trouble };
    if (trouble) return { state: STATE_OF_TROUBLE[trouble] ?? "api_away", reason: trouble };
    const reason = this.channels.reason;
    return { state: reason === "channels_open" ? "live" : "polling", reason };
  }

  /**
   * @param {string} event
   * @param {() => void} listener
   */
  #on(event, listener) {
    const target = event === "visibilitychange" ? document : window;
    target.addEventListener(event, listener);
    this.#undo.push(() => target.removeEventListener(event, listener));
  }
}
